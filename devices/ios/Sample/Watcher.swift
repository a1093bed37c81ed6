import AVFoundation
import Facelite
import Foundation

/// Looks at the camera's pictures and says who is there. Everything in it runs on the camera's queue.
final class Watcher: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    /// Good looks that an enrolment takes, and the least seconds between two of them: pictures that differ make better templates.
    private static let looks = 3, pause = 0.5

    private let facelite: Facelite
    private let store = GalleryStore()
    private let show: @Sendable (Answer) -> Void
    private var gallery: Gallery
    private var frame = Frame()
    private var enrolling: (name: String, looks: [Look], since: Date)?

    init(show: @escaping @Sendable (Answer) -> Void) throws {
        facelite = try Facelite(assets: PackedFiles.coreML, models: CoreMLModels())
        gallery = try store.load(for: facelite.manifest)
        self.show = show
    }

    func enrol(_ name: String) {
        enrolling = (name, [], .distantPast)
    }

    func forget() {
        do {
            try store.delete()
            gallery = Gallery(space: gallery.space)
        } catch {
            show(.failed("\(error)"))
        }
    }

    func captureOutput(_ output: AVCaptureOutput, didOutput buffer: CMSampleBuffer, from connection: AVCaptureConnection) {
        guard let pixels = CMSampleBufferGetImageBuffer(buffer) else { return }
        do {
            try frame.read(pixels, orientation: .right)  // a phone held upright; the connection does not mirror
            show(try enrolling == nil ? identified() : enrolled())
        } catch {
            enrolling = nil
            show(.failed("\(error)"))
        }
    }

    private func identified() throws -> Answer {
        guard gallery.count > 0 else { return .undecided("Nobody is enrolled") }
        let decision = try facelite.identify(frame, in: gallery)
        guard decision.decided else { return .undecided(decision.detail) }
        return decision.subject.map(Answer.accepted) ?? .rejected
    }

    private func enrolled() throws -> Answer {
        guard var current = enrolling else { return .busy("") }
        let look = try facelite.look(frame)
        guard look.outcome == nil else { return .undecided(look.detail) }
        if Date().timeIntervalSince(current.since) >= Self.pause {
            current.looks.append(look)
            current.since = Date()
            enrolling = current
        }
        guard current.looks.count >= Self.looks else { return .busy("\(current.looks.count) of \(Self.looks)") }
        enrolling = nil
        var changed = gallery
        _ = try facelite.enrol(current.name, from: current.looks, into: &changed)
        try store.save(changed)
        gallery = changed
        return .accepted(current.name)
    }
}
