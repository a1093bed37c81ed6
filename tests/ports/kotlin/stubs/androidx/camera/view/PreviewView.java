// Source: https://developer.android.com/reference/androidx/camera/view/PreviewView
package androidx.camera.view;

import android.view.View;

public final class PreviewView extends View {
    public native CameraController getController();

    public native void setController(CameraController cameraController);
}
