/// How far two embeddings of one space are apart, 0 to 4. Small is alike.
enum Distance: Sendable {
    /// Squared L2: no square root is taken.
    case squaredL2
    /// A weighted sum of what a learned head compares.
    case siamese(Head)

    func callAsFunction(_ a: [Float], _ b: [Float]) -> Double {
        var sum = 0.0
        switch self {
        case .squaredL2:
            for i in a.indices {
                let apart = Double(a[i]) - Double(b[i])
                sum += apart * apart
            }
        case .siamese(let head):
            for i in a.indices {
                let (one, other) = (Double(a[i]), Double(b[i]))
                let apart = abs(one - other)
                sum += head.weights[i] * (head.form == .absolute ? apart : apart * apart / (abs(one) + abs(other) + 1e-6))
            }
        }
        return max(0, sum)
    }
}

/// `head.json`.
struct Head: Sendable, Decodable {
    enum Form: String, Sendable, Decodable {
        case absolute
        case chiSquare = "chi-square"
    }

    let form: Form
    let weights: [Double]

    /// Throws `FaceliteError` where this is no head for embeddings of `size` numbers.
    func check(size: Int) throws {
        let length = weights.reduce(0) { $0 + $1 * $1 }.squareRoot()
        try require(
            weights.count == size && weights.contains { $0 > 0 } && length <= 2 * (1 + 1e-6),
            "expected a head of \(size) weights, one above 0, of length 2 or less, got \(weights.count) of length \(length); pack the app's files again"
        )
    }
}
