// Source: https://developer.android.com/reference/android/app/AlertDialog.Builder
package android.app;

import android.content.Context;
import android.content.DialogInterface;

public class AlertDialog {
    public static class Builder {
        public Builder(Context context) {}

        public native Builder setMessage(CharSequence message);

        public native Builder setPositiveButton(int textId, DialogInterface.OnClickListener listener);

        public native Builder setNegativeButton(int textId, DialogInterface.OnClickListener listener);

        public native AlertDialog show();
    }
}
