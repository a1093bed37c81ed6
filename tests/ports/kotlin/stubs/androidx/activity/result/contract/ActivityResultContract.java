// Source: https://developer.android.com/reference/androidx/activity/result/contract/ActivityResultContract
package androidx.activity.result.contract;

public abstract class ActivityResultContract<I, O> {}
