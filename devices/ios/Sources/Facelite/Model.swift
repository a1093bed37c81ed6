import Foundation

/// A network that an interpreter has opened. It serves one thread at a time.
public protocol Model: AnyObject {
    /// Numbers of its one input.
    var inputSize: Int { get }
    /// Numbers of each output, by name.
    var outputSizes: [String: Int] { get }

    /// Runs on `input` (`inputSize` numbers, row by row, colours last) and writes into the arrays of `outputs`, which has one of the right size for each output.
    ///
    /// Throws where the interpreter fails.
    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws
}

/// What opens models: an interpreter.
public protocol Models {
    /// Throws where the interpreter does not take the file.
    func open(_ file: ModelFile) throws -> any Model
}

/// The file of a model among an app's files.
public struct ModelFile: Sendable {
    /// `embedder.tflite`, `detector.mlpackage` and so on.
    public let name: String
    public let url: URL
    /// As the manifest has it, hexadecimal. Of a .tflite it has been checked.
    public let sha256: String
}
