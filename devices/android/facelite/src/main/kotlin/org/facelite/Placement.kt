package org.facelite

/** Where the pixel (x, y) of a source goes in the upright frame of [width] x [height]: to the byte [start] + x [right] + y [down]. */
internal class Placement(sourceWidth: Int, sourceHeight: Int, rotationDegrees: Int, mirrored: Boolean) {
    val width: Int
    val height: Int
    val start: Int
    val right: Int
    val down: Int

    init {
        require(rotationDegrees in 0..270 && rotationDegrees % 90 == 0) { "expected a rotation of 0, 90, 180 or 270 degrees, got $rotationDegrees" }
        require(sourceWidth > 0 && sourceHeight > 0) { "expected a picture with pixels, got $sourceWidth x $sourceHeight" }
        val turns = rotationDegrees / 90
        width = if (turns % 2 == 0) sourceWidth else sourceHeight
        height = if (turns % 2 == 0) sourceHeight else sourceWidth
        // a step to the right in the source, turned clockwise, is one of (x, y) in the frame, and a step down is that turned once more
        val x = RIGHT_X[turns]
        val y = RIGHT_X[(turns + 3) % 4]
        val side = if (mirrored) -1 else 1
        right = 3 * (y * width + side * x)
        down = 3 * (x * width - side * y)
        val column = if (side * (x - y) > 0) 0 else width - 1
        val row = if (x + y > 0) 0 else height - 1
        start = 3 * (row * width + column)
    }

    /** [reuse] if it has as many bytes as are needed, else new ones. */
    fun frame(reuse: Frame?): Frame = when {
        reuse == null || reuse.pixels.size != 3 * width * height -> Frame(width, height, ByteArray(3 * width * height))
        reuse.width == width -> reuse
        else -> Frame(width, height, reuse.pixels)
    }

    private companion object {
        val RIGHT_X = intArrayOf(1, 0, -1, 0)
    }
}
