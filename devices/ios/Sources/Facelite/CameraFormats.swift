/// One plane of a camera's picture: bytes of which some belong to a pixel.
public struct Plane {
    let bytes: UnsafeRawBufferPointer
    let rowStride, pixelStride: Int

    /// From one row to the next there are `rowStride` bytes, from one pixel to the next `pixelStride`. `bytes` are read, not kept.
    public init(_ bytes: UnsafeRawBufferPointer, rowStride: Int, pixelStride: Int) {
        (self.bytes, self.rowStride, self.pixelStride) = (bytes, rowStride, pixelStride)
    }

    @inline(__always)
    func place(_ x: Int, _ y: Int) -> Int { y * rowStride + x * pixelStride }

    /// Throws `FaceliteError` where the plane ends before the last pixel, of which `bytesOfPixel` are read.
    func check(height: Int, width: Int, bytesOfPixel: Int = 1) throws {
        let needed = place(width - 1, height - 1) + bytesOfPixel
        try require(
            height > 0 && width > 0 && rowStride >= 0 && pixelStride >= 0 && bytes.count >= needed,
            "expected a plane of \(needed) bytes for \(width) x \(height) pixels, got \(bytes.count); give the strides in bytes, and all rows")
    }
}

/// In which order a pixel's bytes come.
public enum ColourOrder: Sendable {
    case rgb, rgba, bgra

    var places: (red: Int, green: Int, blue: Int) { self == .bgra ? (2, 1, 0) : (0, 1, 2) }
    var bytes: Int { self == .rgb ? 3 : 4 }
}

/// How luma and chroma were made of red, green and blue.
public struct YCbCr: Sendable, Equatable {
    public enum Matrix: Sendable {
        case bt601, bt709
    }

    public let matrix: Matrix
    /// Luma and chroma from 0 to 255; else luma from 16 to 235 and chroma from 16 to 240.
    public let fullRange: Bool

    public init(_ matrix: Matrix, fullRange: Bool) {
        (self.matrix, self.fullRange) = (matrix, fullRange)
    }

    /// In 1/65536.
    struct Factors {
        let luma, redOfCr, greenOfCb, greenOfCr, blueOfCb: Int32
        let black: Int32
    }

    var factors: Factors {
        let (red, blue) = matrix == .bt601 ? (0.299, 0.114) : (0.2126, 0.0722)
        let green = 1 - red - blue
        let chroma = fullRange ? 1 : 255.0 / 224
        func fixed(_ factor: Double) -> Int32 { Int32((65536 * factor).rounded()) }
        return Factors(
            luma: fixed(fullRange ? 1 : 255.0 / 219),
            redOfCr: fixed(2 * (1 - red) * chroma),
            greenOfCb: fixed(-2 * (1 - blue) * blue / green * chroma),
            greenOfCr: fixed(-2 * (1 - red) * red / green * chroma),
            blueOfCb: fixed(2 * (1 - blue) * chroma),
            black: fullRange ? 0 : 16)
    }
}

extension Frame {
    /// Reads a picture whose colours lie side by side; `height` and `width` are the camera's, before it is turned.
    ///
    /// Throws `FaceliteError` where the plane is too short; the frame is then as it was.
    public mutating func read(_ plane: Plane, order: ColourOrder, height: Int, width: Int, orientation: Orientation = .up) throws {
        try plane.check(height: height, width: width, bytesOfPixel: order.bytes)
        let (red, green, blue) = order.places
        fill(Walk(height: height, width: width, orientation)) { x, y in
            let at = plane.place(x, y)
            return (plane.bytes[at + red], plane.bytes[at + green], plane.bytes[at + blue])
        }
    }

    /// Reads a picture in luma and chroma (4:2:0), of which the chroma planes have half of the rows and columns, rounded up.
    ///
    /// Interleaved chroma is two planes of a `pixelStride` of 2, the second of which begins one byte later. `height` and `width` are the luma's, before it is turned.
    /// Throws `FaceliteError` where a plane is too short; the frame is then as it was.
    public mutating func read(luma: Plane, cb: Plane, cr: Plane, _ encoding: YCbCr, height: Int, width: Int, orientation: Orientation = .up) throws {
        try luma.check(height: height, width: width)
        try cb.check(height: (height + 1) / 2, width: (width + 1) / 2)
        try cr.check(height: (height + 1) / 2, width: (width + 1) / 2)
        let by = encoding.factors
        fill(Walk(height: height, width: width, orientation)) { x, y in
            let grey = (Int32(luma.bytes[luma.place(x, y)]) - by.black) * by.luma
            let blue = Int32(cb.bytes[cb.place(x >> 1, y >> 1)]) - 128
            let red = Int32(cr.bytes[cr.place(x >> 1, y >> 1)]) - 128
            return (level(grey + by.redOfCr * red), level(grey + by.greenOfCb * blue + by.greenOfCr * red), level(grey + by.blueOfCb * blue))
        }
    }
}

/// The nearest byte of a level in 1/65536.
@inline(__always)
private func level(_ value: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max((value + 32768) >> 16, 0), 255))
}
