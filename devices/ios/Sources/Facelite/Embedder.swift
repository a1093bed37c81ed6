/// A vector of unit length, of a face. It may be compared with those of the same space only.
public struct Embedding: Sendable, Equatable {
    public let vector: [Float]
    public let space: String
    /// The sha256 of the embedder that made it.
    public let artefact: String
}

/// The network that embeds face crops.
final class Embedder {
    private let model: any Model
    private let preprocessing: Preprocessing
    private let size: Int
    private var input: [Float]
    private var outputs: [String: [Float]]

    /// `size` is the number of numbers of an embedding. Throws `FaceliteError` for a model of another input or output.
    init(_ model: any Model, preprocessing: Preprocessing, size: Int) throws {
        let numbers = 3 * preprocessing.height * preprocessing.width
        try require(
            model.inputSize == numbers && Array(model.outputSizes.values) == [size],
            "expected an embedder of \(numbers) numbers to \(size), got \(model.inputSize) to \(model.outputSizes); pack the app's files again")
        (self.model, self.preprocessing, self.size) = (model, preprocessing, size)
        input = [Float](repeating: 0, count: numbers)
        outputs = model.outputSizes.mapValues { [Float](repeating: 0, count: $0) }
    }

    /// What the network makes of a crop, not of unit length.
    func output(of crop: Frame) throws -> [Float] {
        preprocessing.fill(&input, with: crop.pixels)
        try model.run(input, into: &outputs)
        let output = outputs.values.first ?? []
        try require(
            outputs.count == 1 && output.count == size, "expected an embedding of \(size) numbers, got \(output.count); use another interpreter")
        return output
    }
}

extension Preprocessing {
    /// Writes the network's input for a crop, as many numbers as it has bytes.
    func fill(_ input: inout [Float], with crop: [UInt8]) {
        let (mean, std) = (Float(mean), Float(std))
        let (first, last) = colours == .rgb ? (0, 2) : (2, 0)
        for at in stride(from: 0, to: input.count, by: 3) {
            input[at] = (Float(crop[at + first]) - mean) / std
            input[at + 1] = (Float(crop[at + 1]) - mean) / std
            input[at + 2] = (Float(crop[at + last]) - mean) / std
        }
    }
}

func length(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
}

/// `values` scaled to unit length. Throws `FaceliteError` where they have no direction: are shorter than `least`.
func unit(_ values: [Float], least: Double = 1e-6) throws -> [Float] {
    let length = length(values)
    try require(length.isFinite && length >= least, "expected a vector of finite, positive length, got length \(length); take another frame")
    return values.map { Float(Double($0) / length) }
}
