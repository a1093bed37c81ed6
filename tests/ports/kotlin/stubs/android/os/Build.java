// Source: https://developer.android.com/reference/android/os/Build
package android.os;

public class Build {
    public static class VERSION {
        public static final int SDK_INT = Integer.parseInt("23");
    }

    public static class VERSION_CODES {
        public static final int P = 28;
    }
}
