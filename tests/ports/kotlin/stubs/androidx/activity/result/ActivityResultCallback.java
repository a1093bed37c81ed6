// Source: https://developer.android.com/reference/androidx/activity/result/ActivityResultCallback
package androidx.activity.result;

public interface ActivityResultCallback<O> {
    void onActivityResult(O result);
}
