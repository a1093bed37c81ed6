package org.facelite

import java.nio.Buffer
import java.nio.ByteBuffer
import kotlin.math.max
import kotlin.math.min

/**
 * One plane of a camera's picture, as `Image.Plane`: the value of column x in row y is the byte y [rowStride] + x [pixelStride] of [buffer].
 *
 * The buffer's position does not count and is not moved.
 */
public class Plane(buffer: ByteBuffer, public val rowStride: Int, public val pixelStride: Int) {
    private val bytes: ByteBuffer = buffer.duplicate()
    private val cursor: Buffer = bytes // ByteBuffer has its own position(int) only since Android 9

    /** Room for a row of [width] pixels of [size] bytes. Checks that the plane has [height] of them. */
    internal fun row(width: Int, height: Int, size: Int = 1): ByteArray {
        val length = (width - 1) * pixelStride + size // the last row may end with its last pixel
        val needed = (height - 1L) * rowStride + length
        require(pixelStride >= size && rowStride >= length) { "expected strides for $width pixels of $size bytes, got $rowStride and $pixelStride" }
        require(needed <= bytes.limit()) { "expected a plane of $needed bytes for $height rows, got ${bytes.limit()}" }
        return ByteArray(length)
    }

    internal fun read(row: Int, into: ByteArray) {
        cursor.position(row * rowStride)
        bytes.get(into)
    }
}

/** R = Y + 1.402 V', G = Y - 0.344136 U' - 0.714136 V', B = Y + 1.772 U' with U' = U - 128, in units of 1 / 65536. Source: JFIF 1.02. */
internal fun convertYuv(y: Plane, u: Plane, v: Plane, width: Int, height: Int, place: Placement, pixels: ByteArray) {
    val lumas = y.row(width, height)
    val blues = u.row((width + 1) / 2, (height + 1) / 2)
    val reds = v.row((width + 1) / 2, (height + 1) / 2)
    for (row in 0 until height) {
        y.read(row, lumas)
        if (row % 2 == 0) {
            u.read(row / 2, blues)
            v.read(row / 2, reds)
        }
        var to = place.start + row * place.down
        var red = 0
        var green = 0
        var blue = 0
        for (column in 0 until width) {
            if (column % 2 == 0) {
                val blueness = (blues[column / 2 * u.pixelStride].toInt() and 0xff) - 128
                val redness = (reds[column / 2 * v.pixelStride].toInt() and 0xff) - 128
                red = 91881 * redness
                green = -22553 * blueness - 46802 * redness
                blue = 116130 * blueness
            }
            val luma = (lumas[column * y.pixelStride].toInt() and 0xff shl 16) + (1 shl 15)
            pixels[to] = level(luma + red)
            pixels[to + 1] = level(luma + green)
            pixels[to + 2] = level(luma + blue)
            to += place.right
        }
    }
}

private fun level(value: Int): Byte = max(0, min(255, value shr 16)).toByte()

internal fun convertRgba(plane: Plane, width: Int, height: Int, place: Placement, pixels: ByteArray) {
    val values = plane.row(width, height, size = 4)
    for (row in 0 until height) {
        plane.read(row, values)
        var to = place.start + row * place.down
        for (column in 0 until width) {
            val from = column * plane.pixelStride
            pixels[to] = values[from]
            pixels[to + 1] = values[from + 1]
            pixels[to + 2] = values[from + 2]
            to += place.right
        }
    }
}

internal fun convertArgb(argb: IntArray, width: Int, height: Int, place: Placement, pixels: ByteArray) {
    for (row in 0 until height) {
        var to = place.start + row * place.down
        for (from in row * width until (row + 1) * width) {
            val value = argb[from]
            pixels[to] = (value shr 16).toByte()
            pixels[to + 1] = (value shr 8).toByte()
            pixels[to + 2] = value.toByte()
            to += place.right
        }
    }
}
