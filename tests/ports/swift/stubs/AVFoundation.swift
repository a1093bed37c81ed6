// What the sample uses of AVFoundation: developer.apple.com/documentation/avfoundation
@_exported import CoreMedia
@_exported import CoreVideo
@_exported import Dispatch
@_exported import Foundation
import UIKit

public struct AVMediaType: Sendable {
    public static let video = AVMediaType()
}

open class AVCaptureDevice {
    public enum Position: Int, Sendable {
        case unspecified, back, front
    }

    public struct DeviceType: Sendable {
        public static let builtInWideAngleCamera = DeviceType()
    }

    public class func requestAccess(for mediaType: AVMediaType) async -> Bool { fatalError() }
    public class func `default`(_ deviceType: DeviceType, for mediaType: AVMediaType?, position: Position) -> AVCaptureDevice? { fatalError() }
}

open class AVCaptureInput {}
open class AVCaptureOutput {
    public func connection(with mediaType: AVMediaType) -> AVCaptureConnection? { fatalError() }
}

public final class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws { fatalError() }
}

public final class AVCaptureConnection {
    public var isVideoMirroringSupported: Bool { fatalError() }
    public var automaticallyAdjustsVideoMirroring: Bool {
        get { fatalError() }
        set { fatalError() }
    }
    public var isVideoMirrored: Bool {
        get { fatalError() }
        set { fatalError() }
    }
}

public protocol AVCaptureVideoDataOutputSampleBufferDelegate: AnyObject {
    func captureOutput(_ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection)
}

public final class AVCaptureVideoDataOutput: AVCaptureOutput {
    public override init() { fatalError() }
    public var videoSettings: [String: Any]? {
        get { fatalError() }
        set { fatalError() }
    }
    public var alwaysDiscardsLateVideoFrames: Bool {
        get { fatalError() }
        set { fatalError() }
    }
    public func setSampleBufferDelegate(_ sampleBufferDelegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?) {
        fatalError()
    }
}

open class AVCaptureSession {
    public struct Preset: Sendable {
        public static let vga640x480 = Preset()
    }

    public init() { fatalError() }
    public var sessionPreset: Preset {
        get { fatalError() }
        set { fatalError() }
    }
    public func canSetSessionPreset(_ preset: Preset) -> Bool { fatalError() }
    public func canAddInput(_ input: AVCaptureInput) -> Bool { fatalError() }
    public func canAddOutput(_ output: AVCaptureOutput) -> Bool { fatalError() }
    public func addInput(_ input: AVCaptureInput) { fatalError() }
    public func addOutput(_ output: AVCaptureOutput) { fatalError() }
    public func beginConfiguration() { fatalError() }
    public func commitConfiguration() { fatalError() }
    public func startRunning() { fatalError() }
    public func stopRunning() { fatalError() }
}

public struct AVLayerVideoGravity: Sendable {
    public static let resizeAspectFill = AVLayerVideoGravity()
}

public final class AVCaptureVideoPreviewLayer: CALayer {
    public var session: AVCaptureSession? {
        get { fatalError() }
        set { fatalError() }
    }
    public var videoGravity: AVLayerVideoGravity {
        get { fatalError() }
        set { fatalError() }
    }
}
