// Of an app that has the pod TensorFlowLiteSwift: a pod's module is not seen by a package, so this file belongs into the app's own target. `nonisolated`: of a
// target whose types are on the main actor by default, too.
import Facelite
import Foundation
import TensorFlowLite

/// Opens .tflite files by TensorFlow Lite on the CPU.
struct TFLiteModels: Models {
    /// Throws `FaceliteError` for a model of another form, and what TensorFlow Lite throws.
    nonisolated func open(_ file: ModelFile) throws -> any Model {
        var options = Interpreter.Options()
        options.threadCount = 1
        return try TFLiteModel(Interpreter(modelPath: file.url.path, options: options))
    }
}

/// One input and one or more outputs, all float32.
private final class TFLiteModel: Model {
    nonisolated let inputSize: Int
    nonisolated let outputSizes: [String: Int]

    private nonisolated(unsafe) var interpreter: Interpreter  // var: Swift 6.0 takes such a constant for the main actor's

    nonisolated init(_ interpreter: Interpreter) throws {
        try interpreter.allocateTensors()
        guard interpreter.inputTensorCount == 1 else {
            throw FaceliteError("expected a model of one input, got \(interpreter.inputTensorCount); pack the app's files again")
        }
        inputSize = try floatCount(interpreter.input(at: 0))
        let outputs = try (0..<interpreter.outputTensorCount).map { try interpreter.output(at: $0) }
        outputSizes = try Dictionary(outputs.map { ($0.name, try floatCount($0)) }, uniquingKeysWith: +)
        self.interpreter = interpreter
    }

    nonisolated func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {
        try input.withUnsafeBytes { bytes in
            _ = try interpreter.copy(Data(bytes), toInputAt: 0)
        }
        try interpreter.invoke()
        for index in 0..<interpreter.outputTensorCount {
            let tensor = try interpreter.output(at: index)
            _ = outputs[tensor.name]?.withUnsafeMutableBytes { tensor.data.copyBytes(to: $0) }
        }
    }
}

private nonisolated func floatCount(_ tensor: Tensor) throws -> Int {
    guard tensor.dataType == .float32 else {
        throw FaceliteError("expected float32 in and out, got \(tensor.dataType) of \(tensor.name); pack the app's files again")
    }
    return tensor.shape.dimensions.reduce(1, *)
}
