/// What a frame is compared with, and the threshold of that: settled before the frame is looked at.
struct Comparison: Sendable {
    /// The subject of each of `vectors`.
    let subjects: [String]
    let vectors: [[Float]]
    let threshold: Threshold

    /// With everybody of the gallery, where a stranger is taken for somebody at a rate of at most `fpir`. Throws `FaceliteError`.
    init(gallery: Gallery, fpir: Double, manifest: Manifest) throws {
        try require(fpir > 0 && fpir < 1, "expected a rate between 0 and 1, got \(fpir); 0.01 is the default")
        try self.init(gallery.templates, of: gallery, rate: fpir, manifest)
    }

    /// With the templates of `subject`, for whom another person is taken at a rate of at most `fmr`, a measured one. Throws `FaceliteError`.
    init(subject: String, gallery: Gallery, fmr: Double?, manifest: Manifest) throws {
        let rate = try manifest.rates.pictures(fmr: fmr).fmr
        let templates = gallery.templates.filter { isSame($0.subject, subject) }
        try require(!templates.isEmpty, "expected the name of somebody enrolled, got \(subject); enrol them first")
        try self.init(templates, of: gallery, rate: rate, manifest)
    }

    private init(_ templates: [Template], of gallery: Gallery, rate: Double, _ manifest: Manifest) throws {
        try gallery.check(manifest)
        try require(!templates.isEmpty, "expected somebody enrolled, got an empty gallery; enrol somebody first")
        let makers = Set(gallery.templates.map(\.artefact))
        let (rates, people) = (manifest.rates, grouped(templates))
        for most in (makers == [manifest.artefact] ? rates.measured.reversed() : []) + [1] {
            let sizes = people.map { groupSizes($0.vectors.count, most: most) }
            let count = sizes.reduce(0) { $0 + $1.count }
            let kinds = most > 1 ? Set(sizes.joined().map { kind(of: $0, measured: rates.measured) }) : makers
            guard let threshold = rates.strictest(count, rate: rate, kinds: kinds) else { continue }
            self.threshold = threshold
            vectors = try zip(people, sizes).flatMap { person, sizes in try fuse(person.vectors, sizes: sizes) }
            subjects = zip(people, sizes).flatMap { person, sizes in sizes.map { _ in person.subject } }
            return
        }
        throw FaceliteError(
            "expected a measured FMR so small that \(templates.count) templates together err at \(rate), found none; ask for a larger rate, or enrol fewer"
        )
    }

    /// The subject that is nearest to `vector`, of equal ones the one enrolled first.
    func nearest(to vector: [Float], by distance: Distance) -> (subject: String, distance: Double) {
        var (best, least) = (0, Double.infinity)
        for (place, other) in vectors.enumerated() {
            let apart = distance(vector, other)
            if apart < least {
                (best, least) = (place, apart)
            }
        }
        return (subjects[best], least)
    }
}

/// The vectors of each subject in the order of enrolment.
private func grouped(_ templates: [Template]) -> [(subject: String, vectors: [[Float]])] {
    var (people, places): ([(subject: String, vectors: [[Float]])], [[UInt8]: Int]) = ([], [:])
    for template in templates {
        let name = Array(template.subject.utf8)
        if let place = places[name] {
            people[place].vectors.append(template.vector)
        } else {
            places[name] = people.count
            people.append((template.subject, [template.vector]))
        }
    }
    return people
}
