// Source: https://developer.android.com/reference/androidx/activity/result/ActivityResultLauncher
package androidx.activity.result;

public abstract class ActivityResultLauncher<I> {
    public native void launch(I input);
}
