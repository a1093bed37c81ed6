// Source: https://developer.android.com/reference/android/text/Editable
package android.text;

public interface Editable extends CharSequence {}
