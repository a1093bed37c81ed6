// What the sample of TensorFlow Lite uses: github.com/tensorflow/tensorflow, tensorflow/lite/swift/Sources, as of release 2.17
@_exported import Foundation

public final class Interpreter {
    public struct Options {
        public var threadCount: Int?
        public init() { fatalError() }
    }

    public init(modelPath: String, options: Options? = nil) throws { fatalError() }
    public var inputTensorCount: Int { fatalError() }
    public var outputTensorCount: Int { fatalError() }
    public func allocateTensors() throws { fatalError() }
    public func input(at index: Int) throws -> Tensor { fatalError() }
    public func output(at index: Int) throws -> Tensor { fatalError() }
    public func invoke() throws { fatalError() }
    @discardableResult public func copy(_ data: Data, toInputAt index: Int) throws -> Tensor { fatalError() }
}

public struct Tensor {
    public enum DataType {
        case bool, uint8, int16, int32, int64, float16, float32, float64
    }

    public struct Shape {
        public let dimensions: [Int]
    }

    public let name: String
    public let dataType: DataType
    public let shape: Shape
    public let data: Data
}
