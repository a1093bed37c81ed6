package facelite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Aligned crop of a face -> embedding of unit length, by the embedder of a bundle. */
final class Embedder implements AutoCloseable {
    private final Model model;
    private final float mean;
    private final float std;

    /** The embedder in {@code file}; its hash (hexadecimal), mean and std stand in the bundle's manifest. */
    Embedder(Path file, String sha256, float mean, float std) throws IOException {
        String found = sha256(file);
        if (!found.equals(sha256)) {
            throw new ModelException("expected a file of SHA-256 " + sha256 + ", got " + found + "; take " + file + " from the bundle again");
        }
        this.model = new Model(file);
        this.mean = mean;
        this.std = std;
    }

    /** How many bytes a crop has: height x width x 3. */
    int cropSize() {
        return model.inputSize();
    }

    /** The embedding of a crop's pixels, row after row, red, green and blue of each. */
    float[] embed(byte[] rgb) {
        float[] input = new float[rgb.length];
        for (int i = 0; i < rgb.length; i++) {
            input[i] = (Byte.toUnsignedInt(rgb[i]) - mean) / std;
        }
        return unit(model.run(input).values().iterator().next());
    }

    @Override
    public void close() {
        model.close();
    }

    private static String sha256(Path file) throws IOException {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError("every Java has SHA-256", error);
        }
    }

    private static float[] unit(float[] vector) {
        double sum = 0;
        for (float value : vector) {
            sum += (double) value * value;
        }
        float length = (float) Math.sqrt(sum);
        if (!(length > 0 && length < Float.POSITIVE_INFINITY)) {
            throw new ModelException("expected a vector with a direction, got one of length " + length);
        }
        float[] unit = new float[vector.length];
        for (int i = 0; i < unit.length; i++) {
            unit[i] = vector[i] / length;
        }
        return unit;
    }
}
