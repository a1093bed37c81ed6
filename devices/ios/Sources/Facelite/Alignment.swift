/// Where the landmarks come to lie in a crop of 112 x 112.
private let template112 = [
    Point(x: 38.2946, y: 51.6963), Point(x: 73.5318, y: 51.5014), Point(x: 56.0252, y: 71.7366), Point(x: 56.1396, y: 92.2848),
]

/// Where the landmarks come to lie in a crop of this size: scaled by the height, centred in the width.
func template(height: Int, width: Int) -> [Point] {
    let s = Double(height) / 112
    return template112.map {
        Point(x: s * $0.x + Double(width - 1) / 2 - 55.5 * s, y: s * $0.y + Double(height - 1) / 2 - 55.5 * s)
    }
}

/// The rotation, scale and shift that brings `landmarks` nearest to `points`, as many of them: Umeyama's closed form in the plane.
///
/// Throws `FaceliteError` where the landmarks are one point.
func similarity(_ landmarks: [Point], to points: [Point]) throws -> Matrix {
    let (p, q) = (mean(landmarks), mean(points))
    var (n, a, b) = (0.0, 0.0, 0.0)
    for (landmark, point) in zip(landmarks, points) {
        let (px, py, qx, qy) = (landmark.x - p.x, landmark.y - p.y, point.x - q.x, point.y - q.y)
        n += px * px + py * py
        a += px * qx + py * qy
        b += px * qy - py * qx
    }
    try require(n >= 1e-9, "expected landmarks apart from each other, got one point; take another frame")
    (a, b) = (a / n, b / n)
    return Matrix(a: a, b: -b, c: q.x - a * p.x + b * p.y, d: b, e: a, f: q.y - b * p.x - a * p.y)
}

private func mean(_ points: [Point]) -> Point {
    let count = Double(points.count)
    return Point(x: points.reduce(0) { $0 + $1.x } / count, y: points.reduce(0) { $0 + $1.y } / count)
}
