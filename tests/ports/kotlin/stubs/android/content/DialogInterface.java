// Source: https://developer.android.com/reference/android/content/DialogInterface
package android.content;

public interface DialogInterface {
    interface OnClickListener {
        void onClick(DialogInterface dialog, int which);
    }
}
