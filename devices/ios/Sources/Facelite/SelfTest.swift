/// What the machine that packed the app's files made of a picture.
struct Golden {
    let frame, crop: Frame
    let landmarks: [Point]
    let embedding: [Float]
}

extension Looker {
    /// Throws `FaceliteError` unless this machine makes of the golden vectors what another one made of them.
    ///
    /// It finds an interpreter or a delegate that gives wrong, or always the same, embeddings.
    func selfTest(_ goldens: [Golden]) throws {
        try require((2...16).contains(goldens.count), "expected 2 to 16 golden vectors, got \(goldens.count); pack the app's files again")
        for (number, golden) in goldens.enumerated() {
            let remedy = "of golden vector \(number); run the models on the CPU, or with another interpreter"
            try sampler.with(golden.frame) {
                let apart = try detector.detect().map { landmarkError($0.landmarks, golden.landmarks) }.min() ?? .infinity
                try require(apart <= 0.02, "expected landmarks within 0.02 of the face, got \(apart) \(remedy)")
                let difference = meanDifference(try crop(golden.landmarks), golden.crop)
                try require(difference <= 2, "expected a crop within 2 levels, got \(difference) \(remedy)")
            }
            let (embedding, count) = (try unit(embedder.output(of: golden.crop)), golden.embedding.count)
            try require(count == embedding.count, "expected a vector of \(embedding.count) numbers, got \(count) \(remedy)")
            let distance = Distance.squaredL2(embedding, golden.embedding)
            try require(distance <= 0.02, "expected an embedding within a distance of 0.02, got \(distance) \(remedy)")
        }
    }
}

/// The largest difference in x or y, as a share of the distance from the mouth to the middle of the eyes.
private func landmarkError(_ landmarks: [Point], _ golden: [Point]) -> Double {
    let (x, y) = ((golden[0].x + golden[1].x) / 2 - golden[3].x, (golden[0].y + golden[1].y) / 2 - golden[3].y)
    let largest = zip(landmarks, golden).map { max(abs($0.x - $1.x), abs($0.y - $1.y)) }.max() ?? .infinity
    return largest / (x * x + y * y).squareRoot()
}

/// Of pictures of one size; infinite for others.
private func meanDifference(_ one: Frame, _ other: Frame) -> Double {
    guard (one.height, one.width) == (other.height, other.width) else { return .infinity }
    return Double(zip(one.pixels, other.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(one.pixels.count)
}
