/// Looks for faces in views of one frame.
protocol Looking: AnyObject {
    /// Of the frame.
    var height: Int { get }
    var width: Int { get }

    /// The faces of `minScore` or more in a view that is turned `turns` times to the left before, in pixels of the frame.
    func look(_ view: View, minScore: Double, turns: Int) throws -> [Face]
}

extension Looking {
    /// The faces of the frame by falling score: first in the whole of it, then in smaller and smaller tiles until none is small in its tile.
    func detect() throws -> [Face] {
        var faces: [Face] = []
        for pass in passes(height: height, width: width) where !(pass.kind == .border && !faces.isEmpty) {
            let found = try pass.views.flatMap { try look($0, minScore: 0.5, turns: 0) }
            for face in suppress(found) {
                if let second = try lookAgain(face, pass) {
                    faces.append(second)
                }
            }
            faces = suppress(faces)
            let sizes = faces.map(\.box.size)
            let reliable = 0.12 * pass.side
            let enough = pass.kind == .tiles || !hasLargeTiles(Double(height), Double(width)) || 0.5 * (sizes.max() ?? 0) >= reliable
            if enough, let smallest = sizes.min(), smallest >= reliable {
                break
            }
        }
        return faces
    }

    /// The face as the look sees it that turns it upright; the model puts an upright face on one that lies on its side, with a weaker score.
    func upright(_ face: Face) throws -> Face {
        if face.score >= 0.85 {
            return face
        }
        var best = face
        for turns in 1...3 {
            for other in try look(around(face), minScore: face.score + 0.05, turns: turns) where other.score > best.score {
                if other.box.overlap(face.box) >= 0.3 {
                    best = other
                }
            }
        }
        return best
    }

    /// The face as a look of its own sees it, with as much around it; nil where that does not find it again and it was not sure.
    private func lookAgain(_ face: Face, _ pass: Pass) throws -> Face? {
        let sure = pass.kind != .tiles && face.box.size >= 0.35 * pass.side && face.score >= 0.65
        if sure, face.box.size <= 0.65 * pass.side {
            return face
        }
        var (same, most): (Face?, Double) = (nil, 0.3)
        for other in try look(around(face), minScore: pass.kind == .tiles ? 0.7 : 0.55, turns: 0) {
            let overlap = other.box.overlap(face.box)
            if same == nil ? overlap >= most : overlap > most {
                (same, most) = (other, overlap)
            }
        }
        return same.map { Face(score: max($0.score, face.score), numbers: $0.numbers) } ?? (sure ? face : nil)
    }
}

/// Views of one size, that are looked at together.
private struct Pass {
    enum Kind {
        case whole, border, tiles
    }

    let kind: Kind
    let side: Double
    let height, width: Double

    var views: [View] {
        guard kind == .tiles else {
            return [View(x: (width - side) / 2, y: (height - side) / 2, side: side)]
        }
        let columns = places(width, side)
        return places(height, side).flatMap { y in columns.map { View(x: $0, y: y, side: side) } }
    }
}

private func passes(height: Int, width: Int) -> [Pass] {
    let (height, width) = (Double(height), Double(width))
    let (longer, shorter) = (max(height, width), min(height, width))
    let shares = [1.0, 0.5, 0.25].filter { $0 * shorter >= 128 && ($0 < 1 || hasLargeTiles(height, width)) }
    let sides = [(Pass.Kind.whole, longer), (.border, 1.6 * longer)] + shares.map { (.tiles, $0 * shorter) }
    return sides.map { Pass(kind: $0.0, side: $0.1, height: height, width: width) }
}

/// Whether tiles of the frame's shorter side show it otherwise than the whole frame does.
private func hasLargeTiles(_ height: Double, _ width: Double) -> Bool {
    max(height, width) >= 1.2 * min(height, width)
}

/// Where tiles begin that cover `extent` and overlap by half or more.
private func places(_ extent: Double, _ side: Double) -> [Double] {
    let count = 1 + Int(((extent - side) / (side / 2)).rounded(.up))
    return count == 1 ? [0] : (0..<count).map { Double($0) * (extent - side) / Double(count - 1) }
}

/// The view with the face in its middle, twice as large.
private func around(_ face: Face) -> View {
    let (box, size) = (face.box, face.box.size)
    return View(x: box.x + box.width / 2 + 0.5 - size, y: box.y + box.height / 2 + 0.5 - size, side: 2 * size)
}

/// Of faces upon each other the one with the highest score; by falling score.
private func suppress(_ faces: [Face]) -> [Face] {
    var kept: [Face] = []
    for face in fallingScores(faces) where kept.allSatisfy({ face.box.overlap($0.box) <= 0.3 }) {
        kept.append(face)
    }
    return kept
}
