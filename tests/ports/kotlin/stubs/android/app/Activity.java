// Source: https://developer.android.com/reference/android/app/Activity
package android.app;

import android.content.Context;
import android.os.Bundle;
import android.view.View;

public class Activity extends Context {
    protected native void onCreate(Bundle savedInstanceState);

    protected native void onDestroy();

    public native void setContentView(int layoutResID);

    public native <T extends View> T findViewById(int id);

    public native boolean isFinishing();

    public native void runOnUiThread(Runnable action);
}
