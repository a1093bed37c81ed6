import Foundation

@testable import Facelite

/// What the port makes of a case of each stage.
struct Stages {
    let facelite: Facelite
    let looker: Looker
    var answers = Answers()

    /// nil where the port refuses.
    mutating func answer(_ stage: String, _ given: Fields) throws -> [String: Any]? {
        do {
            return try made(stage, given)
        } catch is FaceliteError {
            return nil
        }
    }

    private mutating func made(_ stage: String, _ given: Fields) throws -> [String: Any] {
        switch stage {
        case "view": return try sampledView(given)
        case "decode": return table(of: try decoded(given))
        case "faces": return table(of: merge(try decoded(given), view: try view(given), turns: try given.int("turns")))
        case "detect": return try detected(given)
        case "upright": return try turnedUpright(given)
        case "choose": return try chosen(given)
        case "matrix": return try aligned(given)
        case "crop": return try cropped(given)
        case "quality": return try judged(given)
        case "input": return try inputOf(given)
        case "embedding": return ["vector": try unit(looker.embedder.output(of: given.picture("pixels"))).map(Double.init)]
        case "unit": return ["vector": try unit(given.floats("values")).map(Double.init)]
        case "distance": return ["distance": try distance(given, given.floats("a").count)(given.floats("a"), given.floats("b"))]
        case "fuse": return try fused(given)
        case "threshold": return try threshold(given)
        case "gallery": return try asked(given)
        case "enrolment": return try enrolled(given)
        case "decision": return try decision(given)
        case "verify": return try verified(given)
        default: throw Unreadable(description: "no stage \(stage)")
        }
    }

    private mutating func sampledView(_ given: Fields) throws -> [String: Any] {
        let matrix = viewMatrix(try view(given), turns: try given.int("turns"))
        return ["pixels": try sampled(given.frame("frame"), matrix, into: Frame(height: Detector.side, width: Detector.side))]
    }

    private mutating func cropped(_ given: Fields) throws -> [String: Any] {
        let rows: [[Double]] = try given.value("matrix")
        let matrix = Matrix(a: rows[0][0], b: rows[0][1], c: rows[0][2], d: rows[1][0], e: rows[1][1], f: rows[1][2])
        return ["pixels": try sampled(given.frame("frame"), matrix, into: Frame(height: given.int("height"), width: given.int("width")))]
    }

    private mutating func sampled(_ frame: Frame, _ matrix: Matrix, into picture: Frame) throws -> [String: Any] {
        var picture = picture
        looker.sampler.with(frame) { looker.sampler.sample(matrix, into: &picture) }
        return answers.array(picture.pixels, [picture.height, picture.width, 3])
    }

    private func decoded(_ given: Fields) throws -> [Face] {
        var faces: [Face] = []
        try decode(try given.floats("logits"), try given.floats("regressors"), minScore: try given.number("min_score"), into: &faces)
        return faces
    }

    private func view(_ given: Fields) throws -> View {
        let numbers: [Double] = try given.value("view")
        return View(x: numbers[0], y: numbers[1], side: numbers[2])
    }

    private func detected(_ given: Fields) throws -> [String: Any] {
        let recorder = Recorder(looker.detector)
        let faces = try looker.sampler.with(given.frame("frame")) { try recorder.detect() }
        return table(of: faces).merging(recorder.table) { $1 }
    }

    private func turnedUpright(_ given: Fields) throws -> [String: Any] {
        let (boxes, keypoints): ([[Double]], [[[Double]]]) = (try given.value("boxes"), try given.value("keypoints"))
        let scores: [Double] = try given.value("scores")
        let face = Face(score: scores[0], numbers: SIMD16(boxes[0] + keypoints[0].joined()))
        let recorder = Recorder(looker.detector)
        let found = try looker.sampler.with(given.frame("frame")) { try recorder.upright(face) }
        return table(of: [found]).merging(recorder.table) { $1 }
    }

    private func chosen(_ given: Fields) throws -> [String: Any] {
        let face = choose(try given.boxes("boxes"), try given.rule(), height: try given.int("height"), width: try given.int("width"))
        return ["face": face ?? NSNull()]
    }

    private func aligned(_ given: Fields) throws -> [String: Any] {
        let points = template(height: try given.int("height"), width: try given.int("width"))
        let landmarks = try given.points("landmarks")
        let matrix = try similarity(landmarks, to: points)
        func list(_ points: [Point]) -> [[Double]] { points.map { [$0.x, $0.y] } }
        return [
            "template": list(points), "matrix": [[matrix.a, matrix.b, matrix.c], [matrix.d, matrix.e, matrix.f]],
            "aligned": list(landmarks.map { matrix($0) }),
        ]
    }

    private func judged(_ given: Fields) throws -> [String: Any] {
        var judge = Judge(try JSONDecoder().decode(Limits.self, from: given.json("limits")))
        let (box, landmarks): ([Double], [[Double]]) = (try given.value("box"), try given.value("landmarks"))
        let face = Face(score: 1, numbers: SIMD16(box + landmarks.joined() + [0, 0, 0, 0]))
        let reason = try judge.reason(face, given.picture("pixels"), frameHeight: given.int("height"), frameWidth: given.int("width"))
        return ["outcome": try (reason ?? judge.reason(length: given.number("length")))?.outcome.rawValue ?? NSNull()]
    }

    private mutating func inputOf(_ given: Fields) throws -> [String: Any] {
        let crop = try given.picture("pixels")
        guard let colours = Preprocessing.Colours(rawValue: try given.value("colours")) else { throw Unreadable(description: "\(given.table)") }
        let preprocessing = Preprocessing(
            height: crop.height, width: crop.width, mean: try given.number("mean"), std: try given.number("std"), colours: colours)
        var input = [Float](repeating: 0, count: crop.pixels.count)
        preprocessing.fill(&input, with: crop.pixels)
        return ["tensor": answers.array(input, [1, crop.height, crop.width, 3])]
    }

    private func distance(_ given: Fields, _ size: Int) throws -> Distance {
        guard given.table["head"] is [String: Any] else { return .squaredL2 }
        let head = try JSONDecoder().decode(Head.self, from: given.json("head"))
        try head.check(size: size)
        return .siamese(head)
    }

    private func fused(_ given: Fields) throws -> [String: Any] {
        let (measured, templates): ([Int], [[Double]]) = (try given.value("measured"), try given.value("templates"))
        let sizes = groupSizes(templates.count, most: measured.max() ?? 1)
        let vectors = try fuse(templates.map { $0.map(Float.init) }, sizes: sizes)
        return ["vectors": vectors.map { $0.map(Double.init) }, "kinds": sizes.map { kind(of: $0, measured: measured) }]
    }

    private func threshold(_ given: Fields) throws -> [String: Any] {
        func thresholds(_ rows: [[String: Double]]) -> [Threshold] {
            rows.map {
                Threshold(distance: $0["distance"]!, fmr: $0["fmr"]!, fmrUpper: 0, fnmr: 0, genuinePairs: 0, impostorPairs: 0, peoplePairs: 0)
            }
        }
        let others: [String: [[String: Double]]] = try given.value("template_thresholds")
        let rates = Rates(
            thresholds: thresholds(try given.value("thresholds")), templateThresholds: others.mapValues(thresholds), fmr: try given.number("fmr"))
        let (rate, templates, kinds): (Double?, Int, [String]) = (given.optional("rate"), try given.int("templates"), try given.value("kinds"))
        let found: Threshold?
        switch try given.value("question") as String {
        case "pictures": found = try rates.pictures(fmr: rate)
        case "subject": found = rates.strictest(templates, rate: try rates.pictures(fmr: rate).fmr, kinds: Set(kinds))
        default: found = rates.strictest(templates, rate: rate ?? 0.01, kinds: Set(kinds))
        }
        guard let found else { throw FaceliteError("expected a rate that was measured") }
        return ["fmr": found.fmr, "distance": found.distance]
    }

    private func asked(_ given: Fields) throws -> [String: Any] {
        let facelite = try deciding(given)
        let (gallery, look) = (try gallery(given), try looks(given.floats("vector"), facelite.manifest)[0])
        let rate: Double? = given.optional("rate")
        let decision: Decision
        if let subject: String = given.optional("subject") {
            decision = try facelite.verify(look, as: subject, in: gallery, fmr: rate)
        } else {
            decision = try facelite.identify(look, in: gallery, fpir: rate ?? 0.01)
        }
        return [
            "outcome": decision.outcome.rawValue, "subject": decision.subject ?? NSNull(), "distance": decision.distance ?? NSNull(),
            "threshold": decision.threshold.distance,
        ]
    }

    private func enrolled(_ given: Fields) throws -> [String: Any] {
        let facelite = try deciding(given)
        let (before, looks) = (try gallery(given), try looks(given.floats("embeddings"), facelite.manifest))
        var gallery = before
        let enrolment = try facelite.enrol(given.value("subject"), from: looks, into: &gallery, anyway: given.value("anyway"))
        guard gallery.count == before.count + enrolment.added else { throw Unreadable(description: "\(gallery.count) templates") }
        let doubts = enrolment.doubts.sorted { $0.key < $1.key }
        return [
            "places": doubts.map(\.key), "kinds": doubts.map(\.value.kind.rawValue), "others": doubts.map { $0.value.other ?? NSNull() as Any },
            "distances": doubts.map(\.value.distance), "limits": doubts.map(\.value.limit), "added": enrolment.added,
        ]
    }

    /// By the thresholds and the head of the case.
    private func deciding(_ given: Fields) throws -> Facelite {
        let manifest = try manifest(given)
        return Facelite(manifest, distance: try distance(given, manifest.embedding), looker: looker)
    }

    /// What gave these vectors, one behind the other.
    private func looks(_ vectors: [Float], _ manifest: Manifest) throws -> [Look] {
        stride(from: 0, to: vectors.count, by: manifest.embedding).map { start in
            let vector = Array(vectors[start..<start + manifest.embedding])
            let embedding = Embedding(vector: vector, space: manifest.space, artefact: manifest.artefact)
            return Look(embedding, of: Face(score: 1, numbers: SIMD16(repeating: 0)))
        }
    }

    /// The bundle's, with the embedder and the thresholds of the case.
    private func manifest(_ given: Fields) throws -> Manifest {
        func thresholds(_ rows: [[String: Double]]) -> [[String: Double]] {
            rows.map { $0.merging(["fmr_upper": 0, "fnmr": 0, "genuine_pairs": 0, "impostor_pairs": 0, "people_pairs": 0]) { $1 } }
        }
        let (known, embedder): (Manifest, String) = (facelite.manifest, try given.value("embedder"))
        let others: [String: [[String: Double]]] = try given.value("template_thresholds")
        let table: [String: Any] = [
            "format": [1, 0], "name": known.name, "network": known.network, "precision": known.precision, "space": known.space,
            "embedding": known.embedding, "preprocessing": ["height": known.preprocessing.height, "width": known.preprocessing.width],
            "thresholds": thresholds(try given.value("thresholds")), "template_thresholds": others.mapValues(thresholds),
            "fmr": try given.number("fmr"), "files": known.files.merging([known.embedderFile: embedder]) { $1 },
        ]
        return try Manifest(json: JSONSerialization.data(withJSONObject: table))
    }

    private func gallery(_ given: Fields) throws -> Gallery {
        let size = facelite.manifest.embedding
        let (subjects, artefacts): ([String], [String]) = (try given.value("subjects"), try given.value("artefacts"))
        let (vectors, space) = (try given.floats("vectors"), facelite.manifest.space)
        var gallery = Gallery(space: space)
        for (place, subject) in subjects.enumerated() {
            let vector = Array(vectors[place * size..<(place + 1) * size])
            try gallery.add(Embedding(vector: vector, space: space, artefact: artefacts[place]), of: subject)
        }
        return gallery
    }

    private func decision(_ given: Fields) throws -> [String: Any] {
        let looks: [String?] = [given.optional("first"), given.optional("second")]
        if let outcome = looks.compactMap({ $0 }).first {
            guard let known = Outcome(rawValue: outcome) else { throw Unreadable(description: outcome) }
            return ["outcome": known.rawValue]
        }
        let limit = Threshold(
            distance: try given.number("threshold"), fmr: 0.01, fmrUpper: 0, fnmr: 0, genuinePairs: 0, impostorPairs: 0, peoplePairs: 0)
        return ["outcome": decided(try given.number("distance"), subject: nil, limit).outcome.rawValue]
    }

    private func verified(_ given: Fields) throws -> [String: Any] {
        let decision = try facelite.verify(given.frame("first"), given.frame("second"), rule: given.rule())
        return ["outcome": decision.outcome.rawValue, "distance": decision.distance ?? NSNull()]
    }
}

/// Passes looks on and keeps where they went.
private final class Recorder: Looking {
    private let detector: Detector
    private var looks: [(view: View, turns: Int)] = []

    init(_ detector: Detector) {
        self.detector = detector
    }

    var height: Int { detector.height }
    var width: Int { detector.width }

    func look(_ view: View, minScore: Double, turns: Int) throws -> [Face] {
        looks.append((view, turns))
        return try detector.look(view, minScore: minScore, turns: turns)
    }

    var table: [String: Any] { ["views": looks.map { [$0.view.x, $0.view.y, $0.view.side] }, "turns": looks.map(\.turns)] }
}

private func table(of faces: [Face]) -> [String: Any] {
    [
        "boxes": faces.map { [$0.box.x, $0.box.y, $0.box.width, $0.box.height] }, "keypoints": faces.map { $0.keypoints.map { [$0.x, $0.y] } },
        "scores": faces.map(\.score),
    ]
}
