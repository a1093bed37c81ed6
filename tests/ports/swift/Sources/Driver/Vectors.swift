import Foundation

@testable import Facelite

/// Of vectors that are not as the driver reads them: never a refusal of the port.
struct Unreadable: Error {
    let description: String
}

/// An object of vectors.json whose arrays lie in vectors.bin.
struct Fields {
    let table: [String: Any]
    let binary: Data

    func value<Value>(_ name: String) throws -> Value {
        guard let value = table[name] as? Value else {
            throw Unreadable(description: "\(name) of \(Value.self): \(table[name] ?? "none")")
        }
        return value
    }

    func fields(_ name: String) throws -> Fields { Fields(table: try value(name), binary: binary) }
    func optional<Value>(_ name: String) -> Value? { table[name] as? Value }
    func number(_ name: String) throws -> Double { try value(name) }
    func int(_ name: String) throws -> Int { try value(name) }
    func points(_ name: String) throws -> [Point] { (try value(name) as [[Double]]).map { Point(x: $0[0], y: $0[1]) } }
    func boxes(_ name: String) throws -> [Box] { (try value(name) as [[Double]]).map(Box.init) }

    func json(_ name: String) throws -> Data { try JSONSerialization.data(withJSONObject: value(name) as [String: Any]) }

    func rule() throws -> Rule {
        guard let rule = Rule(rawValue: try value("rule")) else { throw Unreadable(description: "\(table)") }
        return rule
    }

    /// Of an array, or of a list in the JSON.
    func floats(_ name: String) throws -> [Float] {
        if let list: [Double] = optional(name) {
            return list.map(Float.init)
        }
        return try bytes(name, "float32").withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
        }
    }

    /// Of an array of (height, width, 3).
    func picture(_ name: String) throws -> Frame {
        let shape: [Int] = try fields(name).value("shape")
        return try Frame(height: shape[0], width: shape[1], pixels: [UInt8](bytes(name, "uint8")))
    }

    /// One colour with pictures drawn into it.
    func frame(_ name: String) throws -> Frame {
        let drawing = try fields(name)
        let (height, width) = (try drawing.int("height"), try drawing.int("width"))
        let colour: [Int] = try drawing.value("colour")
        var pixels = (0..<height * width).flatMap { _ in colour.map(UInt8.init) }
        for table in try drawing.value("pictures") as [[String: Any]] {
            let one = Fields(table: table, binary: binary)
            let (picture, x, y) = (try one.picture("pixels"), try one.int("x"), try one.int("y"))
            for row in 0..<picture.height {
                let at = 3 * ((y + row) * width + x)
                pixels.replaceSubrange(at..<at + 3 * picture.width, with: picture.pixels[3 * row * picture.width..<3 * (row + 1) * picture.width])
            }
        }
        return try Frame(height: height, width: width, pixels: pixels)
    }

    private func bytes(_ name: String, _ dtype: String) throws -> Data {
        let array = try fields(name)
        let (shape, at): ([Int], Int) = (try array.value("shape"), try array.int("at"))
        guard try array.value("dtype") == dtype else { throw Unreadable(description: "\(name) of \(dtype): \(array.table)") }
        return binary[at..<at + shape.reduce(dtype == "uint8" ? 1 : 4, *)]
    }
}

extension Box {
    init(_ numbers: [Double]) {
        self.init(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
    }
}

/// OUT/answers.json with its arrays in OUT/answers.bin.
struct Answers {
    private var stages: [String: [String: Any]] = [:]
    private var binary = Data()

    mutating func add(_ stage: String, _ name: String, _ answer: [String: Any]?) {
        stages[stage, default: [:]][name] = answer ?? NSNull()
    }

    /// The table of an array that is put into the binary file.
    mutating func array(_ pixels: [UInt8], _ shape: [Int]) -> [String: Any] {
        place(Data(pixels), "uint8", shape)
    }

    mutating func array(_ numbers: [Float], _ shape: [Int]) -> [String: Any] {
        place(numbers.withUnsafeBytes { Data($0) }, "float32", shape)
    }

    func write(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try binary.write(to: folder.appendingPathComponent("answers.bin"))
        try JSONSerialization.data(withJSONObject: stages).write(to: folder.appendingPathComponent("answers.json"))
    }

    private mutating func place(_ data: Data, _ dtype: String, _ shape: [Int]) -> [String: Any] {
        binary.append(Data(count: (8 - binary.count % 8) % 8))
        defer { binary.append(data) }
        return ["dtype": dtype, "shape": shape, "at": binary.count]
    }
}
