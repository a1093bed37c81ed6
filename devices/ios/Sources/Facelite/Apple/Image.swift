#if canImport(CoreGraphics) && canImport(ImageIO)
import CoreGraphics
import ImageIO

extension Frame {
    /// A picture of a file, drawn into sRGB; what is transparent comes out as on black. `orientation` is the file's.
    ///
    /// Throws `FaceliteError` where it cannot be drawn.
    public init(_ image: CGImage, orientation: CGImagePropertyOrientation = .up) throws {
        self.init()
        let (height, width) = (image.height, image.width)
        var pixels = [UInt8](repeating: 0, count: 4 * height * width)
        let drawn = pixels.withUnsafeMutableBytes { bytes -> Bool in
            guard let space = CGColorSpace(name: CGColorSpace.sRGB) else { return false }
            let context = CGContext(
                data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width, space: space,
                bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            context?.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return context != nil
        }
        try require(drawn, "expected a picture that can be drawn, got one of \(width) x \(height); convert it to sRGB with 8 bits a colour")
        try pixels.withUnsafeBytes { bytes in
            let plane = Plane(bytes, rowStride: 4 * width, pixelStride: 4)
            try read(plane, order: .rgba, height: height, width: width, orientation: Orientation(orientation))
        }
    }
}
#endif
