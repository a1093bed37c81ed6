// Source: https://developer.android.com/reference/android/content/res/AssetManager
package android.content.res;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Reads a folder, which Android's has no constructor for. */
public final class AssetManager {
    private final File folder;

    public AssetManager(File folder) {
        this.folder = folder;
    }

    public InputStream open(String fileName) throws IOException {
        return new FileInputStream(new File(folder, fileName));
    }
}
