import Foundation

/// The manifest's keys that are used. Others at its top level are passed over: a newer format may have them.
struct ManifestTable: Decodable {
    let format: [Int]
    let name, network, precision, space: String
    let embedding: Int
    let preprocessing: Preprocessing
    let thresholds: [Threshold]
    let fmr: Double
    let templateThresholds: [String: [Threshold]]?
    let limits: Limits?
    let decide: String?
    let files: [String: String]

    private enum CodingKeys: String, CodingKey {
        case format, name, network, precision, space, embedding, preprocessing, thresholds, fmr, limits, decide, files
        case templateThresholds = "template_thresholds"
    }

    init(from decoder: any Decoder) throws {
        let table = try decoder.container(keyedBy: CodingKeys.self)
        format = try table.decode([Int].self, forKey: .format)
        (name, network) = (try table.decode(String.self, forKey: .name), try table.decode(String.self, forKey: .network))
        (precision, space) = (try table.decode(String.self, forKey: .precision), try table.decode(String.self, forKey: .space))
        embedding = try table.decode(Int.self, forKey: .embedding)
        preprocessing = try table.decode(Preprocessing.self, forKey: .preprocessing)
        (thresholds, fmr) = (try table.decode([Threshold].self, forKey: .thresholds), try table.decode(Double.self, forKey: .fmr))
        templateThresholds = try table.decode([String: [Threshold]].self, ifThere: .templateThresholds)
        (limits, decide) = (try table.decode(Limits.self, ifThere: .limits), try table.decode(String.self, ifThere: .decide))
        files = try table.decode([String: String].self, forKey: .files)
    }
}

extension Preprocessing: Decodable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case height, width, mean, std, colours
    }

    public init(from decoder: any Decoder) throws {
        let table = try decoder.table(CodingKeys.self)
        (height, width) = (try table.decode(Int.self, forKey: .height), try table.decode(Int.self, forKey: .width))
        mean = try table.decode(Double.self, ifThere: .mean) ?? 127.5
        std = try table.decode(Double.self, ifThere: .std) ?? 128
        colours = try table.decode(Colours.self, ifThere: .colours) ?? .rgb
        try require(
            min(height, width) >= 32 && std > 0,
            "expected crops of 32 x 32 or more and a deviation above 0, got \(width) x \(height) and \(std); pack the app's files again")
    }
}

extension Limits: Decodable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case size, inside, dark, bright, sharpness, turn, clarity
    }

    public init(from decoder: any Decoder) throws {
        let table = try decoder.table(CodingKeys.self)
        func limit(_ key: CodingKeys, _ standard: Double) throws -> Double {
            let value = try table.decode(Double.self, ifThere: key) ?? standard
            try require(value >= 0, "expected a limit of quality of 0 or more, got \(key.rawValue) \(value); pack the app's files again")
            return value
        }
        let standard = Limits()
        size = try limit(.size, standard.size)
        inside = try limit(.inside, standard.inside)
        dark = try limit(.dark, standard.dark)
        bright = try limit(.bright, standard.bright)
        sharpness = try limit(.sharpness, standard.sharpness)
        turn = try limit(.turn, standard.turn)
        clarity = try limit(.clarity, standard.clarity)
    }
}

extension Threshold: Decodable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case distance, fmr, fnmr
        case fmrUpper = "fmr_upper"
        case genuinePairs = "genuine_pairs"
        case impostorPairs = "impostor_pairs"
        case peoplePairs = "people_pairs"
    }

    public init(from decoder: any Decoder) throws {
        let table = try decoder.table(CodingKeys.self)
        distance = try table.decode(Double.self, forKey: .distance)
        (fmr, fmrUpper) = (try table.decode(Double.self, forKey: .fmr), try table.decode(Double.self, forKey: .fmrUpper))
        fnmr = try table.decode(Double.self, forKey: .fnmr)
        genuinePairs = try table.decode(Int.self, forKey: .genuinePairs)
        impostorPairs = try table.decode(Int.self, forKey: .impostorPairs)
        peoplePairs = try table.decode(Int.self, forKey: .peoplePairs)
        try require(
            (-0.001...4).contains(distance) && fmr > 0 && fmr < 1,
            "expected a threshold from 0 to 4 with an FMR between 0 and 1, got \(distance) and \(fmr); pack the app's files again")
    }
}

extension Decoder {
    /// The keyed container; throws where there are other keys than these.
    fileprivate func table<Keys: CodingKey & CaseIterable>(_: Keys.Type) throws -> KeyedDecodingContainer<Keys> {
        let known = Set(Keys.allCases.map(\.stringValue))
        let others = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).filter { !known.contains($0) }
        try require(others.isEmpty, "expected the keys \(known.sorted()), got also \(others.sorted()); use a newer facelite")
        return try container(keyedBy: Keys.self)
    }
}

extension KeyedDecodingContainer {
    /// nil where there is no such key; `decodeIfPresent` takes null for none.
    fileprivate func decode<Value: Decodable>(_ type: Value.Type, ifThere key: Key) throws -> Value? {
        contains(key) ? try decode(type, forKey: key) : nil
    }
}

private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// What a decoding error says.
func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): return "no \(key.stringValue)"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context), DecodingError.dataCorrupted(let context):
        return (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
    default: return "\(error)"
    }
}
