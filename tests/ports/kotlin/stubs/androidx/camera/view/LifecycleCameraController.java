// Source: https://developer.android.com/reference/androidx/camera/view/LifecycleCameraController
package androidx.camera.view;

import android.content.Context;
import androidx.lifecycle.LifecycleOwner;

public final class LifecycleCameraController extends CameraController {
    public LifecycleCameraController(Context context) {}

    public native void bindToLifecycle(LifecycleOwner lifecycleOwner);
}
