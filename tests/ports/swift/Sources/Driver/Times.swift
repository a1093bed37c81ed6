import Foundation
import LiteRtModels

@testable import Facelite

/// Prints the least milliseconds of several looks at a frame, of reading a camera's picture of its size, and of asking a gallery of 1,000 people.
func time(_ folder: URL, frame name: String) throws {
    let (assets, models, frame) = (Assets(folder: folder), Watched(), try frame(name))
    let manifest = try assets.checked()
    let looker = try Looker(manifest, assets: assets, models: models)
    var best: [String: Double] = [:]
    for _ in 0..<50 {
        models.reset()
        let whole = try milliseconds { _ = try looker.look(frame, rule: .largest) }
        if whole < best["whole"] ?? .infinity {
            let (detector, embedder) = (models.spent[manifest.detectorFile] ?? 0, models.spent[manifest.embedderFile] ?? 0)
            best = [
                "whole": whole, "detector": detector, "embedder": embedder, "arithmetic": whole - detector - embedder, "looks": Double(models.runs),
            ]
        }
    }
    best["camera"] = try cameraTime(frame.height, frame.width)
    best["gallery"] = try galleryTime(manifest, assets.distance(manifest))
    try report(best.mapValues { ($0 * 100).rounded() / 100 })
}

/// Of luma and chroma that are turned by a quarter.
private func cameraTime(_ height: Int, _ width: Int) throws -> Double {
    let memory = [UInt8](repeating: 100, count: height * width)
    var frame = Frame()
    return try least {
        try memory.withUnsafeBytes { bytes in
            let (luma, chroma) = (Plane(bytes, rowStride: height, pixelStride: 1), Plane(bytes, rowStride: height, pixelStride: 2))
            try frame.read(
                luma: luma, cb: chroma, cr: chroma, YCbCr(.bt601, fullRange: true), height: width, width: height,
                orientation: Orientation(quarterTurns: 1))
        }
    }
}

/// Of settling what a frame is compared with, and comparing.
private func galleryTime(_ manifest: Manifest, _ distance: Distance) throws -> Double {
    var gallery = Gallery(space: manifest.space)
    for number in 0..<1000 {
        let vector = try unit((0..<manifest.embedding).map { Float(sin(Double(number * 37 + $0 * $0))) })
        try gallery.add(Embedding(vector: vector, space: manifest.space, artefact: manifest.artefact), of: "\(number)")
    }
    let probe = gallery.templates[0].vector
    return try least { _ = try Comparison(gallery: gallery, fpir: 0.5, manifest: manifest).nearest(to: probe, by: distance) }
}

private func least(_ work: () throws -> Void) rethrows -> Double {
    try (0..<20).map { _ in try milliseconds(work) }.min() ?? 0
}

private func milliseconds(_ work: () throws -> Void) rethrows -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try work()
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
}

/// Models that count the detector's runs and the milliseconds of each.
private final class Watched: Models {
    private(set) var spent: [String: Double] = [:]
    private(set) var runs = 0

    func reset() {
        (spent, runs) = ([:], 0)
    }

    func open(_ file: ModelFile) throws -> any Model {
        Timed(try LiteRtModels().open(file)) { [self] milliseconds in
            spent[file.name, default: 0] += milliseconds
            runs += file.name.hasPrefix("detector") ? 1 : 0
        }
    }
}

private final class Timed: Model {
    private let model: any Model
    private let note: (Double) -> Void

    init(_ model: any Model, _ note: @escaping (Double) -> Void) {
        (self.model, self.note) = (model, note)
    }

    var inputSize: Int { model.inputSize }
    var outputSizes: [String: Int] { model.outputSizes }

    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {
        note(try milliseconds { try model.run(input, into: &outputs) })
    }
}
