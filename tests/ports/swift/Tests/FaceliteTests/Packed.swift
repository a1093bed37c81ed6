import Foundation
import LiteRtModels

@testable import Facelite

/// The files that the package was packed with.
enum Packed {
    static let folder = PackedFiles.tflite
    static let facelite = opened { try Facelite(assets: folder, models: LiteRtModels()) }
    static let manifest = facelite.manifest
    static let goldens = opened { try Assets(folder: folder).goldens() }

    /// A copy of the files to change.
    static func copy() throws -> URL {
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.copyItem(at: folder, to: copy)
        return copy
    }

    /// The manifest with a change in it.
    static func manifest(_ change: (inout [String: Any]) -> Void) throws -> Manifest {
        let json = try Data(contentsOf: folder.appendingPathComponent("facelite.json"))
        var table = try JSONSerialization.jsonObject(with: json) as? [String: Any] ?? [:]
        change(&table)
        return try Manifest(json: JSONSerialization.data(withJSONObject: table))
    }

    private static func opened<Value>(_ open: () throws -> Value) -> Value {
        do {
            return try open()
        } catch {
            fatalError("\(error)")
        }
    }
}
