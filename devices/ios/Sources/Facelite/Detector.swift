import Foundation

/// A square of the frame, in pixels from the frame's left and upper edge. It may reach beyond the frame, which is black there.
struct View: Sendable, Equatable {
    let x, y, side: Double
}

/// BlazeFace, short range (arXiv:1907.05047), that looks at views of the frame which `sampler` has.
final class Detector: Looking {
    /// The model's input has as many rows and columns.
    static let side = 128
    private static let logits = "classificators", regressors = "regressors"

    private let model: any Model
    private let sampler: Sampler
    private var seen = Frame(height: side, width: side)
    private var input = [Float](repeating: 0, count: 3 * side * side)
    private var outputs: [String: [Float]]
    private var kept: [Face] = []

    /// Throws `FaceliteError` for a model of other inputs and outputs.
    init(_ model: any Model, sampler: Sampler) throws {
        let sizes = [Self.logits: anchorCount, Self.regressors: regressorCount * anchorCount]
        try require(
            model.inputSize == input.count && model.outputSizes == sizes,
            "expected a detector of \(input.count) numbers to \(sizes), got \(model.inputSize) to \(model.outputSizes); pack the app's files again")
        (self.model, self.sampler) = (model, sampler)
        outputs = sizes.mapValues { [Float](repeating: 0, count: $0) }
    }

    var height: Int { sampler.height }
    var width: Int { sampler.width }

    func look(_ view: View, minScore: Double, turns: Int) throws -> [Face] {
        sampler.sample(viewMatrix(view, turns: turns), into: &seen)
        input.withUnsafeMutableBufferPointer { input in
            for (at, level) in seen.pixels.enumerated() {
                input[at] = Float(level) / 127.5 - 1
            }
        }
        try model.run(input, into: &outputs)
        try decode(outputs[Self.logits] ?? [], outputs[Self.regressors] ?? [], minScore: minScore, into: &kept)
        return merge(kept, view: view, turns: turns)
    }
}

/// What brings the view, turned `turns` times to the left, into the model's input.
func viewMatrix(_ view: View, turns: Int) -> Matrix {
    let s = Double(Detector.side) / view.side
    var matrix = Matrix(a: s, b: 0, c: s * (0.5 - view.x) - 0.5, d: 0, e: s, f: s * (0.5 - view.y) - 0.5)
    for _ in 0..<turns {  // a point (x, y) comes to (y, last - x)
        let last = Double(Detector.side - 1)
        matrix = Matrix(a: matrix.d, b: matrix.e, c: matrix.f, d: -matrix.a, e: -matrix.b, f: last - matrix.c)
    }
    return matrix
}

private let anchorCount = 896
private let regressorCount = 16

/// The middle of anchor `number`, as shares of the input's side: 16 x 16 cells of 2 anchors, then 8 x 8 cells of 6.
private func anchor(_ number: Int) -> (x: Double, y: Double) {
    let (cells, each, first) = number < 512 ? (16, 2, 0) : (8, 6, 512)
    let cell = (number - first) / each
    return ((Double(cell % cells) + 0.5) / Double(cells), (Double(cell / cells) + 0.5) / Double(cells))
}

/// Replaces `faces` by those of the anchors whose score is `minScore` or more, in the order of anchors, in shares of the input's side.
///
/// Throws `FaceliteError` for outputs of another size, and for what is no number.
func decode(_ logits: [Float], _ regressors: [Float], minScore: Double, into faces: inout [Face]) throws {
    faces.removeAll(keepingCapacity: true)
    try require(
        logits.count == anchorCount && regressors.count == regressorCount * anchorCount,
        "expected outputs of the detector of 896 and 14336 numbers, got \(logits.count) and \(regressors.count); use another interpreter")
    for number in 0..<anchorCount {
        let score = 1 / (1 + exp(-min(max(Double(logits[number]), -80), 80)))
        let first = number * regressorCount
        let isKept = score >= minScore && regressors[first + 2] > 0 && regressors[first + 3] > 0
        try require(
            !logits[number].isNaN && !(isKept && regressors[first..<first + regressorCount].contains { !$0.isFinite }),
            "expected finite numbers of the detector, got others; run the models on the CPU, or with another interpreter")
        guard isKept else { continue }
        var numbers = SIMD16<Double>()
        for i in 0..<regressorCount {
            numbers[i] = Double(regressors[first + i]) / Double(Detector.side)
        }
        let (x, y) = anchor(number)
        for i in stride(from: 0, to: regressorCount, by: 2) where i != 2 {
            numbers[i] += x
            numbers[i + 1] += y
        }
        numbers[0] -= numbers[2] / 2
        numbers[1] -= numbers[3] / 2
        faces.append(Face(score: score, numbers: numbers))
    }
}

/// One face, in pixels of the frame, for each group of `faces` that lie upon another, those of the highest scores first.
func merge(_ faces: [Face], view: View, turns: Int) -> [Face] {
    var left = fallingScores(faces).map { turnedBack($0, turns) }
    var merged: [Face] = []
    while let first = left.first {
        let box = first.box
        var (sum, weight) = (SIMD16<Double>(), 0.0)
        var others: [Face] = []
        for (place, face) in left.enumerated() {
            if place == 0 || box.overlap(face.box) > 0.3 {
                sum += face.numbers * face.score
                weight += face.score
            } else {
                others.append(face)
            }
        }
        merged.append(Face(score: first.score, numbers: inFrame(sum / weight, view)))
        left = others
    }
    return merged
}

/// By falling score, equal ones in their order.
func fallingScores(_ faces: [Face]) -> [Face] {
    faces.indices.sorted { (faces[$1].score, $0) < (faces[$0].score, $1) }.map { faces[$0] }
}

private func turnedBack(_ face: Face, _ turns: Int) -> Face {
    var numbers = face.numbers
    for _ in 0..<turns {
        let (x, y, width, height) = (numbers[0], numbers[1], numbers[2], numbers[3])
        for i in stride(from: 4, to: regressorCount, by: 2) {
            (numbers[i], numbers[i + 1]) = (1 - numbers[i + 1], numbers[i])
        }
        (numbers[0], numbers[1], numbers[2], numbers[3]) = (1 - y - height, x, height, width)  // 1 - y - height: the lower edge comes to the left
    }
    return Face(score: face.score, numbers: numbers)
}

private func inFrame(_ numbers: SIMD16<Double>, _ view: View) -> SIMD16<Double> {
    var numbers = numbers * view.side
    for i in stride(from: 0, to: regressorCount, by: 2) where i != 2 {
        numbers[i] += view.x - 0.5
        numbers[i + 1] += view.y - 0.5
    }
    return numbers
}
