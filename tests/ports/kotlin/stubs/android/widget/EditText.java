// Source: https://developer.android.com/reference/android/widget/EditText
package android.widget;

import android.text.Editable;

public class EditText extends TextView {
    @Override
    public native Editable getText();
}
