import Foundation

/// The app's files, checked and self-tested, ready to decide.
///
///     let facelite = try Facelite(assets: folder, models: CoreMLModels())
///     var frame = Frame()
///     try frame.read(pixelBuffer, orientation: .right)
///     let decision = try facelite.identify(frame, in: gallery)
///
/// **Threads.** Everything may be called from any thread. Calls wait for each other while a frame is looked at, since models and memory serve one frame at a
/// time: call it on the queue of the camera, let that drop late frames, and never call it on the main thread. Nothing is retained of a frame;
/// the gallery that `identify` had last is.
public final class Facelite: Sendable {
    public let manifest: Manifest
    private let distance: Distance
    private let looker: Locked<Looker>
    private let latest = Locked(Latest())

    /// Opens the files of the folder `assets`: checks their hashes, opens both models and runs the self-test. It takes a while.
    ///
    /// Throws `FaceliteError` where a file is missing or changed and where this machine does not reproduce the golden vectors, and what `models` throws.
    public convenience init(assets folder: URL, models: any Models) throws {
        let assets = Assets(folder: folder)
        let manifest = try assets.checked()
        let looker = try Looker(manifest, assets: assets, models: models)
        try looker.selfTest(assets.goldens())
        try self.init(manifest, distance: assets.distance(manifest), looker: looker)
    }

    /// Of parts that go together. Nobody else may keep `looker`.
    init(_ manifest: Manifest, distance: Distance, looker: Looker) {
        (self.manifest, self.distance, self.looker) = (manifest, distance, Locked(looker))
    }

    /// Finds the face that `rule` means, judges and embeds it. Throws what the interpreter throws.
    public func look(_ frame: Frame, rule: Rule = .only) throws -> Look {
        try looker.with { try $0.look(frame, rule: rule) }
    }

    /// Whether two frames show one person, at a false match rate that was measured (nil: the manifest's). Throws `FaceliteError` for another rate.
    public func verify(_ first: Frame, _ second: Frame, fmr: Double? = nil, rule: Rule = .only) throws -> Decision {
        let threshold = try manifest.rates.pictures(fmr: fmr)
        return try decide(look(first, rule: rule), look(second, rule: rule), threshold)
    }

    /// Whether two looks show one person. Throws `FaceliteError` for a rate that was not measured, and for looks of another embedder.
    public func verify(_ first: Look, _ second: Look, fmr: Double? = nil) throws -> Decision {
        try decide(first, second, manifest.rates.pictures(fmr: fmr))
    }

    /// Whether the frame shows the enrolled `subject`, for whom another person is taken at a rate of at most `fmr`, a measured one (nil: the manifest's).
    ///
    /// Throws `FaceliteError` where nobody of that name is enrolled, for a rate that was not measured, for more templates than it was measured for, and for a
    /// gallery of another space or embedder.
    public func verify(_ frame: Frame, as subject: String, in gallery: Gallery, fmr: Double? = nil, rule: Rule = .only) throws -> Decision {
        let comparison = try Comparison(subject: subject, gallery: gallery, fmr: fmr, manifest: manifest)
        return try decide(look(frame, rule: rule), comparison)
    }

    /// As above, of what a frame gave.
    public func verify(_ look: Look, as subject: String, in gallery: Gallery, fmr: Double? = nil) throws -> Decision {
        try decide(look, Comparison(subject: subject, gallery: gallery, fmr: fmr, manifest: manifest))
    }

    /// Who of the gallery the frame shows, a stranger being taken for somebody at a rate of at most `fpir`.
    ///
    /// Throws `FaceliteError` where nobody is enrolled, for a rate too small for as many templates, and for a gallery of another space or embedder.
    public func identify(_ frame: Frame, in gallery: Gallery, fpir: Double = 0.01, rule: Rule = .only) throws -> Decision {
        let comparison = try comparison(gallery, fpir)
        return try decide(look(frame, rule: rule), comparison)
    }

    /// As above, of what a frame gave.
    public func identify(_ look: Look, in gallery: Gallery, fpir: Double = 0.01) throws -> Decision {
        try decide(look, comparison(gallery, fpir))
    }

    /// Adds a template of each frame to the gallery, all or none: none where a look has an outcome, and none where one is doubtful, being unlike the subject's
    /// other frames and templates, or like somebody who is enrolled under another name. With `anyway` doubts are not asked for.
    ///
    /// Throws `FaceliteError` without frames, for a name that is blank or cannot be printed, and for a gallery of another space or embedder.
    public func enrol(
        _ subject: String, from frames: [Frame], into gallery: inout Gallery, rule: Rule = .only, anyway: Bool = false
    ) throws -> Enrolment {
        try check(subject, gallery)
        return try enrol(subject, from: frames.map { try look($0, rule: rule) }, into: &gallery, anyway: anyway)
    }

    /// As above, of what frames gave: of a camera, keep the looks that are good, not the frames. Throws `FaceliteError` for looks of another embedder, too.
    public func enrol(_ subject: String, from looks: [Look], into gallery: inout Gallery, anyway: Bool = false) throws -> Enrolment {
        try check(subject, gallery)
        try require(!looks.isEmpty, "expected frames to enrol \(subject) from, got none; take three or more")
        let embeddings = looks.compactMap(\.embedding)
        guard embeddings.count == looks.count else { return Enrolment(looks: looks, doubts: [:], added: 0) }
        try embeddings.forEach(check)
        let doubts = anyway ? [:] : Doubts(subject, gallery: gallery, manifest: manifest, distance: distance).about(embeddings)
        guard doubts.isEmpty else { return Enrolment(looks: looks, doubts: doubts, added: 0) }
        var changed = gallery
        let added = try embeddings.filter { try changed.add($0, of: subject) }.count
        gallery = changed
        return Enrolment(looks: looks, doubts: [:], added: added)
    }

    private func decide(_ first: Look, _ second: Look, _ threshold: Threshold) throws -> Decision {
        guard let a = first.embedding else { return undecided(first, threshold) }
        guard let b = second.embedding else { return undecided(second, threshold) }
        try check(a)
        try check(b)
        return decided(distance(a.vector, b.vector), subject: nil, threshold)
    }

    private func decide(_ look: Look, _ comparison: Comparison) throws -> Decision {
        guard let embedding = look.embedding else { return undecided(look, comparison.threshold) }
        try check(embedding)
        let nearest = comparison.nearest(to: embedding.vector, by: distance)
        let accepted = nearest.distance <= comparison.threshold.distance
        return decided(nearest.distance, subject: accepted ? nearest.subject : nil, comparison.threshold)
    }

    /// With everybody of the gallery; made once for one gallery, since that takes longer than a frame where it is large.
    private func comparison(_ gallery: Gallery, _ fpir: Double) throws -> Comparison {
        try latest.with { latest in
            if let asked = latest.asked, asked.fpir == fpir, asked.gallery == gallery {
                return asked.comparison
            }
            let comparison = try Comparison(gallery: gallery, fpir: fpir, manifest: manifest)
            latest.asked = (gallery, fpir, comparison)
            return comparison
        }
    }

    /// Throws `FaceliteError` for what another embedder saw.
    private func check(_ embedding: Embedding) throws {
        let (space, artefact) = (manifest.space, manifest.artefact)
        try require(embedding.space == space, "expected a look of the space \(space), got one of \(embedding.space); look again")
        try require(embedding.artefact == artefact, "expected a look of the embedder \(artefact), got one of \(embedding.artefact); look again")
    }

    /// Throws `FaceliteError` where nobody can be enrolled by that name, or into that gallery.
    private func check(_ subject: String, _ gallery: Gallery) throws {
        try checkName(subject)
        try gallery.check(manifest)
    }
}

/// The question to a whole gallery that was asked last. It serves one thread at a time.
private final class Latest {
    var asked: (gallery: Gallery, fpir: Double, comparison: Comparison)?
}

/// Of a distance, which is accepted at the threshold too.
func decided(_ distance: Double, subject: String?, _ threshold: Threshold) -> Decision {
    let outcome: Outcome = distance <= threshold.distance ? .accepted : .rejected
    return Decision(outcome: outcome, subject: subject, distance: distance, threshold: threshold, detail: "")
}

private func undecided(_ look: Look, _ threshold: Threshold) -> Decision {
    Decision(outcome: look.outcome ?? .noFace, subject: nil, distance: nil, threshold: threshold, detail: look.detail)
}
