import XCTest

@testable import Facelite

final class DigestTests: XCTestCase {
    /// FIPS 180-2, appendix B, and the empty message.
    func testKnownDigests() {
        XCTAssertEqual(sha256(Data()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        XCTAssertEqual(sha256(Data("abc".utf8)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
        XCTAssertEqual(sha256(Data(two.utf8)), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        let million = Data(repeating: UInt8(ascii: "a"), count: 1_000_000)
        XCTAssertEqual(sha256(million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    func testEveryLengthAboutABlock() {
        let digests = (50...140).map { sha256(Data(repeating: 7, count: $0)) }
        XCTAssertEqual(Set(digests).count, digests.count)
        XCTAssertTrue(digests.allSatisfy { $0.count == 64 })
    }
}
