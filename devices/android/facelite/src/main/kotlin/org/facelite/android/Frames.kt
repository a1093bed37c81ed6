@file:JvmName("Frames")

package org.facelite.android

import android.graphics.Bitmap
import android.graphics.ImageFormat
import android.media.Image
import org.facelite.Frame
import org.facelite.Plane

/**
 * The whole image, its crop rectangle left aside, as [Frame.ofYuv] makes it; the image may be closed then.
 *
 * @param rotationDegrees by how much it must be turned clockwise to be upright: 0, 90, 180 or 270.
 * @throws IllegalArgumentException for an image that is not of the format YUV_420_888.
 */
@JvmOverloads
public fun Image.toFrame(rotationDegrees: Int, mirrored: Boolean = false, reuse: Frame? = null): Frame {
    require(format == ImageFormat.YUV_420_888) { "expected an image of the format YUV_420_888, got $format" }
    val (y, u, v) = planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
    return Frame.ofYuv(y, u, v, width, height, rotationDegrees, mirrored, reuse)
}

/**
 * The bitmap, which may be recycled then. A `Bitmap.Config.HARDWARE` one must be copied to another config before.
 *
 * @param rotationDegrees by how much it must be turned clockwise to be upright, for photographs what EXIF says: 0, 90, 180 or 270.
 */
@JvmOverloads
public fun Bitmap.toFrame(rotationDegrees: Int = 0): Frame {
    val argb = IntArray(width * height)
    getPixels(argb, 0, width, 0, 0, width, height)
    return Frame.ofArgb(argb, width, height, rotationDegrees)
}
