import AVFoundation
import Facelite
import Foundation

/// Looks at the camera's pictures and says who is there. Everything in it runs on the camera's queue; `nonisolated` says so to projects whose types are on the
/// main actor by default.
final class Watcher: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    /// Good looks that an enrolment takes, and the least seconds between two of them: pictures that differ make better templates.
    private nonisolated static let looks = 3, pause = 0.5

    private nonisolated let facelite: Facelite
    private nonisolated let store = GalleryStore()
    private nonisolated let show: @Sendable (Answer) -> Void
    private nonisolated(unsafe) var gallery: Gallery
    private nonisolated(unsafe) var frame = Frame()
    private nonisolated(unsafe) var enrolling: (name: String, looks: [Look], since: Date)?
    /// Looks that are enrolled anyway, or not, as somebody says; the camera waits for that.
    private nonisolated(unsafe) var doubtful: (name: String, looks: [Look])?

    nonisolated init(show: @escaping @Sendable (Answer) -> Void) throws {
        facelite = try Facelite(assets: PackedFiles.coreML, models: CoreMLModels())
        gallery = try store.load(for: facelite.manifest)
        self.show = show
    }

    nonisolated func enrol(_ name: String) {
        enrolling = (name, [], .distantPast)
    }

    /// Enrols the doubtful looks, or leaves them out.
    nonisolated func settle(anyway: Bool) {
        guard let (name, looks) = doubtful else { return }
        doubtful = nil
        guard anyway else { return }
        do {
            show(try enrolled(name, looks, anyway: true))
        } catch {
            show(.failed("\(error)"))
        }
    }

    nonisolated func forget() {
        do {
            try store.delete()
            gallery = Gallery(space: gallery.space)
        } catch {
            show(.failed("\(error)"))
        }
    }

    nonisolated func captureOutput(_ output: AVCaptureOutput, didOutput buffer: CMSampleBuffer, from connection: AVCaptureConnection) {
        guard doubtful == nil, let pixels = CMSampleBufferGetImageBuffer(buffer) else { return }
        do {
            try frame.read(pixels, orientation: .right)  // a phone held upright; the connection does not mirror
            show(try enrolling == nil ? identified() : enrolled())
        } catch {
            enrolling = nil
            show(.failed("\(error)"))
        }
    }

    private nonisolated func identified() throws -> Answer {
        guard gallery.count > 0 else { return .undecided("Nobody is enrolled") }
        let decision = try facelite.identify(frame, in: gallery)
        guard decision.decided else { return .undecided(decision.detail) }
        return decision.subject.map(Answer.accepted) ?? .rejected
    }

    private nonisolated func enrolled() throws -> Answer {
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
        return try enrolled(current.name, current.looks, anyway: false)
    }

    private nonisolated func enrolled(_ name: String, _ looks: [Look], anyway: Bool) throws -> Answer {
        var changed = gallery
        let doubts = try facelite.enrol(name, from: looks, into: &changed, anyway: anyway).doubts
        if let first = doubts.values.first(where: { $0.kind == .double }) ?? doubts.values.first {
            doubtful = (name, looks)
            return .doubtful(first.other.map { "This looks like \($0), who is enrolled already" } ?? "These looks are not all of one person")
        }
        try store.save(changed)
        gallery = changed
        return .accepted(name)
    }
}
