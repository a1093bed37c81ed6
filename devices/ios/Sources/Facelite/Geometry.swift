/// A point of a picture: x to the right, y down, (0, 0) the middle of the first pixel.
public struct Point: Sendable, Equatable {
    public let x, y: Double

    public init(x: Double, y: Double) {
        (self.x, self.y) = (x, y)
    }
}

/// A rectangle in pixels of a frame. It may reach beyond it.
public struct Box: Sendable, Equatable {
    /// The upper left corner.
    public let x, y: Double
    public let width, height: Double

    public init(x: Double, y: Double, width: Double, height: Double) {
        (self.x, self.y, self.width, self.height) = (x, y, width, height)
    }

    /// The longer side.
    var size: Double { max(width, height) }

    /// The share that both have in common of what both cover: intersection over union.
    func overlap(_ other: Box) -> Double {
        let across = max(0, min(x + width, other.x + other.width) - max(x, other.x))
        let down = max(0, min(y + height, other.y + other.height) - max(y, other.y))
        return across * down / max(width * height + other.width * other.height - across * down, 1e-9)
    }
}

/// One face that was found.
public struct Face: Sendable, Equatable {
    /// The detector's confidence, 0 to 1.
    public let score: Double
    /// x, y, width and height of the box, then x and y of each keypoint: in one piece, since means and shifts are of all of them.
    let numbers: SIMD16<Double>

    public var box: Box { Box(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3]) }

    /// The eye at the left of the picture, the one at its right, nose tip, mouth centre, the ear at the left, the one at the right.
    public var keypoints: [Point] { (0..<6).map(keypoint) }

    /// Both eyes, nose tip and mouth centre, by which a face is aligned.
    public var landmarks: [Point] { (0..<4).map(keypoint) }

    private func keypoint(_ number: Int) -> Point {
        Point(x: numbers[4 + 2 * number], y: numbers[5 + 2 * number])
    }
}

/// What takes a point (x, y) to (a x + b y + c, d x + e y + f).
struct Matrix: Sendable, Equatable {
    var a, b, c, d, e, f: Double

    func callAsFunction(_ point: Point) -> Point {
        Point(x: a * point.x + b * point.y + c, y: d * point.x + e * point.y + f)
    }
}
