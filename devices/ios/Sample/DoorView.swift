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
            Button("Enrol") { asksName = true }
                .font(.title)
                .disabled(!door.isReady)
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
    fileprivate var colour: Color {
        switch self {
        case .accepted: return .green
        case .rejected, .failed: return .red
        case .undecided, .busy: return .primary
        }
    }
}
