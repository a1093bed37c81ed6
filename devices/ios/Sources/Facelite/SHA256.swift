import Foundation

#if canImport(CryptoKit)
import CryptoKit

/// The SHA-256 of `data`, 64 hexadecimal digits.
func sha256(_ data: Data) -> String {
    SHA256.hash(data: data).map(hexadecimal).joined()
}
#else
/// The SHA-256 of `data` (FIPS 180-4), 64 hexadecimal digits: for platforms without CryptoKit.
func sha256(_ data: Data) -> String {
    var state = primes.prefix(8).map { fraction($0.squareRoot()) }
    var words = [UInt32](repeating: 0, count: 64)
    func add(_ bytes: ArraySlice<UInt8>) {
        for i in 0..<16 {
            let at = bytes.startIndex + 4 * i
            words[i] = bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        for i in 16..<64 {
            let (a, b) = (words[i - 15], words[i - 2])
            words[i] = words[i - 16] &+ words[i - 7] &+ (turned(a, 7) ^ turned(a, 18) ^ a >> 3) &+ (turned(b, 17) ^ turned(b, 19) ^ b >> 10)
        }
        var (a, b, c, d, e, f, g, h) = (state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7])
        for i in 0..<64 {
            let first = h &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) &+ (e & f ^ ~e & g) &+ constants[i] &+ words[i]
            let second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        for (i, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[i] &+= word
        }
    }
    let bytes = [UInt8](data)
    let whole = bytes.count / 64 * 64
    for start in stride(from: 0, to: whole, by: 64) {
        add(bytes[start..<start + 64])
    }
    var tail = Array(bytes[whole...]) + [0x80]
    tail += [UInt8](repeating: 0, count: (120 - tail.count) % 64)
    tail += (0..<8).map { UInt8(truncatingIfNeeded: (8 * bytes.count) >> (56 - 8 * $0)) }
    for start in stride(from: 0, to: tail.count, by: 64) {
        add(tail[start..<start + 64])
    }
    return state.map { word in (0..<4).map { hexadecimal(UInt8(truncatingIfNeeded: word >> (24 - 8 * $0))) }.joined() }.joined()
}

private func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

/// The first 64.
private let primes = (2...311).filter { number in !(2..<number).contains { number % $0 == 0 } }.map(Double.init)

private let constants = primes.map { fraction(cbrt($0)) }

/// The first 32 bits behind the point.
private func fraction(_ number: Double) -> UInt32 { UInt32((number - number.rounded(.down)) * 4_294_967_296) }
#endif

private func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
}
