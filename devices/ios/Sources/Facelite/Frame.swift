/// A picture: `height` rows of `width` pixels of red, green and blue, one byte each.
///
/// A frame of a camera is read into by `read`. Keep one frame and read into it again and again: its memory is used anew as long as nobody else holds it.
public struct Frame: Sendable, Equatable {
    public private(set) var height = 0
    public private(set) var width = 0
    /// Row by row from above, `3 * width` bytes each.
    public internal(set) var pixels: [UInt8] = []

    /// A frame without pixels, to read into.
    public init() {}

    /// A black frame.
    init(height: Int, width: Int) {
        (self.height, self.width, pixels) = (height, width, [UInt8](repeating: 0, count: 3 * height * width))
    }

    /// Throws `FaceliteError` where the pixels are not `3 * height * width`.
    public init(height: Int, width: Int, pixels: [UInt8]) throws {
        try require(
            height > 0 && width > 0 && pixels.count == 3 * height * width,
            "expected 3 bytes for each pixel, got \(pixels.count) for \(width) x \(height); give red, green and blue without alpha or padding")
        (self.height, self.width, self.pixels) = (height, width, pixels)
    }

    /// Fills the frame with what `colour` (red, green, blue) gives for the point of a camera's picture that comes to lie at each pixel.
    @inline(__always)
    mutating func fill(_ walk: Walk, colour: (_ x: Int, _ y: Int) -> (UInt8, UInt8, UInt8)) {
        if (height, width) != (walk.height, walk.width) {
            self = Frame(height: walk.height, width: walk.width)
        }
        pixels.withUnsafeMutableBufferPointer { out in
            var at = 0
            for row in 0..<walk.height {
                var (x, y) = (walk.x.start + row * walk.x.down, walk.y.start + row * walk.y.down)
                for _ in 0..<walk.width {
                    (out[at], out[at + 1], out[at + 2]) = colour(x, y)
                    x += walk.x.right
                    y += walk.y.right
                    at += 3
                }
            }
        }
    }
}

/// How a camera's picture is brought upright: mirrored first where it is mirrored, then turned clockwise by quarter turns.
public struct Orientation: Sendable, Equatable {
    public let quarterTurns: Int
    public let mirrored: Bool

    /// As it is.
    public static let up = Orientation(quarterTurns: 0)

    /// `quarterTurns` clockwise, any number; a negative one turns to the left.
    public init(quarterTurns: Int, mirrored: Bool = false) {
        self.quarterTurns = (quarterTurns % 4 + 4) % 4
        self.mirrored = mirrored
    }
}

/// The way through a camera's picture, pixel after pixel of the upright one.
struct Walk {
    /// Where the first pixel is, and the steps to the next one at the right and to the one below.
    struct Line {
        let start, right, down: Int
    }

    let height, width: Int
    let x, y: Line

    /// `height` and `width` are those of the camera's picture.
    init(height: Int, width: Int, _ orientation: Orientation) {
        var x: Line
        switch orientation.quarterTurns {
        case 0: (x, y) = (Line(start: 0, right: 1, down: 0), Line(start: 0, right: 0, down: 1))
        case 1: (x, y) = (Line(start: 0, right: 0, down: 1), Line(start: height - 1, right: -1, down: 0))
        case 2: (x, y) = (Line(start: width - 1, right: -1, down: 0), Line(start: height - 1, right: 0, down: -1))
        default: (x, y) = (Line(start: width - 1, right: 0, down: -1), Line(start: 0, right: 1, down: 0))
        }
        if orientation.mirrored {
            x = Line(start: width - 1 - x.start, right: -x.right, down: -x.down)
        }
        self.x = x
        (self.height, self.width) = orientation.quarterTurns % 2 == 0 ? (height, width) : (width, height)
    }
}
