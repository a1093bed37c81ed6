@file:JvmName("CameraFrames")

package org.facelite.android

import android.graphics.ImageFormat
import android.graphics.PixelFormat
import androidx.camera.core.ImageProxy
import org.facelite.Frame
import org.facelite.Plane

/**
 * The whole image of CameraX's analysis, turned upright; it may be closed then.
 *
 * @param mirrored left and right are exchanged. They are not in what CameraX gives for analysis, not by the front camera either.
 * @param reuse the frame of the image before, if nobody uses it any more: its memory is taken over.
 * @throws IllegalArgumentException for an image that is of neither format that CameraX's analysis gives, YUV_420_888 and RGBA_8888.
 */
@JvmOverloads
public fun ImageProxy.toFrame(mirrored: Boolean = false, reuse: Frame? = null): Frame {
    val planes = planes.map { Plane(it.buffer, it.rowStride, it.pixelStride) }
    val rotation = imageInfo.rotationDegrees
    return when (format) {
        ImageFormat.YUV_420_888 -> Frame.ofYuv(planes[0], planes[1], planes[2], width, height, rotation, mirrored, reuse)
        PixelFormat.RGBA_8888 -> Frame.ofRgba(planes[0], width, height, rotation, mirrored, reuse)
        else -> throw IllegalArgumentException("expected an image of the format YUV_420_888 or RGBA_8888, got $format")
    }
}
