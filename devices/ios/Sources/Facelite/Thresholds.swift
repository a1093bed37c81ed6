import Foundation

/// Which threshold a question is judged by: none is made up between two that were measured.
struct Rates: Sendable {
    let thresholds: [Threshold]
    let templateThresholds: [String: [Threshold]]
    let fmr: Double

    /// For two pictures at a false match rate, nil being the default one. Throws `FaceliteError` for a rate that was not measured.
    func pictures(fmr: Double?) throws -> Threshold {
        let wanted = fmr ?? self.fmr
        guard let found = thresholds.first(where: { abs($0.fmr - wanted) <= 1e-9 + 1e-6 * wanted }) else {
            throw FaceliteError("expected an FMR out of \(thresholds.map(\.fmr)), which were measured, got \(wanted); choose one of them")
        }
        return found
    }

    /// For so many comparisons that together err at `rate`, `kinds` being those of the templates; nil where no rate as small was measured.
    func strictest(_ comparisons: Int, rate: Double, kinds: Set<String>) -> Threshold? {
        let wanted = 1 - pow(1 - rate, 1 / Double(max(comparisons, 1)))
        let tables = kinds.isEmpty ? [thresholds] : kinds.map { templateThresholds[$0] ?? thresholds }
        let fitting = tables.compactMap { $0.first { $0.fmr <= wanted * (1 + 1e-6) } }
        return fitting.count == tables.count ? fitting.min { $0.distance < $1.distance } : nil
    }

    /// The distance beyond which two pictures are hardly of one person, and the one within which a newcomer is like somebody of so many templates by these
    /// makers: at a rate of 0.01, or the strictest that there is.
    func enrolment(_ templates: Int, makers: Set<String>) -> (farthest: Double, nearest: Double) {
        let own = thresholds.map(\.distance)
        return (own.max() ?? 4, strictest(templates, rate: 0.01, kinds: makers)?.distance ?? own.min() ?? 0)
    }

    /// How many templates as one were measured, by rising number.
    var measured: [Int] { [2, 3, 5, 8].filter { templateThresholds["fused \($0)"] != nil } }
}

extension Manifest {
    var rates: Rates { Rates(thresholds: thresholds, templateThresholds: templateThresholds, fmr: fmr) }
}

/// The sizes of as few groups of up to `most` as `count` templates need; the first ones may be larger by one.
func groupSizes(_ count: Int, most: Int) -> [Int] {
    let groups = (count + most - 1) / most
    return (0..<groups).map { count / groups + ($0 < count % groups ? 1 : 0) }
}

/// The key of the thresholds for `size` templates as one; empty for one.
func kind(of size: Int, measured: [Int]) -> String {
    guard size > 1, let number = measured.first(where: { $0 >= size }) else { return "" }
    return "fused \(number)"
}

/// What templates of one subject are compared as: the mean of each group, of unit length. Throws `FaceliteError` where they cancel out.
func fuse(_ vectors: [[Float]], sizes: [Int]) throws -> [[Float]] {
    var start = 0
    return try sizes.map { size in
        defer { start += size }
        guard size > 1 else { return vectors[start] }
        var sum = [Float](repeating: 0, count: vectors[start].count)
        for vector in vectors[start..<start + size] {
            for i in sum.indices {
                sum[i] += vector[i]
            }
        }
        return try unit(sum, least: 1e-6 * Double(size))
    }
}
