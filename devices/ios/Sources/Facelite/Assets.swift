import Foundation

/// The folder of an app's files.
struct Assets {
    let folder: URL

    /// The content of a file. Throws `FaceliteError` where there is none.
    func data(_ name: String) throws -> Data {
        do {
            return try Data(contentsOf: folder.appendingPathComponent(name), options: .mappedIfSafe)
        } catch {
            throw FaceliteError(
                "expected the file \(name) in \(folder.path), got \(error.localizedDescription); add the packed folder to the app as it is")
        }
    }

    /// The manifest, and every file as it says. Throws `FaceliteError`.
    ///
    /// Where Xcode has put a compiled model in the place of a Core ML package, there is nothing to check: the self-test stands for it.
    func checked() throws -> Manifest {
        let manifest = try Manifest(json: data(manifestFile))
        for (name, expected) in manifest.files.sorted(by: { $0.key < $1.key }) {
            let got = try name.hasSuffix(".mlpackage") ? packageHash(name) : sha256(data(name))
            try require(got == nil || got == expected, "expected \(name) of SHA-256 \(expected), got \(got ?? "none"); pack the app's files again")
        }
        return manifest
    }

    /// The SHA-256 of a line for each file of the package, its own SHA-256 and its path, by rising path; nil where there is no package.
    private func packageHash(_ name: String) throws -> String? {
        guard let paths = FileManager.default.subpaths(atPath: folder.appendingPathComponent(name).path) else { return nil }
        let lines = try paths.sorted().compactMap { path -> String? in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: folder.appendingPathComponent(name).appendingPathComponent(path).path, isDirectory: &isFolder)
            return isFolder.boolValue ? nil : "\(sha256(try data("\(name)/\(path)")))  \(path)\n"
        }
        return sha256(Data(lines.joined().utf8))
    }

    func file(_ name: String, of manifest: Manifest) -> ModelFile {
        ModelFile(name: name, url: folder.appendingPathComponent(name), sha256: manifest.files[name] ?? "")
    }

    /// How two embeddings are compared. Throws `FaceliteError` for a head that cannot be.
    func distance(_ manifest: Manifest) throws -> Distance {
        guard manifest.siamese else { return .squaredL2 }
        let head = try decoded(Head.self, headFile)
        try head.check(size: manifest.embedding)
        return .siamese(head)
    }

    /// Throws `FaceliteError`.
    func goldens() throws -> [Golden] {
        let binary = try data(pixelsFile)
        return try decoded([GoldenTable].self, goldenFile).map { table in
            try require(
                table.landmarks.count == 4 && table.landmarks.allSatisfy { $0.count == 2 },
                "expected 4 landmarks of a golden vector, got \(table.landmarks); pack the app's files again")
            return Golden(
                frame: try table.frame.picture(in: binary), crop: try table.crop.picture(in: binary),
                landmarks: table.landmarks.map { Point(x: $0[0], y: $0[1]) }, embedding: table.embedding)
        }
    }

    private func decoded<Value: Decodable>(_: Value.Type, _ name: String) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: data(name))
        } catch let error as DecodingError {
            throw FaceliteError("expected \(name) as it was packed, got \(reason(error)); pack the app's files again")
        }
    }
}

private struct GoldenTable: Decodable {
    let frame, crop: ArrayTable
    let landmarks: [[Double]]
    let embedding: [Float]
}

/// Where an array of bytes lies in golden.bin.
private struct ArrayTable: Decodable {
    let dtype: String
    let shape: [Int]
    let at: Int

    func picture(in binary: Data) throws -> Frame {
        let sizes = (1...4096)
        try require(
            dtype == "uint8" && shape.count == 3 && shape[2] == 3 && sizes.contains(shape[0]) && sizes.contains(shape[1])
                && at >= 0 && at <= binary.count && binary.count - at >= 3 * shape[0] * shape[1],
            "expected a picture of 3 bytes a pixel in golden.bin, got \(dtype) \(shape) at \(at) of \(binary.count); pack the app's files again")
        let start = binary.startIndex + at
        return try Frame(height: shape[0], width: shape[1], pixels: [UInt8](binary[start..<start + 3 * shape[0] * shape[1]]))
    }
}
