import Foundation
import LiteRtModels

@testable import Facelite

/// Writes what the port makes of every case of the vectors.
func conform(_ folder: URL, vectors: URL, out: URL) throws {
    let (assets, models) = (Assets(folder: folder), LiteRtModels())
    var stages = Stages(facelite: try Facelite(assets: folder, models: models), looker: try Looker(assets.checked(), assets: assets, models: models))
    let binary = try Data(contentsOf: vectors.appendingPathComponent("vectors.bin"))
    let read = try JSONSerialization.jsonObject(with: Data(contentsOf: vectors.appendingPathComponent("vectors.json")))
    let table = Fields(table: read as? [String: Any] ?? [:], binary: binary)
    guard try table.int("format") == 1, try table.fields("binary").value("sha256") == sha256(binary) else {
        throw Unreadable(description: "\(table.table["binary"] ?? "no binary")")
    }
    for (stage, cases) in try table.value("stages") as [String: [[String: Any]]] {
        for one in cases.map({ Fields(table: $0, binary: binary) }) {
            stages.answers.add(stage, try one.value("name"), try stages.answer(stage, one.fields("input")))
        }
    }
    try stages.answers.write(out)
}

/// Prints the artefact of files that are as their manifest says; no model is opened.
func check(_ folder: URL) throws {
    let assets = Assets(folder: folder)
    let manifest = try assets.checked()
    try report(["artefact": manifest.artefact, "goldens": assets.goldens().count])
}

/// Prints what each frame gives.
func look(_ folder: URL, rule: String, frames: ArraySlice<String>) throws {
    let facelite = try Facelite(assets: folder, models: LiteRtModels())
    for name in frames {
        let look = try facelite.look(frame(name), rule: Rule(rawValue: rule) ?? .only)
        let (outcome, vector): (Any, Any) = (look.outcome?.rawValue ?? NSNull(), look.embedding?.vector.map(Double.init) ?? NSNull())
        try report(["outcome": outcome, "embedding": vector, "detail": look.detail])
    }
}

/// Answers a question in each line of the standard input: `{"subject": a name or null, "rate": a number or null}`.
func ask(_ folder: URL, gallery file: String, frame name: String) throws {
    let facelite = try Facelite(assets: folder, models: LiteRtModels())
    let gallery = try Gallery.load(Data(contentsOf: URL(fileURLWithPath: file)), openedBy: Open(), for: facelite.manifest)
    let frame = try frame(name)
    while let line = readLine() {
        let question = Fields(table: try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:], binary: Data())
        let rate: Double? = question.optional("rate")
        do {
            let decision: Decision
            if let subject: String = question.optional("subject") {
                decision = try facelite.verify(frame, as: subject, in: gallery, fmr: rate, rule: .largest)
            } else {
                decision = try facelite.identify(frame, in: gallery, fpir: rate ?? 0.01, rule: .largest)
            }
            try report([
                "outcome": decision.outcome.rawValue, "subject": decision.subject ?? NSNull(), "distance": decision.distance ?? NSNull(),
                "threshold": decision.threshold.distance,
            ])
        } catch let error as FaceliteError {
            try report(["refused": error.description])
        }
    }
}

/// Prints of each gallery how many templates were read, or why it is refused.
func load(_ folder: URL, galleries: ArraySlice<String>) throws {
    let manifest = try Assets(folder: folder).checked()
    for name in galleries {
        do {
            try report(["templates": Gallery.load(Data(contentsOf: URL(fileURLWithPath: name)), openedBy: Open(), for: manifest).count])
        } catch let error as FaceliteError {
            try report(["refused": error.description])
        }
    }
}

/// Leaves a gallery as it is.
private struct Open: Vault {
    func seal(_ data: Data) -> Data { data }
    func open(_ data: Data) -> Data { data }
}

/// A frame of raw bytes: HEIGHTxWIDTH:FILE.
func frame(_ name: String) throws -> Frame {
    let parts = name.split(separator: ":", maxSplits: 1)
    let sides = parts[0].split(separator: "x").compactMap { Int($0) }
    return try Frame(height: sides[0], width: sides[1], pixels: [UInt8](Data(contentsOf: URL(fileURLWithPath: String(parts[1])))))
}

func report(_ table: [String: Any]) throws {
    print(String(decoding: try JSONSerialization.data(withJSONObject: table, options: .sortedKeys), as: UTF8.self))
}
