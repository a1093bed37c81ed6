// Source: https://developer.android.com/reference/androidx/camera/core/CameraSelector
package androidx.camera.core;

public final class CameraSelector {
    public static final CameraSelector DEFAULT_FRONT_CAMERA = new CameraSelector();

    private CameraSelector() {}
}
