import CLiteRT
import Facelite

/// Opens .tflite files by LiteRT's own library, through tests/runtimes/c/model.c.
public struct LiteRtModels: Models {
    public init() {}

    public func open(_ file: ModelFile) throws -> any Model {
        try LiteRtModel(file)
    }
}

private final class LiteRtModel: Model {
    let inputSize: Int
    let outputSizes: [String: Int]

    private let handle: OpaquePointer
    private let names: [String]
    private var numbers: [Float]

    init(_ file: ModelFile) throws {
        handle = try reporting { model_open(file.url.path, $0) }
        inputSize = model_input_size(handle)
        numbers = [Float](repeating: 0, count: model_outputs_size(handle))
        // model.c gives outputs in the order of their names, which it does not tell
        outputSizes = file.name.hasPrefix("detector") ? ["classificators": 896, "regressors": 896 * 16] : ["embedding": numbers.count]
        names = outputSizes.keys.sorted()
    }

    deinit {
        model_close(handle)
    }

    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {
        _ = try reporting { model_run(handle, input, &numbers, $0) ? true : nil }
        var start = 0
        for name in names {
            let size = outputSizes[name] ?? 0
            outputs[name]?.withUnsafeMutableBufferPointer { _ = $0.update(from: numbers[start..<start + size]) }
            start += size
        }
    }
}

/// What `call` gives; throws the reason that it writes where it gives nothing.
private func reporting<Value>(_ call: (UnsafeMutablePointer<CChar>) -> Value?) throws -> Value {
    var reason = [CChar](repeating: 0, count: MODEL_ERROR)
    guard let value = reason.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap(call) }) else {
        throw FaceliteError(String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return value
}
