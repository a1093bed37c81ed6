import AVFoundation
import Combine
import Facelite
import Foundation

/// What the screen says.
enum Answer: Sendable, Equatable {
    case accepted(String)
    case rejected
    /// There was nothing to compare. It is not a rejection: the person is told what to change.
    case undecided(String)
    /// Whom to enrol anyway, or not: the person is asked.
    case doubtful(String)
    case busy(String)
    case failed(String)

    var title: String {
        switch self {
        case .accepted(let name): return "Welcome, \(name)"
        case .rejected: return "Not known"
        case .undecided: return "Please look here"
        case .doubtful: return "Is that right?"
        case .busy: return "One moment"
        case .failed: return "Out of order"
        }
    }

    var detail: String {
        switch self {
        case .accepted, .rejected: return ""
        case .undecided(let reason), .doubtful(let reason), .busy(let reason), .failed(let reason): return reason
        }
    }
}

/// What the screen shows, and what its buttons do.
@MainActor
final class Door: ObservableObject {
    @Published private(set) var answer = Answer.busy("Opening the files")
    @Published private(set) var isReady = false

    private let camera = Camera()
    private var watcher: Watcher?

    var session: AVCaptureSession { camera.session }

    /// Opens the models on the camera's queue and starts the camera.
    func open() async {
        guard watcher == nil else { return }
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            answer = .failed("Allow the camera in Settings")
            return
        }
        do {
            let show: @Sendable (Answer) -> Void = { answer in Task { @MainActor [weak self] in self?.show(answer) } }
            let watcher = try await camera.onQueue { try Watcher(show: show) }
            try await camera.onQueue { [camera] in try camera.configure(watcher) }
            (self.watcher, isReady) = (watcher, true)
            watch(true)
        } catch {
            answer = .failed("\(error)")
        }
    }

    /// Starts or stops the camera: an app in the background has none.
    func watch(_ on: Bool) {
        guard isReady else { return }
        camera.queue.async { [camera] in
            if on {
                camera.session.startRunning()
            } else {
                camera.session.stopRunning()
            }
        }
    }

    /// A view is drawn anew only where something changed.
    private func show(_ answer: Answer) {
        if answer != self.answer {
            self.answer = answer
        }
    }

    /// Enrols who is before the camera.
    func enrol(_ name: String) {
        guard let watcher else { return }
        camera.queue.async { watcher.enrol(name) }
    }

    /// Says whether to enrol whom the answer is doubtful about.
    func settle(anyway: Bool) {
        guard let watcher else { return }
        answer = .busy("")
        camera.queue.async { watcher.settle(anyway: anyway) }
    }

    /// Deletes all templates and the key that they were encrypted with.
    func forget() {
        guard let watcher else { return }
        camera.queue.async { watcher.forget() }
    }
}
