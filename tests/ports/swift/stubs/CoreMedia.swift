// What the sample uses of Core Media: developer.apple.com/documentation/coremedia
import CoreVideo

public final class CMSampleBuffer {}

public func CMSampleBufferGetImageBuffer(_ sbuf: CMSampleBuffer) -> CVImageBuffer? { fatalError() }
