import Foundation

/// A value that one thread at a time has: what makes a class of one thread safe to share.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private let value: Value

    /// Nobody else may keep `value`.
    init(_ value: Value) {
        self.value = value
    }

    func with<Result>(_ body: (Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(value)
    }
}
