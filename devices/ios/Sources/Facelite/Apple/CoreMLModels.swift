#if canImport(CoreML)
import CoreML
import Foundation

/// Opens Core ML packages. A package is compiled when it is opened first, and what came of it is kept among the app's caches.
public struct CoreMLModels: Models, Sendable {
    private let computeUnits: MLComputeUnits

    /// Where models run: `.all` lets Core ML choose. The self-test refuses units that give other embeddings; `.cpuOnly` is then the way out.
    public init(computeUnits: MLComputeUnits = .all) {
        self.computeUnits = computeUnits
    }

    /// Throws `FaceliteError` for a model of another form, and what Core ML throws.
    public func open(_ file: ModelFile) throws -> any Model {
        let files = FileManager.default
        let beside = file.url.deletingPathExtension().appendingPathExtension("mlmodelc")
        if files.fileExists(atPath: beside.path) {
            return try CoreMLModel(loaded(beside))
        }
        let caches = try files.url(for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        let kept = caches.appendingPathComponent("facelite").appendingPathComponent("\(file.sha256).mlmodelc")
        if let model = try? loaded(kept) {
            return try CoreMLModel(model)
        }
        try? files.removeItem(at: kept)  // damaged, or not there yet
        try files.createDirectory(at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.moveItem(at: MLModel.compileModel(at: file.url), to: kept)
        return try CoreMLModel(loaded(kept))
    }

    private func loaded(_ compiled: URL) throws -> MLModel {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = computeUnits
        return try MLModel(contentsOf: compiled, configuration: configuration)
    }
}

/// One input and one or more outputs, all float32.
private final class CoreMLModel: Model {
    let inputSize: Int
    let outputSizes: [String: Int]

    private let model: MLModel
    private let inputName: String
    private let shape, strides: [NSNumber]

    init(_ model: MLModel) throws {
        let (inputs, outputs) = (model.modelDescription.inputDescriptionsByName, model.modelDescription.outputDescriptionsByName)
        guard inputs.count == 1, let (name, input) = inputs.first else {
            throw FaceliteError("expected a model of one input, got \(inputs.count); pack the app's files again")
        }
        let sizes = try floatShape(input).map(\.intValue)
        shape = sizes.map { NSNumber(value: $0) }
        strides = sizes.indices.map { NSNumber(value: sizes[($0 + 1)...].reduce(1, *)) }
        inputSize = sizes.reduce(1, *)
        outputSizes = try outputs.mapValues { try floatShape($0).reduce(1) { $0 * $1.intValue } }
        (self.model, inputName) = (model, name)
    }

    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {
        let made = try input.withUnsafeBytes { bytes -> any MLFeatureProvider in
            guard bytes.count == 4 * inputSize, let start = bytes.baseAddress else {
                throw FaceliteError("expected an input of \(inputSize) numbers, got \(input.count)")
            }
            // not copied: Core ML only reads it, while the prediction runs
            let array = try MLMultiArray(
                dataPointer: UnsafeMutableRawPointer(mutating: start), shape: shape, dataType: .float32, strides: strides, deallocator: nil)
            return try model.prediction(from: MLDictionaryFeatureProvider(dictionary: [inputName: MLFeatureValue(multiArray: array)]))
        }
        for (name, size) in outputSizes {
            guard let array = made.featureValue(for: name)?.multiArrayValue, array.count == size, array.dataType == .float32 else {
                throw FaceliteError("expected an output \(name) of \(size) numbers, got \(made.featureNames); run the models on the CPU")
            }
            outputs[name]?.withUnsafeMutableBufferPointer { copy(array, into: $0) }
        }
    }
}

private func floatShape(_ feature: MLFeatureDescription) throws -> [NSNumber] {
    guard let constraint = feature.multiArrayConstraint, constraint.dataType == .float32 else {
        throw FaceliteError("expected arrays of float32 in and out, got \(feature); pack the app's files again")
    }
    return constraint.shape
}

/// Copies the numbers in the order of their indices: Core ML may leave gaps between rows.
private func copy(_ array: MLMultiArray, into numbers: UnsafeMutableBufferPointer<Float>) {
    let (shape, strides) = (array.shape.map(\.intValue), array.strides.map(\.intValue))
    let source = array.dataPointer.assumingMemoryBound(to: Float.self)
    for place in numbers.indices {
        var (rest, offset) = (place, 0)
        for axis in shape.indices.reversed() {
            offset += rest % shape[axis] * strides[axis]
            rest /= shape[axis]
        }
        numbers[place] = source[offset]
    }
}
#endif
