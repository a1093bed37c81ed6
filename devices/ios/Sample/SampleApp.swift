import SwiftUI

/// A door that knows the people who enrolled at it.
@main
struct SampleApp: App {
    @StateObject private var door = Door()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            DoorView(door: door)
                .task { await door.open() }
                .onChange(of: phase) { door.watch($0 == .active) }
        }
    }
}
