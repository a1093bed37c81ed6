/// How a look at a frame, or a comparison, ended.
///
/// Only `accepted` and `rejected` are answers. All others mean *undecided*: there was nothing to compare. Tell the person what to change, and look again;
/// never treat undecided as rejected.
public enum Outcome: String, Sendable, CaseIterable {
    case accepted
    case rejected
    case noFace = "no face"
    case severalFaces = "several faces"
    case tooSmall = "too small"
    case cutOff = "cut off"
    case tooDark = "too dark"
    case tooBright = "too bright"
    case blurred
    case turnedAway = "turned away"
    case unclear
}

/// What a frame gave.
public struct Look: Sendable {
    /// nil: the face is good enough, and `embedding` is there. Else why it is not.
    public let outcome: Outcome?
    /// Where `outcome` is not nil: what was expected, what came, what to do. In English: translate by `outcome`.
    public let detail: String
    /// The face that was meant; nil where there was none, or several.
    public let face: Face?
    public let embedding: Embedding?

    init(_ embedding: Embedding, of face: Face) {
        (outcome, detail, self.face, self.embedding) = (nil, "", face, embedding)
    }

    init(_ reason: Reason, face: Face? = nil) {
        (outcome, detail, self.face, embedding) = (reason.outcome, reason.detail, face, nil)
    }
}

/// Why a frame gives no embedding.
struct Reason {
    let outcome: Outcome
    let detail: String
}

/// The answer to a question about one or two frames, with its evidence.
public struct Decision: Sendable {
    /// Other than `accepted` and `rejected`: undecided, which is not a rejection.
    public let outcome: Outcome
    /// Who was accepted, of a gallery's people; else nil.
    public let subject: String?
    /// Squared L2, 0 to 4 (or the bundle's own distance); nil where nothing was compared.
    public let distance: Double?
    /// What `distance` was held against: it is accepted up to and with `threshold.distance`.
    public let threshold: Threshold
    /// Where it is undecided: what was expected, what came, what to do. In English: translate by `outcome`.
    public let detail: String

    /// False also where nothing was decided: see `outcome`.
    public var accepted: Bool { outcome == .accepted }

    /// Whether there was something to compare.
    public var decided: Bool { distance != nil }
}

/// What came of enrolling.
public struct Enrolment: Sendable {
    /// One for each frame. Where one has an outcome, nothing was added.
    public let looks: [Look]
    /// About frames, by their place. Where there is one, nothing was added.
    public let doubts: [Int: Doubt]
    /// Templates added; a frame that equals one of the subject's templates adds none.
    public let added: Int
}
