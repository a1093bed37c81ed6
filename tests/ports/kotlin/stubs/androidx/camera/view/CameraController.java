// Source: https://developer.android.com/reference/androidx/camera/view/CameraController
package androidx.camera.view;

import androidx.camera.core.CameraSelector;
import androidx.camera.core.ImageAnalysis;
import java.util.concurrent.Executor;

public abstract class CameraController {
    public static final int IMAGE_ANALYSIS = 1 << 1;

    public native CameraSelector getCameraSelector();

    public native void setCameraSelector(CameraSelector cameraSelector);

    public native void setEnabledUseCases(int enabledUseCases);

    public native int getImageAnalysisBackpressureStrategy();

    public native void setImageAnalysisBackpressureStrategy(int strategy);

    public native void setImageAnalysisAnalyzer(Executor executor, ImageAnalysis.Analyzer analyzer);

    public native void clearImageAnalysisAnalyzer();
}
