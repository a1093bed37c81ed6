/// From a frame to the embedding of the face that is meant. It serves one thread at a time.
final class Looker {
    let sampler = Sampler()
    let detector: Detector
    let embedder: Embedder
    private var judge: Judge
    private let manifest: Manifest
    private var aligned: Frame

    /// Opens both models. Throws `FaceliteError`, and what `models` throws.
    init(_ manifest: Manifest, assets: Assets, models: any Models) throws {
        self.manifest = manifest
        detector = try Detector(models.open(assets.file(manifest.detectorFile, of: manifest)), sampler: sampler)
        let model = try models.open(assets.file(manifest.embedderFile, of: manifest))
        embedder = try Embedder(model, preprocessing: manifest.preprocessing, size: manifest.embedding)
        judge = Judge(manifest.limits)
        aligned = Frame(height: manifest.preprocessing.height, width: manifest.preprocessing.width)
    }

    /// Throws `FaceliteError` for a frame without pixels and for an output without a direction, and what a model throws.
    func look(_ frame: Frame, rule: Rule) throws -> Look {
        try require(frame.height > 0 && frame.width > 0, "expected a frame, got one without pixels; read a camera's picture into it first")
        return try sampler.with(frame) {
            let faces = try detector.detect()
            if faces.isEmpty {
                return Look(Reason(outcome: .noFace, detail: "expected a face, found none; face the camera, nearer and in good light"))
            }
            guard let meant = choose(faces.map(\.box), rule, height: frame.height, width: frame.width) else {
                return Look(Reason(outcome: .severalFaces, detail: "expected one face, found \(faces.count); show one person"))
            }
            return try embedded(detector.upright(faces[meant]))
        }
    }

    private func embedded(_ face: Face) throws -> Look {
        let crop = try crop(face.landmarks)
        if let reason = try judge.reason(face, crop, frameHeight: sampler.height, frameWidth: sampler.width) {
            return Look(reason, face: face)
        }
        let output = try embedder.output(of: crop)
        if let reason = judge.reason(length: length(output)) {
            return Look(reason, face: face)
        }
        return Look(Embedding(vector: try unit(output), space: manifest.space, artefact: manifest.artefact), of: face)
    }

    /// The face with these landmarks, out of the frame that the sampler has. Let go of it before the next one, which then takes its memory.
    func crop(_ landmarks: [Point]) throws -> Frame {
        let matrix = try similarity(landmarks, to: template(height: aligned.height, width: aligned.width))
        sampler.sample(matrix, into: &aligned)
        return aligned
    }
}
