package org.facelite

/**
 * An upright picture: [height] rows of [width] pixels of three bytes, red, green, blue.
 *
 * [pixels] are not copied: do not change them while they are looked at.
 *
 * @throws IllegalArgumentException for a picture without pixels, or with another number of bytes.
 */
public class Frame(public val width: Int, public val height: Int, public val pixels: ByteArray) : Picture {
    init {
        require(width > 0 && height > 0) { "expected a picture with pixels, got $width x $height" }
        val bytes = 3L * width * height
        require(pixels.size.toLong() == bytes) { "expected $bytes bytes for $width x $height pixels, got ${pixels.size}" }
    }

    /**
     * The makers of frames from what cameras and decoders give.
     *
     * `width` and `height` are the source's. `rotationDegrees` (0, 90, 180 or 270) is by how much the source must be turned **clockwise** to be
     * upright, as CameraX's `ImageInfo.getRotationDegrees` says. `mirrored`: left and right of the upright picture are exchanged, and are put
     * right. `reuse`: a frame that is no longer needed; its bytes are written over if they are as many as needed.
     */
    public companion object {
        /**
         * From YUV 4:2:0 in three planes, as `ImageFormat.YUV_420_888`; u and v have a value for each 2 x 2 pixels.
         *
         * The colours are taken for those of JPEG files (BT.601; Y, U and V from 0 to 255): Android asks its cameras for DATASPACE_JFIF.
         */
        @JvmStatic
        @JvmOverloads
        public fun ofYuv(
            y: Plane,
            u: Plane,
            v: Plane,
            width: Int,
            height: Int,
            rotationDegrees: Int = 0,
            mirrored: Boolean = false,
            reuse: Frame? = null,
        ): Frame {
            val place = Placement(width, height, rotationDegrees, mirrored)
            return place.frame(reuse).also { convertYuv(y, u, v, width, height, place, it.pixels) }
        }

        /** From one plane of pixels of four bytes, red, green, blue, alpha; alpha is dropped. CameraX's `OUTPUT_IMAGE_FORMAT_RGBA_8888`. */
        @JvmStatic
        @JvmOverloads
        public fun ofRgba(
            plane: Plane,
            width: Int,
            height: Int,
            rotationDegrees: Int = 0,
            mirrored: Boolean = false,
            reuse: Frame? = null,
        ): Frame {
            val place = Placement(width, height, rotationDegrees, mirrored)
            return place.frame(reuse).also { convertRgba(plane, width, height, place, it.pixels) }
        }

        /** From one number 0xAARRGGBB for each pixel, row by row, as `Bitmap.getPixels` gives; alpha is dropped. */
        @JvmStatic
        @JvmOverloads
        public fun ofArgb(
            argb: IntArray,
            width: Int,
            height: Int,
            rotationDegrees: Int = 0,
            mirrored: Boolean = false,
            reuse: Frame? = null,
        ): Frame {
            require(argb.size >= width.toLong() * height) { "expected ${width.toLong() * height} pixels, got ${argb.size}" }
            val place = Placement(width, height, rotationDegrees, mirrored)
            return place.frame(reuse).also { convertArgb(argb, width, height, place, it.pixels) }
        }
    }
}
