import LiteRtModels
import XCTest

@testable import Facelite

final class FaceliteTests: XCTestCase {
    private let facelite = Packed.facelite
    private let frames = Packed.goldens.map(\.frame)
    private let nobody = try? Frame(height: 90, width: 120, pixels: [UInt8](repeating: 120, count: 3 * 90 * 120))

    func testAChangedFileIsRefusedByItsName() throws {
        for name in Packed.manifest.files.keys {
            let folder = try Packed.copy()
            let file = folder.appendingPathComponent(name)
            var data = try Data(contentsOf: file)
            data[data.count / 2] ^= 1
            try data.write(to: file)
            assertRefused(folder, "expected \(name) of SHA-256")
            try FileManager.default.removeItem(at: file)
            assertRefused(folder, "expected the file \(name)")
        }
    }

    func testAModelThatAlwaysGivesTheSameIsRefusedBySelfTest() {
        assertRefused(
            Packed.folder, "expected an embedding within a distance of 0.02",
            Changed("embedder") { _, output in [Float](repeating: 1, count: output.count) })
        assertRefused(Packed.folder, "expected landmarks within 0.02", Changed("detector") { _, output in output.map { _ in 0 } })
        assertRefused(
            Packed.folder, "expected landmarks within 0.02",
            Changed("detector") { name, output in name == "regressors" ? output.map { 1.1 * $0 } : output })
        assertRefused(Packed.folder, "expected finite numbers", Changed("detector") { _, output in output.map { _ in .nan } })
        assertRefused(Packed.folder, "expected an embedding of", Changed("embedder") { _, output in output.dropLast() })
        assertRefused(Packed.folder, "expected outputs of the detector", Changed("detector") { _, output in output.dropLast() })
        assertRefused(Packed.folder, "finite, positive length", Changed("embedder") { _, output in output.map { _ in .nan } })
    }

    func testAModelOfAnotherFormIsRefused() {
        assertRefused(Packed.folder, "expected an embedder of", Shaped("embedder.tflite", ["embedding": 3]))
        assertRefused(Packed.folder, "expected a detector of", Shaped("detector.tflite", ["scores": 896]))
    }

    func testAPackageIsRefusedWhereAFileOfItWasChanged() throws {
        let folder = try Packed.copy()
        let package = folder.appendingPathComponent("embedder.mlpackage/Data/weights")
        try FileManager.default.createDirectory(at: package, withIntermediateDirectories: true)
        try Data("weights".utf8).write(to: package.appendingPathComponent("weight.bin"))
        try Data("{}".utf8).write(to: folder.appendingPathComponent("embedder.mlpackage/Manifest.json"))
        let lines = "\(sha256(Data("weights".utf8)))  Data/weights/weight.bin\n\(sha256(Data("{}".utf8)))  Manifest.json\n"
        try manifest(folder) { files in files["embedder.mlpackage"] = sha256(Data(lines.utf8)) }
        XCTAssertNoThrow(try Facelite(assets: folder, models: LiteRtModels()))
        try Data("[]".utf8).write(to: folder.appendingPathComponent("embedder.mlpackage/Manifest.json"))
        assertRefused(folder, "expected embedder.mlpackage of SHA-256")
    }

    func testTheArtefactIsThePackageWhereThereIsNoOtherEmbedder() throws {
        let folder = try Packed.copy()
        try manifest(folder) { files in
            files["embedder.mlpackage"] = files.removeValue(forKey: "embedder.tflite")
            files["detector.mlpackage"] = files.removeValue(forKey: "detector.tflite")
        }
        let manifest = try Assets(folder: folder).checked()
        XCTAssertEqual(manifest.artefact, Packed.manifest.artefact)
        XCTAssertEqual([manifest.embedderFile, manifest.detectorFile], ["embedder.mlpackage", "detector.mlpackage"])
    }

    func testAManifestIsReadStrictly() throws {
        XCTAssertEqual(try Packed.manifest { _ in }.artefact, Packed.manifest.artefact)
        for key in ["limits", "decide", "template_thresholds", "preprocessing", "space"] {
            XCTAssertThrowsError(try Packed.manifest { $0[key] = NSNull() }, key)
        }
        for name in ["../facelite.json", "facelite.json", "a/b"] {
            XCTAssertThrowsError(try Packed.manifest { $0["files"] = Packed.manifest.files.merging([name: ""]) { $1 } }, name)
        }
    }

    func testWhatAnotherEmbedderSawIsRefused() throws {
        let look = try facelite.look(frames[0])
        let (seen, face) = (try XCTUnwrap(look.embedding), try XCTUnwrap(look.face))
        let other = Look(Embedding(vector: seen.vector, space: seen.space, artefact: String(repeating: "0", count: 64)), of: face)
        var gallery = Gallery(space: facelite.manifest.space)
        XCTAssertThrowsError(try facelite.enrol("Bo", from: [look, other], into: &gallery))
        XCTAssertEqual(gallery.count, 0)
        _ = try facelite.enrol("Bo", from: [look], into: &gallery)
        XCTAssertThrowsError(try facelite.verify(look, other))
        XCTAssertThrowsError(try facelite.verify(other, as: "Bo", in: gallery))
        XCTAssertThrowsError(try facelite.identify(other, in: gallery))
    }

    func testAGalleryThatChangesIsAskedAnew() throws {
        let (manifest, face) = (facelite.manifest, try XCTUnwrap(facelite.look(frames[0]).face))
        let looks = (0...1).map { place in
            let vector = (0..<manifest.embedding).map { Float($0 == place ? 1 : 0) }
            return Look(Embedding(vector: vector, space: manifest.space, artefact: manifest.artefact), of: face)
        }
        var gallery = Gallery(space: manifest.space)
        _ = try facelite.enrol("0", from: [looks[0]], into: &gallery)
        XCTAssertEqual(try facelite.identify(looks[0], in: gallery).subject, "0")
        let rejected = try facelite.verify(looks[1], as: "0", in: gallery)
        XCTAssertEqual(rejected.outcome, .rejected)
        XCTAssertNil(rejected.subject)
        _ = try facelite.enrol("1", from: [looks[1]], into: &gallery)
        XCTAssertEqual(try facelite.identify(looks[1], in: gallery).subject, "1")
        gallery.remove("1")
        XCTAssertNil(try facelite.identify(looks[1], in: gallery).subject)
        for rate in [0, 1, 1.5, -0.1, .nan] {
            XCTAssertThrowsError(try facelite.identify(looks[0], in: gallery, fpir: rate))
        }
    }

    func testEnrolledPeopleAreFound() throws {
        var gallery = Gallery(space: facelite.manifest.space)
        XCTAssertThrowsError(try facelite.identify(frames[0], in: gallery))
        for (number, frame) in frames.enumerated() {
            let enrolment = try facelite.enrol("\(number)", from: [frame, frame], into: &gallery, anyway: true)  // drawn faces are alike
            XCTAssertEqual(enrolment.added, 1)
        }
        for (number, frame) in frames.enumerated() {
            let found = try facelite.identify(frame, in: gallery)
            XCTAssertEqual([found.subject, found.outcome.rawValue], ["\(number)", "accepted"])
            XCTAssertTrue(found.accepted && found.decided)
            let look = try facelite.look(frame)
            XCTAssertEqual(try facelite.identify(look, in: gallery).distance, found.distance)
            XCTAssertTrue(try facelite.verify(frame, as: "\(number)", in: gallery).accepted)
            XCTAssertTrue(try facelite.verify(look, as: "\(number)", in: gallery).accepted)
            XCTAssertTrue(try facelite.verify(look, look).accepted)
        }
        XCTAssertThrowsError(try facelite.verify(frames[0], as: "nobody", in: gallery))
        XCTAssertThrowsError(try facelite.verify(frames[0], as: "0", in: gallery, fmr: 0.0123))
        XCTAssertThrowsError(try facelite.identify(frames[0], in: gallery, fpir: 1e-12))
        XCTAssertThrowsError(try facelite.identify(frames[0], in: Gallery(space: "another")))
    }

    func testNothingIsEnrolledUnlessEveryFrameIsGood() throws {
        var gallery = Gallery(space: facelite.manifest.space)
        let nobody = try XCTUnwrap(nobody)
        let enrolment = try facelite.enrol("Bo", from: [frames[0], nobody], into: &gallery)
        XCTAssertEqual(enrolment.looks.map(\.outcome), [nil, .noFace])
        XCTAssertEqual([enrolment.added, gallery.count], [0, 0])
        XCTAssertThrowsError(try facelite.enrol(" ", from: [Frame()], into: &gallery)) { XCTAssertTrue("\($0)".contains("name"), "\($0)") }
        XCTAssertThrowsError(try facelite.enrol("Bo", from: [Frame](), into: &gallery))
    }

    func testDoubtsKeepFromEnrollingUnlessItIsDoneAnyway() throws {
        let (manifest, face) = (facelite.manifest, try XCTUnwrap(facelite.look(frames[0]).face))
        let looks = (0...2).map { place in
            let vector = (0..<manifest.embedding).map { Float($0 == place ? 1 : 0) }
            return Look(Embedding(vector: vector, space: manifest.space, artefact: manifest.artefact), of: face)
        }
        var gallery = Gallery(space: manifest.space)
        _ = try facelite.enrol("Bo", from: [looks[0]], into: &gallery)
        let doubtful = try facelite.enrol("Cy", from: Array(looks[0...1]), into: &gallery)
        XCTAssertEqual([doubtful.added, gallery.count], [0, 1])
        XCTAssertEqual(doubtful.doubts.keys.sorted(), [0, 1])
        let (double, outlier) = (try XCTUnwrap(doubtful.doubts[0]), try XCTUnwrap(doubtful.doubts[1]))
        XCTAssertEqual([double.kind, outlier.kind], [.double, .outlier])
        XCTAssertEqual([double.other, outlier.other], ["Bo", nil])
        XCTAssertTrue(double.detail.hasPrefix("expected nobody who is enrolled already, got Bo at a distance of 0.00 (threshold "), double.detail)
        XCTAssertTrue(outlier.detail.hasSuffix(" to the other pictures of Cy, got 2.00; is it the same person? leave it out, or enrol anyway"))
        let anyway = try facelite.enrol("Cy", from: Array(looks[0...1]), into: &gallery, anyway: true)
        XCTAssertEqual([anyway.added, anyway.doubts.count, gallery.count], [2, 0, 3])
        XCTAssertEqual(try facelite.enrol("Bo", from: [frames[0]], into: &gallery).doubts[0]?.kind, .outlier)
        XCTAssertEqual(try facelite.enrol("Bo", from: [frames[0]], into: &gallery, anyway: true).added, 1)
    }

    func testUndecidedIsNotRejected() throws {
        var gallery = Gallery(space: facelite.manifest.space)
        _ = try facelite.enrol("Bo", from: [frames[0]], into: &gallery)
        let decision = try facelite.identify(XCTUnwrap(nobody), in: gallery)
        XCTAssertEqual(decision.outcome, .noFace)
        XCTAssertFalse(decision.accepted || decision.decided)
        XCTAssertNil(decision.distance)
        XCTAssertTrue(decision.detail.hasPrefix("expected a face"))
        XCTAssertThrowsError(try facelite.look(Frame()))
    }

    /// The rate is refused before any frame is looked at: the frame without pixels is not reached.
    func testARateThatWasNotMeasuredIsRefusedFirst() {
        XCTAssertThrowsError(try facelite.verify(Frame(), Frame(), fmr: 0.0123)) { XCTAssertTrue("\($0)".contains("which were measured"), "\($0)") }
    }

    func testNothingOfAFrameIsKept() throws {
        var frame = frames[0]
        func read() throws -> UnsafeRawPointer? {
            let pixels = frames[0].pixels
            try pixels.withUnsafeBytes {
                try frame.read(Plane($0, rowStride: 3 * frame.width, pixelStride: 3), order: .rgb, height: frame.height, width: frame.width)
            }
            return frame.pixels.withUnsafeBytes { $0.baseAddress }
        }
        let first = try read()
        _ = try facelite.look(frame)
        XCTAssertEqual(try read(), first)
    }

    func testThreadsGetTheSameAnswers() throws {
        let alone = try frames.map { try facelite.look($0).embedding }
        let together = Answers()
        DispatchQueue.concurrentPerform(iterations: 12) { [facelite, frames] number in
            together.add(number, try? facelite.look(frames[number % frames.count]).embedding)
        }
        for (number, embedding) in together.embeddings {
            XCTAssertEqual(embedding, alone[number % frames.count])
        }
        XCTAssertEqual(together.embeddings.count, 12)
    }

    private func assertRefused(_ folder: URL, _ message: String, _ models: any Models = LiteRtModels(), line: UInt = #line) {
        XCTAssertThrowsError(try Facelite(assets: folder, models: models), line: line) {
            XCTAssertTrue("\($0)".contains(message), "\($0)", line: line)
        }
    }

    private func manifest(_ folder: URL, _ change: (inout [String: String]) -> Void) throws {
        let file = folder.appendingPathComponent("facelite.json")
        var table = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        var files = try XCTUnwrap(table["files"] as? [String: String])
        change(&files)
        table["files"] = files
        try JSONSerialization.data(withJSONObject: table).write(to: file)
    }
}

private final class Answers: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var embeddings: [Int: Embedding] = [:]

    func add(_ number: Int, _ embedding: Embedding?) {
        lock.lock()
        defer { lock.unlock() }
        embeddings[number] = embedding
    }
}

/// LiteRT's models, of which one gives something else.
private final class Changed: Models, Model {
    private let name: String
    private let change: (String, [Float]) -> [Float]
    private var model: (any Model)?

    init(_ name: String, _ change: @escaping (String, [Float]) -> [Float]) {
        (self.name, self.change) = (name, change)
    }

    func open(_ file: ModelFile) throws -> any Model {
        let opened = try LiteRtModels().open(file)
        guard file.name.hasPrefix(name) else { return opened }
        model = opened
        return self
    }

    var inputSize: Int { model?.inputSize ?? 0 }
    var outputSizes: [String: Int] { model?.outputSizes ?? [:] }

    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {
        try model?.run(input, into: &outputs)
        for (name, output) in outputs {
            outputs[name] = change(name, output)
        }
    }
}

/// LiteRT's models, of which one says that it has other outputs.
private final class Shaped: Models, Model {
    private let name: String
    let outputSizes: [String: Int]
    let inputSize = 1

    init(_ name: String, _ outputSizes: [String: Int]) {
        (self.name, self.outputSizes) = (name, outputSizes)
    }

    func open(_ file: ModelFile) throws -> any Model {
        file.name == name ? self : try LiteRtModels().open(file)
    }

    func run(_ input: [Float], into outputs: inout [String: [Float]]) throws {}
}
