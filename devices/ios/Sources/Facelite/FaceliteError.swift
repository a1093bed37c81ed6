import Foundation

/// Why facelite refuses: `expected ..., got ...; what to do about it`.
///
/// It is never an answer about a person: an outcome is.
public struct FaceliteError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    public var errorDescription: String? { description }
}

/// Throws `FaceliteError` unless `condition` holds.
func require(_ condition: Bool, _ description: @autoclosure () -> String) throws {
    if !condition {
        throw FaceliteError(description())
    }
}
