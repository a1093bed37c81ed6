import Foundation

/// Why a frame that was to be enrolled may not be one of its subject.
public struct Doubt: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// It is far from all of the subject's other frames and templates.
        case outlier
        /// It is like somebody who is enrolled under another name.
        case double
    }

    public let kind: Kind
    /// Of an outlier to the nearest of the subject's other frames and templates; of a double to somebody else's template.
    public let distance: Double
    /// An outlier is beyond it, a double within.
    public let limit: Double
    /// Whom a double is like; nil of an outlier.
    public let other: String?
    /// What was expected, what came, what to do. In English: translate by `kind`.
    public let detail: String
}

/// By which embeddings are found doubtful that are to become templates of a subject.
struct Doubts {
    private let subject: String
    private let own, others: [Template]
    private let farthest, nearest: Double
    private let distance: Distance

    init(_ subject: String, gallery: Gallery, manifest: Manifest, distance: Distance) {
        (self.subject, self.distance) = (subject, distance)
        own = gallery.templates.filter { isSame($0.subject, subject) }
        others = gallery.templates.filter { !isSame($0.subject, subject) }
        (farthest, nearest) = manifest.rates.enrolment(others.count, makers: Set(gallery.templates.map(\.artefact)))
    }

    /// The doubtful ones by place.
    func about(_ embeddings: [Embedding]) -> [Int: Doubt] {
        let vectors = embeddings.map(\.vector)
        var found: [Int: Doubt] = [:]
        for (place, vector) in vectors.enumerated() {
            let alike = vectors.enumerated().filter { $0.offset != place }.map(\.element) + own.map(\.vector)
            found[place] = double(vector) ?? outlier(vector, alike)
        }
        return found
    }

    private func outlier(_ vector: [Float], _ alike: [[Float]]) -> Doubt? {
        guard let apart = alike.map({ distance(vector, $0) }).min(), apart > farthest else { return nil }
        let detail =
            "expected a distance of \(digits(farthest)) or less to another picture of \(subject), got \(digits(apart)); "
            + "is it the same person? leave it out, or enrol anyway"
        return Doubt(kind: .outlier, distance: apart, limit: farthest, other: nil, detail: detail)
    }

    private func double(_ vector: [Float]) -> Doubt? {
        let all = others.map { (subject: $0.subject, distance: distance(vector, $0.vector)) }
        guard let (other, apart) = all.min(by: { $0.distance < $1.distance }), apart <= nearest else { return nil }
        let detail =
            "expected nobody who is enrolled already, got \(other) at a distance of \(digits(apart)) (threshold \(digits(nearest))); "
            + "is it the same person? if not, enrol anyway"
        return Doubt(kind: .double, distance: apart, limit: nearest, other: other, detail: detail)
    }
}

private func digits(_ number: Double) -> String {
    String(format: "%.2f", number)
}
