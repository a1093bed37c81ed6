import Facelite
import XCTest

/// Camera formats against plain loops over lists of rows.
final class FrameTests: XCTestCase {
    func testColoursSideBySideComeUprightWhateverTheirStrides() throws {
        for (order, bytes, places) in [(ColourOrder.rgb, 3, [0, 1, 2]), (.rgba, 4, [0, 1, 2]), (.bgra, 4, [2, 1, 0])] {
            for (height, width, padding) in [(1, 1, 0), (2, 3, 0), (5, 4, 7), (6, 9, 1)] {
                let stride = bytes * width + padding
                let memory = noise(height * stride)
                let rows = (0..<height).map { y in (0..<width).map { x in places.map { memory[y * stride + bytes * x + $0] } } }
                for orientation in everyOrientation {
                    var frame = Frame()
                    try memory.withUnsafeBytes {
                        try frame.read(
                            Plane($0, rowStride: stride, pixelStride: bytes), order: order, height: height, width: width, orientation: orientation)
                    }
                    XCTAssertEqual(frame, try picture(upright(rows, orientation)), "\(order) \(width)x\(height) \(orientation)")
                }
            }
        }
    }

    func testLumaAndChromaComeUprightWhateverTheirStrides() throws {
        for pixelStride in [1, 2, 3] {
            for (height, width) in [(1, 1), (4, 6), (5, 7), (10, 3)] {
                for encoding in [
                    YCbCr(.bt601, fullRange: true), YCbCr(.bt601, fullRange: false), YCbCr(.bt709, fullRange: true), YCbCr(.bt709, fullRange: false),
                ] {
                    try check(encoding, height: height, width: width, pixelStride: pixelStride)
                }
            }
        }
    }

    private func check(_ encoding: YCbCr, height: Int, width: Int, pixelStride: Int) throws {
        let (rowStride, chromaStride) = (width + 5, pixelStride * ((width + 1) / 2) + 3)
        let (luma, chroma) = (noise(height * rowStride), noise((height + 1) / 2 * chromaStride + 1))
        let rows = (0..<height).map { y in
            (0..<width).map { x in
                let at = y / 2 * chromaStride + x / 2 * pixelStride
                return colour(Double(luma[y * rowStride + x]), Double(chroma[at]), Double(chroma[at + 1]), encoding)
            }
        }
        for orientation in everyOrientation {
            var frame = Frame()
            try luma.withUnsafeBytes { luma in
                try chroma.withUnsafeBytes { chroma in
                    try frame.read(
                        luma: Plane(luma, rowStride: rowStride, pixelStride: 1), cb: Plane(chroma, rowStride: chromaStride, pixelStride: pixelStride),
                        cr: Plane(UnsafeRawBufferPointer(rebasing: chroma.dropFirst()), rowStride: chromaStride, pixelStride: pixelStride), encoding,
                        height: height, width: width, orientation: orientation)
                }
            }
            let expected = try picture(upright(rows, orientation))
            XCTAssertEqual([frame.height, frame.width], [expected.height, expected.width])
            let apart = zip(frame.pixels, expected.pixels).map { abs(Int($0) - Int($1)) }.max()
            XCTAssertLessThanOrEqual(apart ?? 0, 1, "\(encoding) \(width)x\(height) \(orientation)")  // factors are rounded to 1/65536
        }
    }

    func testAPlaneThatEndsTooSoonIsRefusedAndTheFrameStays() throws {
        var frame = try Frame(height: 1, width: 1, pixels: [1, 2, 3])
        let before = frame
        let memory = noise(4 * 6 * 5)
        try memory.withUnsafeBytes { bytes in
            let short = Plane(UnsafeRawBufferPointer(rebasing: bytes.dropLast()), rowStride: 24, pixelStride: 4)
            XCTAssertThrowsError(try frame.read(short, order: .bgra, height: 5, width: 6))
            let (luma, chroma) = (
                Plane(bytes, rowStride: 6, pixelStride: 1), Plane(UnsafeRawBufferPointer(rebasing: bytes.prefix(8)), rowStride: 3, pixelStride: 1)
            )
            XCTAssertThrowsError(try frame.read(luma: luma, cb: chroma, cr: chroma, YCbCr(.bt601, fullRange: true), height: 5, width: 6))
        }
        XCTAssertEqual(frame, before)
        XCTAssertThrowsError(try Frame(height: 2, width: 2, pixels: noise(11)))
    }

    func testTheMemoryOfAFrameIsUsedAnew() throws {
        let memory = noise(4 * 8 * 6)
        var frame = Frame()
        func read() throws -> UnsafeRawPointer? {
            try memory.withUnsafeBytes { try frame.read(Plane($0, rowStride: 32, pixelStride: 4), order: .bgra, height: 6, width: 8) }
            return frame.pixels.withUnsafeBytes { $0.baseAddress }
        }
        XCTAssertEqual(try read(), try read())
    }
}

private let everyOrientation = [false, true].flatMap { mirrored in (-1..<3).map { Orientation(quarterTurns: $0, mirrored: mirrored) } }

private func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 * 2_654_435_761) >> 7) }
}

/// Mirrored, then turned clockwise one quarter after another.
private func upright(_ rows: [[[UInt8]]], _ orientation: Orientation) -> [[[UInt8]]] {
    var rows = orientation.mirrored ? rows.map { $0.reversed() } : rows
    for _ in 0..<orientation.quarterTurns {
        rows = rows[0].indices.map { column in rows.reversed().map { $0[column] } }
    }
    return rows
}

private func picture(_ rows: [[[UInt8]]]) throws -> Frame {
    try Frame(height: rows.count, width: rows[0].count, pixels: Array(rows.joined().joined()))
}

/// As the standards define luma and chroma.
private func colour(_ luma: Double, _ cb: Double, _ cr: Double, _ encoding: YCbCr) -> [UInt8] {
    let (red, blue) = encoding.matrix == .bt601 ? (0.299, 0.114) : (0.2126, 0.0722)
    let y = encoding.fullRange ? luma / 255 : (luma - 16) / 219
    let (pb, pr) = encoding.fullRange ? ((cb - 128) / 255, (cr - 128) / 255) : ((cb - 128) / 224, (cr - 128) / 224)
    let (r, b) = (y + 2 * (1 - red) * pr, y + 2 * (1 - blue) * pb)
    let g = (y - red * r - blue * b) / (1 - red - blue)
    return [r, g, b].map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
}
