import Facelite
import Foundation

/// The gallery in a file: encrypted with a key of the Keychain, readable only while the device is unlocked, and in no backup. Used on the camera's queue.
struct GalleryStore {
    private nonisolated let vault = KeychainVault()

    /// An empty gallery where none is stored.
    nonisolated func load(for manifest: Manifest) throws -> Gallery {
        let file = try file()
        guard FileManager.default.fileExists(atPath: file.path) else { return Gallery(space: manifest.space) }
        return try Gallery.load(Data(contentsOf: file), openedBy: vault, for: manifest)
    }

    nonisolated func save(_ gallery: Gallery) throws {
        var file = try file()
        try gallery.save(sealedBy: vault).write(to: file, options: [.atomic, .completeFileProtection])
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try file.setResourceValues(values)
    }

    /// Deletes the file and the key: no copy of the file can be opened any more.
    nonisolated func delete() throws {
        try vault.erase()
        let file = try file()
        if FileManager.default.fileExists(atPath: file.path) {
            try FileManager.default.removeItem(at: file)
        }
    }

    private nonisolated func file() throws -> URL {
        let folder = try FileManager.default.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        return folder.appendingPathComponent("gallery.sealed")
    }
}
