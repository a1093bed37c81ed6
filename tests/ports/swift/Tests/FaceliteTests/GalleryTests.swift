import XCTest

@testable import Facelite

final class GalleryTests: XCTestCase {
    private let manifest = Packed.manifest

    private func embedding(_ seed: Int, space: String? = nil, artefact: String? = nil) throws -> Embedding {
        let vector = try unit((0..<manifest.embedding).map { Float(sin(Double(seed * 131 + $0 * $0))) })
        return Embedding(vector: vector, space: space ?? manifest.space, artefact: artefact ?? manifest.artefact)
    }

    private func gallery() throws -> Gallery {
        var gallery = Gallery(space: manifest.space)
        for (seed, subject) in ["Zoë", "Bo", "Zoë"].enumerated() {
            try gallery.add(embedding(seed), of: subject)
        }
        return gallery
    }

    func testWhatWasSavedIsLoadedToTheLastBit() throws {
        let gallery = try gallery()
        XCTAssertEqual(try Gallery.load(gallery.save(sealedBy: Seal()), openedBy: Seal(), for: manifest), gallery)
        XCTAssertEqual(gallery.subjects, ["Zoë", "Bo"])
        let empty = Gallery(space: manifest.space)
        XCTAssertEqual(try Gallery.load(empty.save(sealedBy: Seal()), openedBy: Seal(), for: manifest), empty)
    }

    func testTheStoredFormIsTheOneOfAllPorts() throws {
        let data = try Seal().open(gallery().save(sealedBy: Seal()))
        let table = try XCTUnwrap(JSONSerialization.jsonObject(with: data) as? [String: Any])
        XCTAssertEqual(Set(table.keys), ["format", "space", "templates"])
        let templates = try XCTUnwrap(table["templates"] as? [[String: Any]])
        XCTAssertEqual(Set(templates[0].keys), ["subject", "artefact", "enrolled_at", "vector"])
        let time = try XCTUnwrap(templates[0]["enrolled_at"] as? String)
        XCTAssertNotNil(time.range(of: #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"#, options: .regularExpression), time)
        XCTAssertEqual((templates[1]["vector"] as? [Double])?.map(Float.init), try embedding(1).vector)
    }

    func testWhatDoesNotBelongIsNotLoaded() throws {
        let plain = String(decoding: try Seal().open(gallery().save(sealedBy: Seal())), as: UTF8.self)
        let last = try XCTUnwrap(plain.range(of: #",[-0-9.e]+\]"#, options: .regularExpression))
        let changes = [
            (manifest.space, "another space", "of the space"), (manifest.artefact, "another embedder", "of the embedder"),
            (#""format":1"#, #""format":2"#, "of format 1"), (#""subject""#, #""name""#, "no subject"), (String(plain[last]), "]", "numbers"),
        ]
        for (old, new, message) in changes {
            let changed = plain.replacingOccurrences(of: old, with: new)
            XCTAssertNotEqual(changed, plain)
            XCTAssertThrowsError(try Gallery.load(Seal().seal(Data(changed.utf8)), openedBy: Seal(), for: manifest)) {
                XCTAssertTrue("\($0)".contains(message), "\($0)")
            }
        }
        var sealed = try gallery().save(sealedBy: Seal())
        sealed[sealed.count / 2] ^= 1
        XCTAssertThrowsError(try Gallery.load(sealed, openedBy: Seal(), for: manifest))
    }

    func testTemplatesOfAnEmbedderThatThresholdsAreKnownForAreLoaded() throws {
        var gallery = Gallery(space: manifest.space)
        let other = String(repeating: "0", count: 64)
        try gallery.add(embedding(1, artefact: other), of: "Bo")
        let manifest = try Packed.manifest { $0["template_thresholds"] = [other: $0["thresholds"]] }
        XCTAssertEqual(try Gallery.load(gallery.save(sealedBy: Seal()), openedBy: Seal(), for: manifest), gallery)
        XCTAssertThrowsError(try Gallery.load(gallery.save(sealedBy: Seal()), openedBy: Seal(), for: self.manifest))
    }

    func testEqualTemplatesOfASubjectAreAddedOnce() throws {
        var gallery = try gallery()
        XCTAssertFalse(try gallery.add(embedding(1), of: "Bo"))
        XCTAssertTrue(try gallery.add(embedding(1), of: "Cy"))
        XCTAssertEqual(gallery.count, 4)
        XCTAssertEqual(gallery.remove("Zoë"), 2)
        XCTAssertEqual(gallery.remove("Zoë"), 0)
        XCTAssertEqual(gallery.subjects, ["Bo", "Cy"])
    }

    func testABlankNameOneThatCannotBePrintedAndAnotherSpaceAreRefused() throws {
        var gallery = try gallery()
        for name in ["", " \t", "B\u{200B}o", "Bo\n", "B\u{A0}o", "\u{E000}"] {
            XCTAssertThrowsError(try gallery.add(embedding(9), of: name), name)
        }
        XCTAssertThrowsError(try gallery.add(embedding(9, space: "another"), of: "Bo"))
        XCTAssertEqual(gallery.count, 3)
    }

    func testTwoSpellingsAreTwoNames() throws {
        var gallery = Gallery(space: manifest.space)
        let names = ["Jos\u{E9}", "Jose\u{301}", "\u{639}\u{644}\u{6CC}\u{200C}\u{631}\u{636}\u{627}", "\u{5C71}\u{7530}\u{3000}\u{592A}\u{90CE}"]
        for name in names {
            XCTAssertTrue(try gallery.add(embedding(1), of: name))
        }
        XCTAssertEqual(gallery.subjects.map { Array($0.utf8) }, names.map { Array($0.utf8) })
        XCTAssertEqual(try Comparison(gallery: gallery, fpir: 0.5, manifest: manifest).subjects.count, 4)
        XCTAssertEqual(try Comparison(subject: names[0], gallery: gallery, fmr: nil, manifest: manifest).subjects.count, 1)
        XCTAssertEqual(gallery.remove(names[0]), 1)
        XCTAssertEqual(Array(gallery.subjects[0].utf8), Array(names[1].utf8))
    }
}

/// Adds a check sum: a vault of tests, which hides nothing.
private struct Seal: Vault {
    func seal(_ data: Data) -> Data { Data(sha256(data).utf8) + data }

    func open(_ data: Data) throws -> Data {
        let plain = data.dropFirst(64)
        guard data.prefix(64) == Data(sha256(plain).utf8) else { throw FaceliteError("expected what was sealed, got other bytes") }
        return Data(plain)
    }
}
