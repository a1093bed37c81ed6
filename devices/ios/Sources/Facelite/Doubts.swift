import Foundation

/// Why a frame that was to be enrolled may not be one of its subject.
public struct Doubt: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// It is far from the group of the subject's other frames and templates.
        case outlier
        /// It is like somebody who is enrolled under another name.
        case double
    }

    public let kind: Kind
    /// Of an outlier to the nearest of the subject's frames and templates in another group; of a double to somebody else's template.
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
        let vectors = embeddings.map(\.vector) + own.map(\.vector)
        let groups = linked(vectors)
        let right = right(groups, embeddings.count)
        var found: [Int: Doubt] = [:]
        for place in embeddings.indices {
            found[place] = double(vectors[place]) ?? (right.contains(groups[place]) ? nil : outlier(vectors, groups, place))
        }
        return found
    }

    /// The number of each vector's group: of those that are linked, one to the next.
    private func linked(_ vectors: [[Float]]) -> [Int] {
        var groups = Array(vectors.indices)
        for i in vectors.indices {
            for j in 0..<i where groups[i] != groups[j] && distance(vectors[i], vectors[j]) <= farthest {
                let (mine, its) = (groups[i], groups[j])
                groups = groups.map { $0 == its ? mine : $0 }
            }
        }
        return groups
    }

    /// The groups with templates, which follow the first `pictures`; where there are none the largest, if no other is as large.
    private func right(_ groups: [Int], _ pictures: Int) -> Set<Int> {
        if groups.count > pictures {
            return Set(groups[pictures...])
        }
        let sizes = Dictionary(grouping: groups) { $0 }.mapValues(\.count)
        let largest = sizes.filter { $0.value == sizes.values.max() }.keys
        return largest.count == 1 ? Set(largest) : []
    }

    private func outlier(_ vectors: [[Float]], _ groups: [Int], _ place: Int) -> Doubt {
        let others = vectors.indices.filter { groups[$0] != groups[place] }
        let apart = others.map { distance(vectors[place], vectors[$0]) }.min() ?? .infinity
        let detail =
            "expected a distance of \(digits(farthest)) or less to the other pictures of \(subject), got \(digits(apart)); "
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
