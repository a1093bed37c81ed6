import SwiftUI

/// The camera's picture, the answer in large type below it, and buttons to enrol and to forget.
struct DoorView: View {
    @ObservedObject var door: Door
    @State private var name = ""
    @State private var asksName = false

    var body: some View {
        VStack(spacing: 24) {
            CameraPreview(session: door.session)
            Text(door.answer.title)
                .font(.largeTitle)
                .foregroundColor(door.answer.colour)
            Text(door.answer.detail)
                .font(.title2)
            if door.answer.isDoubtful {
                Button("Enrol anyway") { door.settle(anyway: true) }
                Button("Leave it out", role: .cancel) { door.settle(anyway: false) }
            }
            Button("Enrol") { asksName = true }
                .font(.title)
                .disabled(!door.isReady || door.answer.isDoubtful)
            Button("Forget everybody", role: .destructive) { door.forget() }
                .disabled(!door.isReady)
        }
        .padding()
        .alert("Who is it?", isPresented: $asksName) {
            TextField("Name", text: $name)
            Button("Enrol") { door.enrol(name) }
            Button("Cancel", role: .cancel) {}
        }
    }
}

extension Answer {
    fileprivate var isDoubtful: Bool {
        if case .doubtful = self { return true }
        return false
    }

    fileprivate var colour: Color {
        switch self {
        case .accepted: return .green
        case .rejected, .failed: return .red
        case .undecided, .doubtful, .busy: return .primary
        }
    }
}
