// What facelite uses of Core Graphics: developer.apple.com/documentation/coregraphics
@_exported import Foundation

public final class CGImage {
    public var width: Int { fatalError() }
    public var height: Int { fatalError() }
}

public final class CGColorSpace {
    public static let sRGB = ""
    public init?(name: String) { fatalError() }
}

public enum CGImageAlphaInfo: UInt32, Sendable {
    case none, premultipliedLast, premultipliedFirst, last, first, noneSkipLast, noneSkipFirst, alphaOnly
}

public final class CGContext {
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int, space: CGColorSpace, bitmapInfo: UInt32
    ) { fatalError() }
    public func draw(_ image: CGImage, in rect: CGRect) { fatalError() }
}
