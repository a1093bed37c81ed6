// Source: https://developer.android.com/reference/android/graphics/PixelFormat
package android.graphics;

public class PixelFormat {
    public static final int RGBA_8888 = 1;
}
