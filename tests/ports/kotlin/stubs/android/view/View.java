// Source: https://developer.android.com/reference/android/view/View
package android.view;

public class View {
    public native void setOnClickListener(OnClickListener l);

    public interface OnClickListener {
        void onClick(View v);
    }
}
