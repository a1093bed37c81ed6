/// The one way in which pixels are moved: a frame and its halves, out of which pictures are sampled.
///
/// Halves are made when they are first asked for and serve all pictures of the frame. Memory is used anew from frame to frame of one size.
final class Sampler {
    private var frame = Frame()
    /// `halves[i]` has half of the rows and columns of `halves[i - 1]`, the first one of the frame's; of this frame only `made` of them are.
    private var halves: [Frame] = []
    private var made = 0

    var height: Int { frame.height }
    var width: Int { frame.width }

    /// What `body` gives with `frame` to sample from; afterwards the frame's memory is the caller's alone again.
    func with<Result>(_ frame: Frame, _ body: () throws -> Result) rethrows -> Result {
        (self.frame, made) = (frame, 0)
        defer { self.frame = Frame() }
        return try body()
    }

    /// Fills `picture` with what `matrix` brings there of the frame.
    ///
    /// Bilinear, black outside; a frame that comes out smaller than half is halved before, by the mean of 2 x 2 pixels.
    func sample(_ matrix: Matrix, into picture: inout Frame) {
        var matrix = matrix
        var scale = max(abs(matrix.a * matrix.e - matrix.b * matrix.d).squareRoot(), 0.001)
        var (level, sides) = (0, (frame.height, frame.width))
        while scale < 0.5, sides.0 >= 2, sides.1 >= 2 {
            matrix.c += 0.5 * matrix.a + 0.5 * matrix.b  // a point x of the half lies at 2 x + 0.5 of the whole
            matrix.f += 0.5 * matrix.d + 0.5 * matrix.e
            (matrix.a, matrix.b, matrix.d, matrix.e, scale) = (2 * matrix.a, 2 * matrix.b, 2 * matrix.d, 2 * matrix.e, 2 * scale)
            (level, sides) = (level + 1, (sides.0 / 2, sides.1 / 2))
        }
        while made < level {
            halve()
        }
        let (height, width) = (picture.height, picture.width)
        picture.pixels.withUnsafeMutableBufferPointer { out in
            half(level).pixels.withUnsafeBufferPointer { pixels in
                interpolate(Picture(pixels: pixels, height: sides.0, width: sides.1), matrix, height: height, width: width, into: out)
            }
        }
    }

    /// The frame after `level` halvings.
    private func half(_ level: Int) -> Frame { level == 0 ? frame : halves[level - 1] }

    /// Makes the next half.
    private func halve() {
        let whole = half(made)
        let (height, width) = (whole.height / 2, whole.width / 2)
        if made == halves.count {
            halves.append(Frame(height: height, width: width))
        } else if (halves[made].height, halves[made].width) != (height, width) {
            halves[made] = Frame(height: height, width: width)
        }
        halves[made].pixels.withUnsafeMutableBufferPointer { out in
            whole.pixels.withUnsafeBufferPointer { pixels in
                mean(of: pixels, rowStride: 3 * whole.width, height: height, width: width, into: out)
            }
        }
        made += 1
    }
}

/// Of 2 x 2 pixels each: `out` has `height` rows of `width` pixels.
private func mean(
    of pixels: UnsafeBufferPointer<UInt8>, rowStride: Int, height: Int, width: Int, into out: UnsafeMutableBufferPointer<UInt8>
) {
    var at = 0
    for row in 0..<height {
        var above = 2 * row * rowStride
        for _ in 0..<width {
            for colour in above..<above + 3 {
                let upper = UInt32(pixels[colour]) + UInt32(pixels[colour + 3])
                let lower = UInt32(pixels[colour + rowStride]) + UInt32(pixels[colour + rowStride + 3])
                out[at] = UInt8(truncatingIfNeeded: (upper + lower + 2) >> 2)
                at += 1
            }
            above += 6
        }
    }
}

/// Pixels that can be asked for outside of the picture.
private struct Picture {
    let pixels: UnsafeBufferPointer<UInt8>
    let height, width: Int

    /// 0 outside.
    func level(_ column: Int, _ row: Int, _ colour: Int) -> Float {
        guard column >= 0, column < width, row >= 0, row < height else { return 0 }
        return Float(pixels[3 * (row * width + column) + colour])
    }
}

private func interpolate(_ picture: Picture, _ matrix: Matrix, height: Int, width: Int, into out: UnsafeMutableBufferPointer<UInt8>) {
    let determinant = matrix.a * matrix.e - matrix.b * matrix.d
    let inverse = determinant == 0 ? 0 : 1 / determinant
    let (across, down) = (matrix.e * inverse, -matrix.d * inverse)  // from one column to the next
    let (right, bottom) = (Double(picture.width), Double(picture.height))
    var at = 0
    for row in 0..<height {
        let y = Double(row) - matrix.f
        let (startU, startV) = (-across * matrix.c - matrix.b * inverse * y, -down * matrix.c + matrix.a * inverse * y)
        for column in 0..<width {
            let (u, v) = (startU + across * Double(column), startV + down * Double(column))
            if u > -1, u < right, v > -1, v < bottom {
                let (left, top) = (Int(u + 1) - 1, Int(v + 1) - 1)  // rounded down
                blend(picture, left, top, Float(u - Double(left)), Float(v - Double(top)), out, at)
            } else {
                (out[at], out[at + 1], out[at + 2]) = (0, 0, 0)
            }
            at += 3
        }
    }
}

/// The pixel at `s` of the way from column `left` to the next one, at `t` of the way from row `top` to the next one.
@inline(__always)
private func blend(_ picture: Picture, _ left: Int, _ top: Int, _ s: Float, _ t: Float, _ out: UnsafeMutableBufferPointer<UInt8>, _ at: Int) {
    let (upper, lower) = (1 - t, t)
    if left >= 0, top >= 0, left + 1 < picture.width, top + 1 < picture.height {
        let (above, below) = (3 * (top * picture.width + left), 3 * ((top + 1) * picture.width + left))
        for colour in 0..<3 {
            let first = (1 - s) * Float(picture.pixels[above + colour]) + s * Float(picture.pixels[above + colour + 3])
            let second = (1 - s) * Float(picture.pixels[below + colour]) + s * Float(picture.pixels[below + colour + 3])
            out[at + colour] = UInt8(upper * first + lower * second + 0.5)
        }
    } else {
        for colour in 0..<3 {
            let first = (1 - s) * picture.level(left, top, colour) + s * picture.level(left + 1, top, colour)
            let second = (1 - s) * picture.level(left, top + 1, colour) + s * picture.level(left + 1, top + 1, colour)
            out[at + colour] = UInt8(upper * first + lower * second + 0.5)
        }
    }
}
