// Source: https://developer.android.com/reference/android/widget/Button
package android.widget;

public class Button extends TextView {}
