package org.facelite

import java.util.Locale
import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/** Why a face is not compared. */
internal class Poor(val outcome: Outcome, val detail: String)

/** Whether a face is good enough to be compared, by [limits] (section 9 of the specification). Belongs to one thread at a time. */
internal class Quality(private val limits: Limits, private val alignment: Alignment) {
    private val luma = IntArray(alignment.width * alignment.height)

    /** Which of them show the frame; beyond it a crop is black. */
    private val seen = BooleanArray(luma.size)

    /** Null for a [face] that may be embedded, by the frame's [width] and [height] and the [crop] that [matrix] made. */
    fun judge(face: Face, width: Int, height: Int, matrix: Affine, crop: ByteArray): Poor? {
        if (face.size < limits.size) {
            return poor(Outcome.TOO_SMALL, "a face of %.0f pixels or more", limits.size, "%.0f; come nearer", face.size)
        }
        val inside = inside(face, width, height)
        if (inside < limits.inside) {
            return poor(Outcome.CUT_OFF, "%.0f %% of the face or more", 100 * limits.inside, "%.0f %%; move to the middle", 100 * inside)
        }
        readLuma(crop)
        readSeen(matrix, width, height)
        val light = light()
        if (light < limits.dark) {
            return poor(Outcome.TOO_DARK, "a mean luma of %.0f or more", limits.dark, "%.0f; add light", light)
        }
        if (light > limits.bright) {
            return poor(Outcome.TOO_BRIGHT, "a mean luma of %.0f or less", limits.bright, "%.0f; turn away from the light", light)
        }
        val sharpness = sharpness()
        if (sharpness < limits.sharpness) {
            return poor(Outcome.BLURRED, "a sharpness of %.1f or more", limits.sharpness, "%.1f; hold still", sharpness)
        }
        val turn = alignment.turn(face.points, matrix)
        if (turn > limits.turn) {
            return poor(Outcome.TURNED_AWAY, "a turn of %.3f or less", limits.turn, "%.3f; look at the camera", turn)
        }
        return null
    }

    /** Null where the embedder's output, of this [length], is clear enough. */
    fun judge(length: Double): Poor? =
        if (length < limits.clarity) {
            poor(Outcome.UNCLEAR, "an embedding of length %.2f or more", limits.clarity, "%.2f; look at the camera, with nothing in front", length)
        } else {
            null
        }

    private fun poor(outcome: Outcome, expected: String, limit: Double, got: String, value: Double): Poor =
        Poor(outcome, String.format(Locale.ROOT, "expected $expected, got $got", limit, value))

    /** The share of the box that lies in the frame, whose pixels' edges are at -1/2. */
    private fun inside(face: Face, width: Int, height: Int): Double {
        val across = min(face.x + face.width, width - 0.5) - max(face.x, -0.5)
        val down = min(face.y + face.height, height - 0.5) - max(face.y, -0.5)
        return max(across, 0.0) * max(down, 0.0) / (face.width * face.height)
    }

    private fun readLuma(crop: ByteArray) {
        for (i in luma.indices) {
            val red = crop[3 * i].toInt() and 0xff
            val green = crop[3 * i + 1].toInt() and 0xff
            val blue = crop[3 * i + 2].toInt() and 0xff
            luma[i] = 9798 * red + 19235 * green + 3735 * blue + 16384 shr 15
        }
    }

    /** Fills [seen]: the pixels that lie [EDGE] of them or more inside a frame of [width] and [height], whose points [matrix] takes to the crop. */
    private fun readSeen(matrix: Affine, width: Int, height: Int) {
        val edge = EDGE / matrix.scale
        val across = edge..width - 1 - edge
        val down = edge..height - 1 - edge
        for (i in seen.indices) {
            val x = i % alignment.width - matrix.c
            val y = i / alignment.width - matrix.f
            val u = (matrix.e * x - matrix.b * y) / matrix.determinant
            val v = (matrix.a * y - matrix.d * x) / matrix.determinant
            seen[i] = u in across && v in down
        }
    }

    /** The mean of [luma] where it is [seen]. */
    private fun light(): Double {
        var sum = 0L
        var count = 0
        for (i in luma.indices) {
            if (seen[i]) {
                sum += luma[i]
                count++
            }
        }
        return sum.toDouble() / max(count, 1)
    }

    /** The standard deviation of the Laplacian of [luma] where it is [seen], mirrored beyond the border without repeating the border's pixel. */
    private fun sharpness(): Double {
        val width = alignment.width
        val height = alignment.height
        var sum = 0L
        var squares = 0L
        var count = 0
        for (row in 0 until height) {
            val above = abs(row - 1) * width
            val here = row * width
            val below = (if (row == height - 1) row - 1 else row + 1) * width
            for (column in 0 until width) {
                if (!seen[here + column]) continue
                val left = abs(column - 1)
                val right = if (column == width - 1) column - 1 else column + 1
                val around = luma[above + column] + luma[below + column] + luma[here + left] + luma[here + right]
                val laplacian = around - 4 * luma[here + column]
                sum += laplacian
                squares += laplacian * laplacian
                count++
            }
        }
        val mean = sum.toDouble() / max(count, 1)
        return sqrt(max(0.0, squares.toDouble() / max(count, 1) - mean * mean))
    }

    private companion object {
        /** Pixels of the crop from the frame's edge inwards that do not count: black is in none of the others, nor in their neighbours. */
        const val EDGE = 3.0
    }
}
