// Source: https://developer.android.com/reference/androidx/camera/core/ImageInfo
package androidx.camera.core;

public interface ImageInfo {
    int getRotationDegrees();
}
