// What the sample uses of SwiftUI: developer.apple.com/documentation/swiftui
@_exported import Combine
@_exported import Foundation
import UIKit

@MainActor @preconcurrency @propertyWrapper public struct StateObject<Value: ObservableObject> {
    public nonisolated init(wrappedValue: @autoclosure @escaping () -> Value) { fatalError() }
    public var wrappedValue: Value { fatalError() }
}

@MainActor @preconcurrency @propertyWrapper public struct ObservedObject<Value: ObservableObject> {
    public init(wrappedValue: Value) { fatalError() }
    public var wrappedValue: Value { fatalError() }
}

@propertyWrapper public struct State<Value> {
    public init(wrappedValue: Value) { fatalError() }
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set { fatalError() }
    }
    public var projectedValue: Binding<Value> { fatalError() }
}

public struct Binding<Value> {}

@propertyWrapper public struct Environment<Value> {
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) { fatalError() }
    public var wrappedValue: Value { fatalError() }
}

public struct EnvironmentValues {
    public var scenePhase: ScenePhase { fatalError() }
}

public enum ScenePhase: Sendable {
    case background, inactive, active
}

@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}

extension App {
    public static func main() { fatalError() }
}

@MainActor @preconcurrency public protocol Scene {}

@resultBuilder public struct SceneBuilder {
    public static func buildBlock<Content: Scene>(_ content: Content) -> Content { fatalError() }
}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) { fatalError() }
}

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { return fatalError() }
}

@resultBuilder public struct ViewBuilder {
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> Stub { fatalError() }
    public static func buildIf(_ content: Stub?) -> Stub { fatalError() }
}

/// Of any view: the types of SwiftUI's modified views are not told apart.
public struct Stub: View {
    public var body: Never { return fatalError() }
}

extension View {
    public func font(_ font: Font?) -> Stub { fatalError() }
    public func foregroundColor(_ color: Color?) -> Stub { fatalError() }
    public func disabled(_ disabled: Bool) -> Stub { fatalError() }
    public func padding() -> Stub { fatalError() }
    public func task(_ action: @escaping @Sendable @MainActor () async -> Void) -> Stub { fatalError() }
    public func onChange<V: Equatable>(of value: V, perform action: @escaping (V) -> Void) -> Stub { fatalError() }
    public func alert<A: View>(_ title: String, isPresented: Binding<Bool>, @ViewBuilder actions: () -> A) -> Stub { fatalError() }
}

public struct Font: Sendable {
    public static let largeTitle = Font()
    public static let title = Font()
    public static let title2 = Font()
}

public struct Color: Sendable {
    public static let green = Color()
    public static let red = Color()
    public static let primary = Color()
}

public struct VStack<Content: View>: View {
    public init(spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) { fatalError() }
    public var body: Never { return fatalError() }
}

public struct Text: View {
    public init(_ content: String) { fatalError() }
    public var body: Never { return fatalError() }
}

public struct TextField: View {
    public init(_ title: String, text: Binding<String>) { fatalError() }
    public var body: Never { return fatalError() }
}

public struct ButtonRole: Sendable {
    public static let cancel = ButtonRole()
    public static let destructive = ButtonRole()
}

public struct Button: View {
    public init(_ title: String, role: ButtonRole? = nil, action: @escaping @MainActor () -> Void) { fatalError() }
    public var body: Never { return fatalError() }
}

public struct UIViewRepresentableContext {}

@MainActor @preconcurrency public protocol UIViewRepresentable: View where Body == Never {
    associatedtype UIViewType: UIView
    typealias Context = UIViewRepresentableContext
    func makeUIView(context: Context) -> UIViewType
    func updateUIView(_ uiView: UIViewType, context: Context)
}

extension UIViewRepresentable {
    public var body: Never { return fatalError() }
}
