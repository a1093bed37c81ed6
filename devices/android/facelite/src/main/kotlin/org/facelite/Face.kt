package org.facelite

import kotlin.math.max
import kotlin.math.min

/**
 * A face that the detector found.
 *
 * In pixels of the frame; the middle of the first pixel is (0, 0). [x] and [y] are the box's upper left corner, which may lie outside of the frame.
 *
 * @property score how sure the detector is, from 0 to 1.
 */
public class Face internal constructor(
    public val x: Double,
    public val y: Double,
    public val width: Double,
    public val height: Double,
    public val score: Double,
    internal val points: DoubleArray, // x, y of each keypoint
) {
    /** The longer side of the box. */
    public val size: Double get() = max(width, height)

    /**
     * The keypoints as x, y, x, y, ... (12 numbers): the eye at the left of the picture, the eye at its right, nose tip, mouth centre, the ear at
     * the left, the ear at the right. Of a face that lies on its side "left" is that of the face turned upright.
     */
    public fun keypoints(): DoubleArray = points.clone()

    /** Intersection over union of both boxes. */
    internal fun overlap(other: Face): Double {
        val across = min(x + width, other.x + other.width) - max(x, other.x)
        val down = min(y + height, other.y + other.height) - max(y, other.y)
        val shared = max(0.0, across) * max(0.0, down)
        return shared / max(width * height + other.width * other.height - shared, 1e-9)
    }

    internal fun scored(score: Double): Face = Face(x, y, width, height, score, points)

    internal companion object {
        const val KEYPOINTS = 6
        const val SAME = 0.3 // overlap above which two boxes are of one face

        /** The best score first. */
        val BY_SCORE: Comparator<Face> = Comparator { a, b -> b.score.compareTo(a.score) }

        /** Of [faces] the one that overlaps [face] most, null where that is less than [SAME]. */
        fun nearest(faces: List<Face>, face: Face): Face? {
            var best: Face? = null
            var most = 0.0
            for (one in faces) {
                val overlap = one.overlap(face)
                if (best == null || overlap > most) {
                    best = one
                    most = overlap
                }
            }
            return best?.takeIf { most >= SAME }
        }
    }
}
