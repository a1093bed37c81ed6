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
        var known: Set<String> = []
        return templates.map(\.subject).filter { known.insert($0).inserted }
    }

    /// Templates of all subjects.
    public var count: Int { templates.count }

    /// Adds a template; false where it equals one of the subject's, and nothing is added.
    ///
    /// `artefact` is the sha256 of the embedder that made it. Throws `FaceliteError` for another space, and for a name that is blank or cannot be printed.
    @discardableResult
    public mutating func add(_ embedding: Embedding, of subject: String, artefact: String, at time: Date = Date()) throws -> Bool {
        let other = embedding.space
        try require(other == space, "expected an embedding of the space \(space), got one of \(other); use one app's files for both")
        try checkName(subject)
        let equal = templates.contains { $0.subject == subject && Distance.squaredL2($0.vector, embedding.vector) < 1e-4 }
        if !equal {
            let time = Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down))
            templates.append(Template(subject: subject, vector: embedding.vector, artefact: artefact, enrolledAt: time))
        }
        return !equal
    }

    /// Removes all templates of a subject; how many there were.
    @discardableResult
    public mutating func remove(_ subject: String) -> Int {
        let before = count
        templates.removeAll { $0.subject == subject }
        return before - count
    }

    /// Throws `FaceliteError` unless all templates can be compared with what the manifest's embedder makes.
    func check(_ manifest: Manifest) throws {
        try require(space == manifest.space, "expected a gallery of the space \(manifest.space), got one of \(space); enrol into a new one")
        for template in templates {
            let (artefact, count) = (template.artefact, template.vector.count)
            try require(
                artefact == manifest.artefact || manifest.templateThresholds[artefact] != nil,
                "expected templates of the embedder \(manifest.artefact), got one of \(artefact); enrol \(template.subject) anew")
            try require(
                count == manifest.embedding, "expected templates of \(manifest.embedding) numbers, got \(count); enrol \(template.subject) anew")
        }
    }
}

/// Throws `FaceliteError` for a name that is blank or has characters that cannot be printed: two names that look alike are one.
private func checkName(_ name: String) throws {
    try require(!name.allSatisfy(\.isWhitespace), "expected a subject's name, got a blank one; give the person a name")
    let hidden = name.unicodeScalars.first { scalar in
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
        let stored = templates.map {
            Stored.Template(subject: $0.subject, artefact: $0.artefact, enrolledAt: $0.enrolledAt, vector: $0.vector.map(Double.init))
        }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try vault.seal(encoder.encode(Stored(format: 1, space: space, templates: stored)))
    }

    /// What `save` gave. Throws what the vault throws, and `FaceliteError` for what is no gallery and for templates that the manifest's embedder does not go with.
    public static func load(_ data: Data, openedBy vault: any Vault, for manifest: Manifest) throws -> Gallery {
        let stored: Stored
        do {
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            stored = try decoder.decode(Stored.self, from: vault.open(data))
        } catch let error as DecodingError {
            throw FaceliteError("expected a gallery, got \(reason(error)); enrol into a new one")
        }
        try require(stored.format == 1, "expected a gallery of format 1, got \(stored.format); use a newer facelite")
        var gallery = Gallery(space: stored.space)
        gallery.templates = stored.templates.map {
            Template(subject: $0.subject, vector: $0.vector.map(Float.init), artefact: $0.artefact, enrolledAt: $0.enrolledAt)
        }
        try gallery.check(manifest)
        return gallery
    }
}

/// The JSON that is sealed. A vector's numbers are written as 64-bit floats, which keeps 32-bit ones exactly.
private struct Stored: Codable {
    struct Template: Codable {
        let subject, artefact: String
        let enrolledAt: Date
        let vector: [Double]
    }

    let format: Int
    let space: String
    let templates: [Template]
}
