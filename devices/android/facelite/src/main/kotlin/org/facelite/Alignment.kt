package org.facelite

import kotlin.math.hypot
import kotlin.math.sqrt

/** Brings the landmarks of a face to their places in a crop of [height] rows of [width] pixels (section 8 of the specification). */
internal class Alignment(val width: Int, val height: Int) {
    /** x, y of both eyes, nose tip and mouth centre in the crop. */
    val template: DoubleArray = (height / 112.0).let { s ->
        DoubleArray(TEMPLATE.size) { s * TEMPLATE[it] + ((if (it % 2 == 0) width else height) - 1) / 2.0 - 55.5 * s }
    }

    /**
     * The rotation, scale and shift with the least squared error from [landmarks], of which the first 8 numbers count, to the template.
     * Source: Umeyama 1991, in the plane.
     */
    fun matrix(landmarks: DoubleArray): Affine {
        val px = mean(landmarks, 0)
        val py = mean(landmarks, 1)
        val qx = mean(template, 0)
        val qy = mean(template, 1)
        var n = 0.0
        var a = 0.0
        var b = 0.0
        for (i in template.indices step 2) {
            val x = landmarks[i] - px
            val y = landmarks[i + 1] - py
            val u = template[i] - qx
            val v = template[i + 1] - qy
            n += x * x + y * y
            a += x * u + y * v
            b += x * v - y * u
        }
        if (!(n >= 1e-9)) { // also where it is not a number
            throw FaceliteException("expected landmarks that differ, got one point four times; take another frame")
        }
        a /= n
        b /= n
        return Affine(a, -b, qx - a * px + b * py, b, a, qy - b * px - a * py)
    }

    /** Root mean square distance of [landmarks] from the template, where [matrix] brings them, as a share of the crop's height. */
    fun turn(landmarks: DoubleArray, matrix: Affine): Double {
        var sum = 0.0
        for (i in template.indices step 2) {
            val apart = hypot(
                matrix.x(landmarks[i], landmarks[i + 1]) - template[i],
                matrix.y(landmarks[i], landmarks[i + 1]) - template[i + 1],
            )
            sum += apart * apart
        }
        return sqrt(sum / (template.size / 2)) / height
    }

    private fun mean(points: DoubleArray, first: Int): Double = (points[first] + points[first + 2] + points[first + 4] + points[first + 6]) / 4

    private companion object {
        /** In a crop of 112 x 112. */
        val TEMPLATE = doubleArrayOf(38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 56.1396, 92.2848)
    }
}
