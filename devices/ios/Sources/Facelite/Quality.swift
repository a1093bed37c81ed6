import Foundation

/// Beyond which a face is not compared. Part of the manifest.
public struct Limits: Sendable, Equatable {
    /// Least size of the face's box in pixels of the frame, and least share of it in the frame.
    public var size = 24.0
    public var inside = 0.75
    /// Least and largest mean luma of the crop.
    public var dark = 20.0
    public var bright = 200.0
    /// Least standard deviation of the Laplacian of the crop's luma.
    public var sharpness = 3.0
    /// Largest root mean square distance of the landmarks from where they belong, as a share of the crop's height.
    public var turn = 0.068
    /// Least length of the embedder's output.
    public var clarity = 0.0
}

/// Pixels of the crop from the frame's edge inwards that do not count: black is in none of the others, nor in their neighbours.
private let edge = 3.0

/// Says why a face is not good enough.
struct Judge {
    let limits: Limits
    private var luma: [Int32] = []
    /// Which of them show the frame; beyond it a crop is black.
    private var seen: [Bool] = []

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// Why a face is not embedded; nil for one that is good enough.
    mutating func reason(_ face: Face, _ crop: Frame, frameHeight: Int, frameWidth: Int) throws -> Reason? {
        let box = face.box
        if box.size < limits.size {
            return Reason(.tooSmall, "expected a face of \(short(limits.size)) pixels or more, got \(short(box.size)); come nearer")
        }
        let inside = share(of: box, height: Double(frameHeight), width: Double(frameWidth))
        if inside < limits.inside {
            let percent = "expected \(short(100 * limits.inside)) % of the face or more in the picture, got \(short(100 * inside)) %"
            return Reason(.cutOff, "\(percent); move to the middle")
        }
        let points = template(height: crop.height, width: crop.width)
        let matrix = try similarity(face.landmarks, to: points)
        setLuma(crop.pixels)
        setSeen(matrix, width: crop.width, frameHeight: frameHeight, frameWidth: frameWidth)
        let light = light()
        if light < limits.dark {
            return Reason(.tooDark, "expected a mean luma of \(short(limits.dark)) or more, got \(short(light)); add light")
        }
        if light > limits.bright {
            return Reason(.tooBright, "expected a mean luma of \(short(limits.bright)) or less, got \(short(light)); turn away from the light")
        }
        let sharpness = sharpness(height: crop.height, width: crop.width)
        if sharpness < limits.sharpness {
            return Reason(.blurred, "expected a sharpness of \(short(limits.sharpness)) or more, got \(short(sharpness)); hold still")
        }
        let turn = apart(face.landmarks, points, matrix) / Double(crop.height)
        if turn > limits.turn {
            return Reason(.turnedAway, "expected a turn of \(short(limits.turn)) or less, got \(short(turn)); look at the camera")
        }
        return nil
    }

    /// Why an embedding is not compared; nil for one that is clear enough. `length` is that of the embedder's output.
    func reason(length: Double) -> Reason? {
        if length < limits.clarity {
            let lengths = "expected an embedding of length \(short(limits.clarity)) or more, got \(short(length))"
            return Reason(.unclear, "\(lengths); face the camera, in good light, with nothing before the face")
        }
        return nil
    }

    private mutating func setLuma(_ crop: [UInt8]) {
        let count = crop.count / 3
        if luma.count != count {
            luma = [Int32](repeating: 0, count: count)
        }
        for i in 0..<count {
            luma[i] = (9798 * Int32(crop[3 * i]) + 19235 * Int32(crop[3 * i + 1]) + 3735 * Int32(crop[3 * i + 2]) + 16384) >> 15
        }
    }

    /// The pixels that lie `edge` of them or more inside the frame, whose points `matrix` takes to the crop.
    private mutating func setSeen(_ matrix: Matrix, width: Int, frameHeight: Int, frameWidth: Int) {
        let determinant = matrix.a * matrix.e - matrix.b * matrix.d
        let inset = edge / determinant.squareRoot()
        let (right, bottom) = (Double(frameWidth - 1) - inset, Double(frameHeight - 1) - inset)
        if seen.count != luma.count {
            seen = [Bool](repeating: false, count: luma.count)
        }
        for i in seen.indices {
            let (x, y) = (Double(i % width) - matrix.c, Double(i / width) - matrix.f)
            let u = (matrix.e * x - matrix.b * y) / determinant
            let v = (matrix.a * y - matrix.d * x) / determinant
            seen[i] = inset <= u && u <= right && inset <= v && v <= bottom
        }
    }

    /// The mean luma where the frame is seen.
    private func light() -> Double {
        var (sum, count) = (0, 0)
        for i in luma.indices where seen[i] {
            sum += Int(luma[i])
            count += 1
        }
        return Double(sum) / Double(max(count, 1))
    }

    /// The standard deviation of the Laplacian where the frame is seen; beyond the border the picture is mirrored at its last pixel.
    private func sharpness(height: Int, width: Int) -> Double {
        var (sum, squares, count) = (0, 0, 0)
        for row in 0..<height {
            let (above, here, below) = (width * mirrored(row - 1, height), width * row, width * mirrored(row + 1, height))
            for column in 0..<width where seen[here + column] {
                let sides = luma[here + mirrored(column - 1, width)] + luma[here + mirrored(column + 1, width)]
                let around = luma[above + column] + luma[below + column] + sides
                let value = Int(around - 4 * luma[here + column])
                sum += value
                squares += value * value
                count += 1
            }
        }
        let all = Double(max(count, 1))
        let mean = Double(sum) / all
        return max(0, Double(squares) / all - mean * mean).squareRoot()
    }
}

extension Reason {
    fileprivate init(_ outcome: Outcome, _ detail: String) {
        self.init(outcome: outcome, detail: detail)
    }
}

/// Of a frame whose pixels' edges are at -1/2.
private func share(of box: Box, height: Double, width: Double) -> Double {
    let across = max(0, min(box.x + box.width, width - 0.5) - max(box.x, -0.5))
    let down = max(0, min(box.y + box.height, height - 0.5) - max(box.y, -0.5))
    return across * down / (box.width * box.height)
}

/// The landmarks' root mean square distance from the template's `points`, where `matrix` brings them.
private func apart(_ landmarks: [Point], _ points: [Point], _ matrix: Matrix) -> Double {
    let squares = zip(landmarks, points).map { landmark, point in
        let aligned = matrix(landmark)
        return (aligned.x - point.x) * (aligned.x - point.x) + (aligned.y - point.y) * (aligned.y - point.y)
    }
    return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
}

/// The place in a line of `count` where it is mirrored at its first and last one.
private func mirrored(_ place: Int, _ count: Int) -> Int {
    place < 0 ? -place : place < count ? place : 2 * count - 2 - place
}

/// A number in three digits.
private func short(_ value: Double) -> String { String(format: "%.3g", value) }
