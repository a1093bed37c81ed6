package org.facelite

import kotlin.math.floor
import kotlin.math.max

private const val LEAST_SCALE = 0.001

/**
 * The one way in which pixels are moved (section 4 of the specification): writes the picture of [height] rows of [width] pixels into [out], to
 * which [matrix] takes the points of [picture].
 */
internal fun sample(picture: Pyramid, matrix: Affine, width: Int, height: Int, out: ByteArray) {
    var halvings = 0
    var toOut = matrix
    var scale = max(matrix.scale, LEAST_SCALE)
    var pixels = picture.level(0)
    while (scale < 0.5 && pixels.width >= 2 && pixels.height >= 2) {
        pixels = picture.level(++halvings)
        toOut = toOut.halved()
        scale *= 2
    }
    interpolate(pixels, toOut, width, height, out)
}

private fun interpolate(pixels: Pixels, matrix: Affine, width: Int, height: Int, out: ByteArray) {
    val inverse = if (matrix.determinant == 0.0) 0.0 else 1 / matrix.determinant
    val bytes = pixels.bytes
    val line = 3 * pixels.width
    var to = 0
    for (row in 0 until height) {
        for (column in 0 until width) {
            val x = column - matrix.c
            val y = row - matrix.f
            val u = (matrix.e * x - matrix.b * y) * inverse
            val v = (matrix.a * y - matrix.d * x) * inverse
            val i = floor(u).toInt()
            val j = floor(v).toInt()
            val s = u - i
            val t = v - j
            if (i >= 0 && j >= 0 && i < pixels.width - 1 && j < pixels.height - 1) {
                var from = j * line + 3 * i
                repeat(3) {
                    val above = (1 - s) * (bytes[from].toInt() and 0xff) + s * (bytes[from + 3].toInt() and 0xff)
                    val below = (1 - s) * (bytes[from + line].toInt() and 0xff) + s * (bytes[from + line + 3].toInt() and 0xff)
                    out[to++] = ((1 - t) * above + t * below + 0.5).toInt().toByte()
                    from++
                }
            } else {
                for (colour in 0 until 3) {
                    val above = (1 - s) * pixels.at(i, j, colour) + s * pixels.at(i + 1, j, colour)
                    val below = (1 - s) * pixels.at(i, j + 1, colour) + s * pixels.at(i + 1, j + 1, colour)
                    out[to++] = ((1 - t) * above + t * below + 0.5).toInt().toByte()
                }
            }
        }
    }
}

/** Black outside: at its border a picture fades within one pixel. */
private fun Pixels.at(column: Int, row: Int, colour: Int): Int =
    if (column in 0 until width && row in 0 until height) bytes[3 * (row * width + column) + colour].toInt() and 0xff else 0
