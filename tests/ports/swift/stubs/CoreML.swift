// What facelite uses of Core ML: developer.apple.com/documentation/coreml
@_exported import Foundation

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly, cpuAndGPU, all, cpuAndNeuralEngine
}

public final class MLModelConfiguration {
    public init() { fatalError() }
    public var computeUnits: MLComputeUnits {
        get { fatalError() }
        set { fatalError() }
    }
}

public final class MLModel {
    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError() }
    public class func compileModel(at modelURL: URL) throws -> URL { fatalError() }
    public var modelDescription: MLModelDescription { fatalError() }
    public func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider { fatalError() }
}

public final class MLModelDescription {
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
    public var outputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

public final class MLFeatureDescription {
    public var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
}

public final class MLMultiArrayConstraint {
    public var shape: [NSNumber] { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
}

public enum MLMultiArrayDataType: Int, Sendable {
    case float32, float16, double, int32
}

public final class MLMultiArray {
    public init(
        dataPointer: UnsafeMutableRawPointer, shape: [NSNumber], dataType: MLMultiArrayDataType, strides: [NSNumber],
        deallocator: ((UnsafeMutableRawPointer) -> Void)?
    ) throws { fatalError() }
    public var count: Int { fatalError() }
    public var shape: [NSNumber] { fatalError() }
    public var strides: [NSNumber] { fatalError() }
    public var dataType: MLMultiArrayDataType { fatalError() }
    public var dataPointer: UnsafeMutableRawPointer { fatalError() }
}

public final class MLFeatureValue {
    public init(multiArray value: MLMultiArray) { fatalError() }
    public var multiArrayValue: MLMultiArray? { fatalError() }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public final class MLDictionaryFeatureProvider: MLFeatureProvider {
    public init(dictionary: [String: Any]) throws { fatalError() }
    public var featureNames: Set<String> { fatalError() }
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}
