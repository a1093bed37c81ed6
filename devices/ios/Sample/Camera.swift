import AVFoundation
import Facelite
import Foundation

/// The front camera. The session is configured, started and stopped on `queue`, on which its pictures come too; hence `nonisolated`.
final class Camera: @unchecked Sendable {
    nonisolated(unsafe) private(set) var session = AVCaptureSession()  // var: Swift 6.0 takes such a constant for the main actor's
    nonisolated let queue = DispatchQueue(label: "camera", qos: .userInitiated, autoreleaseFrequency: .workItem)

    /// What `work` gives, done on the queue.
    nonisolated func onQueue<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try work() }) }
        }
    }

    /// Sends pictures of 640 x 480 to `delegate`, the latest one each time: those that come while one is looked at are dropped.
    nonisolated func configure(_ delegate: any AVCaptureVideoDataOutputSampleBufferDelegate) throws {
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .front) else {
            throw FaceliteError("expected a front camera, found none; take another device")
        }
        let (input, output) = (try AVCaptureDeviceInput(device: device), AVCaptureVideoDataOutput())
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_420YpCbCr8BiPlanarFullRange]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(delegate, queue: queue)
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        guard session.canSetSessionPreset(.vga640x480), session.canAddInput(input), session.canAddOutput(output) else {
            throw FaceliteError("expected a camera of 640 x 480, got another; close other apps that use it")
        }
        session.sessionPreset = .vga640x480
        session.addInput(input)
        session.addOutput(output)
        if let connection = output.connection(with: .video), connection.isVideoMirroringSupported {
            connection.automaticallyAdjustsVideoMirroring = false
            connection.isVideoMirrored = false
        }
    }
}
