// Source: https://developer.android.com/reference/androidx/core/content/ContextCompat
package androidx.core.content;

import android.content.Context;

public class ContextCompat {
    public static native int checkSelfPermission(Context context, String permission);
}
