/// Which face of a frame is meant.
public enum Rule: String, Sendable {
    /// The one face; two or more are the outcome `severalFaces`. For enrolling and for doors.
    case only
    /// The face whose middle is nearest to the frame's.
    case centre
    /// The face with the largest box.
    case largest
}

/// The index of the box that is meant, of equals the first; nil for several. `boxes` has one or more.
func choose(_ boxes: [Box], _ rule: Rule, height: Int, width: Int) -> Int? {
    switch rule {
    case .only:
        return boxes.count == 1 ? 0 : nil
    case .largest:
        return boxes.indices.max { (boxes[$0].size, $1) < (boxes[$1].size, $0) }
    case .centre:
        let (x, y) = (Double(width - 1) / 2, Double(height - 1) / 2)
        let apart = boxes.map { box in
            let (right, down) = (box.x + box.width / 2 - x, box.y + box.height / 2 - y)
            return right * right + down * down
        }
        return apart.indices.min { (apart[$0], $0) < (apart[$1], $1) }
    }
}
