// Source: https://developer.android.com/reference/android/content/Context
package android.content;

import android.content.res.AssetManager;
import java.io.File;

public abstract class Context {
    public native Context getApplicationContext();

    public native AssetManager getAssets();

    public native File getNoBackupFilesDir();

    public native String getString(int resId);

    public native String getString(int resId, Object... formatArgs);
}
