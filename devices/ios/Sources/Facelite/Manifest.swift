import Foundation

/// What an app's files are and by which thresholds they decide: `facelite.json`.
public struct Manifest: Sendable {
    public let name: String
    public let network: String
    /// `int8`, `float32` and so on.
    public let precision: String
    /// Embeddings may be compared only inside one space.
    public let space: String
    /// Numbers of an embedding.
    public let embedding: Int
    public let preprocessing: Preprocessing
    /// By falling false match rate (FMR).
    public let thresholds: [Threshold]
    /// The false match rate used unless another is asked for.
    public let fmr: Double
    /// By the embedder that made the templates (sha256), or by how many are compared as one (`fused 3`).
    public let templateThresholds: [String: [Threshold]]
    public let limits: Limits
    /// The sha256 of each of the app's files, by name.
    public let files: [String: String]
    /// The sha256 of the embedder, to which thresholds and templates are bound.
    public let artefact: String

    let siamese: Bool
    let embedderFile, detectorFile: String

    /// Throws `FaceliteError` for what is no manifest, or one of another format.
    public init(json: Data) throws {
        let table: ManifestTable
        do {
            table = try JSONDecoder().decode(ManifestTable.self, from: json)
        } catch let error as FaceliteError {
            throw error
        } catch {
            throw FaceliteError("expected a manifest, got \(reason(error)); pack the app's files again")
        }
        let decide = table.decide ?? "squared-l2"
        try require(
            table.format.count == 2 && table.format[0] == ["squared-l2": 1, "siamese": 2][decide],
            "expected a manifest of format 1 for squared-l2 or 2 for siamese, got \(table.format) for \(decide); use a newer facelite")
        siamese = decide == "siamese"
        let foreign = table.files.keys.filter { $0.contains("/") || $0 == manifestFile }
        try require(foreign.isEmpty, "expected files of one folder beside the manifest, got \(foreign); pack the app's files again")
        let suffix = table.files["embedder.tflite"] == nil ? "mlpackage" : "tflite"
        (embedderFile, detectorFile) = ("embedder.\(suffix)", "detector.\(suffix)")
        let needed = [embedderFile, detectorFile, goldenFile, pixelsFile] + (siamese ? [headFile] : [])
        let missing = needed.filter { table.files[$0] == nil }
        guard missing.isEmpty, let artefact = table.files[embedderFile] else {
            throw FaceliteError("expected a manifest of \(needed), got one without \(missing); pack the app's files again")
        }
        self.artefact = artefact
        (name, network, precision, space) = (table.name, table.network, table.precision, table.space)
        (embedding, preprocessing, limits, files) = (table.embedding, table.preprocessing, table.limits ?? Limits(), table.files)
        (thresholds, fmr, templateThresholds) = (table.thresholds, table.fmr, table.templateThresholds ?? [:])
        for one in [thresholds] + Array(templateThresholds.values) {
            try check(one, fmr)
        }
        try require(embedding > 0, "expected embeddings of 1 number or more, got \(embedding); pack the app's files again")
    }
}

extension Manifest {
    /// Whether templates of this embedder can be compared with what this one makes. A key such as `fused 3` is no embedder's.
    func knows(_ artefact: String) -> Bool {
        artefact == self.artefact || (artefact.count == 64 && artefact.allSatisfy(\.isHexDigit) && templateThresholds[artefact] != nil)
    }
}

let manifestFile = "facelite.json"
let goldenFile = "golden.json"
let pixelsFile = "golden.bin"
let headFile = "head.json"

/// How a crop becomes the network's input.
public struct Preprocessing: Sendable, Equatable {
    public enum Colours: String, Sendable, Decodable {
        case rgb = "RGB"
        case bgr = "BGR"
    }

    /// Of a crop, in pixels.
    public let height, width: Int
    /// The input is (pixel - mean) / std, pixels being 0 to 255.
    public let mean, std: Double
    public let colours: Colours
}

/// A distance with the error rates that were measured at it.
public struct Threshold: Sendable, Equatable {
    /// Accepted up to and with it; below 0 nothing is.
    public let distance: Double
    /// The false match rate asked for, and the upper end of its 95 % interval.
    public let fmr, fmrUpper: Double
    /// The share of genuine pairs beyond the distance.
    public let fnmr: Double
    /// Comparisons behind the rates, and pairs of distinct people behind the impostor comparisons.
    public let genuinePairs, impostorPairs, peoplePairs: Int
}

/// Throws `FaceliteError` unless the thresholds are in order and one is for the default rate.
private func check(_ thresholds: [Threshold], _ fmr: Double) throws {
    let rates = thresholds.map(\.fmr)
    try require(
        zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 } && rates.contains(fmr),
        "expected thresholds by falling FMR, one of them at \(fmr), got \(rates); pack the app's files again")
}
