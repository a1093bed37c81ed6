#if canImport(CoreVideo) && canImport(ImageIO)
import CoreVideo
import ImageIO

extension Frame {
    /// Reads a camera's picture: BGRA, or luma and chroma in two planes (420f, 420v).
    ///
    /// `orientation` says how the camera's picture lies, as EXIF does: `.right` for a phone held upright whose connection neither turns nor mirrors.
    /// Throws `FaceliteError` for another format; the frame is then as it was.
    public mutating func read(_ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation) throws {
        let status = CVPixelBufferLockBaseAddress(buffer, .readOnly)
        try require(status == kCVReturnSuccess, "expected a picture that can be read, got status \(status); take the next one")
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let (height, width) = (CVPixelBufferGetHeight(buffer), CVPixelBufferGetWidth(buffer))
        let format = CVPixelBufferGetPixelFormatType(buffer)
        switch format {
        case kCVPixelFormatType_32BGRA:
            let bytes = UnsafeRawBufferPointer(start: CVPixelBufferGetBaseAddress(buffer), count: height * CVPixelBufferGetBytesPerRow(buffer))
            let plane = Plane(bytes, rowStride: CVPixelBufferGetBytesPerRow(buffer), pixelStride: 4)
            try read(plane, order: .bgra, height: height, width: width, orientation: Orientation(orientation))
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange, kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange:
            try require(
                CVPixelBufferGetPlaneCount(buffer) == 2,
                "expected luma and chroma in two planes, got \(CVPixelBufferGetPlaneCount(buffer)); ask for BGRA")
            let chroma = plane(1, of: buffer)
            let (luma, cb) = (
                Plane(plane(0, of: buffer), rowStride: rowStride(0, of: buffer), pixelStride: 1),
                Plane(chroma, rowStride: rowStride(1, of: buffer), pixelStride: 2)
            )
            let cr = Plane(UnsafeRawBufferPointer(rebasing: chroma.dropFirst()), rowStride: rowStride(1, of: buffer), pixelStride: 2)
            let encoding = YCbCr(matrix(of: buffer), fullRange: format == kCVPixelFormatType_420YpCbCr8BiPlanarFullRange)
            try read(luma: luma, cb: cb, cr: cr, encoding, height: height, width: width, orientation: Orientation(orientation))
        default:
            throw FaceliteError("expected BGRA, 420f or 420v, got the pixel format \(format); choose one of them for the video output")
        }
    }
}

extension Orientation {
    /// As EXIF counts: what has to be done to a picture that lies so.
    public init(_ orientation: CGImagePropertyOrientation) {
        switch orientation {
        case .up: self.init(quarterTurns: 0)
        case .upMirrored: self.init(quarterTurns: 0, mirrored: true)
        case .down: self.init(quarterTurns: 2)
        case .downMirrored: self.init(quarterTurns: 2, mirrored: true)
        case .leftMirrored: self.init(quarterTurns: 3, mirrored: true)
        case .right: self.init(quarterTurns: 1)
        case .rightMirrored: self.init(quarterTurns: 1, mirrored: true)
        case .left: self.init(quarterTurns: 3)
        }
    }
}

private func plane(_ number: Int, of buffer: CVPixelBuffer) -> UnsafeRawBufferPointer {
    let count = CVPixelBufferGetHeightOfPlane(buffer, number) * CVPixelBufferGetBytesPerRowOfPlane(buffer, number)
    return UnsafeRawBufferPointer(start: CVPixelBufferGetBaseAddressOfPlane(buffer, number), count: count)
}

private func rowStride(_ number: Int, of buffer: CVPixelBuffer) -> Int {
    CVPixelBufferGetBytesPerRowOfPlane(buffer, number)
}

/// As the buffer says; BT.601 where it says nothing.
private func matrix(of buffer: CVPixelBuffer) -> YCbCr.Matrix {
    let said = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
    return said == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String ? .bt709 : .bt601
}
#endif
