import Foundation

/// One enrolled embedding.
public struct Template: Sendable, Equatable {
    public let subject: String
    /// Of unit length.
    public let vector: [Float]
    /// The sha256 of the embedder that made it.
    public let artefact: String
    /// In whole seconds.
    public let enrolledAt: Date

    public static func == (one: Template, other: Template) -> Bool {
        isSame(one.subject, other.subject) && one.vector == other.vector && one.artefact == other.artefact && one.enrolledAt == other.enrolledAt
    }
}

/// The enrolled people, in memory: a value, so that a copy of it can be asked while another one is changed.
public struct Gallery: Sendable, Equatable {
    /// Its embeddings' space: `Manifest.space`.
    public let space: String
    /// In the order of enrolment.
    public private(set) var templates: [Template] = []

    public init(space: String) {
        self.space = space
    }

    /// Each once, in the order of enrolment.
    public var subjects: [String] {
        var known: Set<[UInt8]> = []
        return templates.map(\.subject).filter { known.insert(Array($0.utf8)).inserted }
    }

    /// Templates of all subjects.
    public var count: Int { templates.count }

    /// Adds a template; false where it equals one of the subject's, and nothing is added.
    ///
    /// Throws `FaceliteError` for another space, and for a name that is blank or cannot be printed.
    @discardableResult
    public mutating func add(_ embedding: Embedding, of subject: String, at time: Date = Date()) throws -> Bool {
        let other = embedding.space
        try require(other == space, "expected an embedding of the space \(space), got one of \(other); use one app's files for both")
        try checkName(subject)
        let equal = templates.contains { isSame($0.subject, subject) && Distance.squaredL2($0.vector, embedding.vector) < 1e-4 }
        if !equal {
            let time = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down))
            templates.append(Template(subject: subject, vector: embedding.vector, artefact: embedding.artefact, enrolledAt: time))
        }
        return !equal
    }

    /// Removes all templates of a subject; how many there were.
    @discardableResult
    public mutating func remove(_ subject: String) -> Int {
        let before = count
        templates.removeAll { isSame($0.subject, subject) }
        return before - count
    }

    /// Throws `FaceliteError` unless all templates can be compared with what the manifest's embedder makes.
    func check(_ manifest: Manifest) throws {
        try require(space == manifest.space, "expected a gallery of the space \(manifest.space), got one of \(space); enrol into a new one")
        for template in templates {
            let (artefact, count) = (template.artefact, template.vector.count)
            try require(
                manifest.knows(artefact),
                "expected templates of the embedder \(manifest.artefact), got one of \(artefact); enrol \(template.subject) anew")
            try require(
                count == manifest.embedding, "expected templates of \(manifest.embedding) numbers, got \(count); enrol \(template.subject) anew")
        }
    }
}

/// Whether two names have the same code points. `==` takes two spellings of a letter for one.
func isSame(_ name: String, _ other: String) -> Bool {
    name.utf8.elementsEqual(other.utf8)
}

/// Throws `FaceliteError` for a name that is blank or has characters that cannot be printed, other than the joiners of Persian and Sinhala names.
func checkName(_ name: String) throws {
    try require(!name.allSatisfy(\.isWhitespace), "expected a subject's name, got a blank one; give the person a name")
    let hidden = name.unicodeScalars.first { scalar in
        if ["\u{200C}", "\u{200D}", "\u{3000}"].contains(scalar) { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return true
        case .spaceSeparator: return scalar != " "
        default: return false
        }
    }
    if let hidden {
        throw FaceliteError("expected a name of printable characters, got one with U+\(String(hidden.value, radix: 16)); leave it out")
    }
}

/// Encrypts what is stored, so that nobody else reads or changes it.
public protocol Vault {
    func seal(_ data: Data) throws -> Data
    /// Throws for what this vault did not seal.
    func open(_ data: Data) throws -> Data
}

extension Gallery {
    /// The gallery as bytes to store.
    public func save(sealedBy vault: any Vault) throws -> Data {
        let times = ISO8601DateFormatter()
        let stored = templates.map {
            Stored.Template(
                subject: $0.subject, artefact: $0.artefact, enrolledAt: times.string(from: $0.enrolledAt), vector: $0.vector.map(Double.init))
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try vault.seal(encoder.encode(Stored(format: 1, space: space, templates: stored)))
    }

    /// What `save` gave. Throws what the vault throws, and `FaceliteError` for what is no gallery and for templates that the manifest's embedder does not go with.
    public static func load(_ data: Data, openedBy vault: any Vault, for manifest: Manifest) throws -> Gallery {
        let stored: Stored
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            stored = try decoder.decode(Stored.self, from: vault.open(data))
        } catch let error as DecodingError {
            throw FaceliteError("expected a gallery, got \(reason(error)); enrol into a new one")
        }
        try require(stored.format == 1, "expected a gallery of format 1, got \(stored.format); use a newer facelite")
        var gallery = Gallery(space: stored.space)
        let times = ISO8601DateFormatter()
        gallery.templates = try stored.templates.map { try Template($0, times: times) }
        try gallery.check(manifest)
        return gallery
    }
}

/// The JSON that is sealed. A vector's numbers are written as 64-bit floats, which keeps 32-bit ones exactly.
private struct Stored: Codable {
    struct Template: Codable {
        let subject, artefact, enrolledAt: String
        let vector: [Double]
    }

    let format: Int
    let space: String
    let templates: [Template]
}

extension Template {
    /// Names are read more freely than they are enrolled: Unicode grows. Throws `FaceliteError` for what cannot have been stored.
    fileprivate init(_ stored: Stored.Template, times: ISO8601DateFormatter) throws {
        let (name, time, vector) = (stored.subject, stored.enrolledAt, stored.vector.map(Float.init))
        let isControl = name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        try require(!isControl && !name.allSatisfy(\.isWhitespace), "expected a stored name, got \(name.debugDescription); enrol into a new gallery")
        let pattern = #"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|\+00:00)\z"#
        guard time.range(of: pattern, options: .regularExpression) != nil, let date = times.date(from: "\(time.prefix(19))Z") else {
            throw FaceliteError("expected a time such as 2026-01-02T03:04:05Z, got \(time); enrol \(name) anew")
        }
        let length = length(vector)
        try require(abs(length - 1) <= 1e-3, "expected a vector of unit length, got length \(length); enrol \(name) anew")
        self.init(subject: name, vector: vector, artefact: stored.artefact, enrolledAt: date)
    }
}
