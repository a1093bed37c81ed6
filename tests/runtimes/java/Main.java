package facelite;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * What a model makes of what comes in, numbers as float32 in little endian:
 *
 * <pre>
 * run MODEL                     inputs -> all outputs of each, in the order of their names
 * embed MODEL SHA256 MEAN STD   crops, a byte a colour -> embeddings
 * balance MODEL                 nothing -> handles that are left when the model was opened, run and closed, a line each
 * </pre>
 */
final class Main {
    private Main() {}

    public static void main(String[] words) throws IOException {
        try {
            Path model = Path.of(words[1]);
            switch (words[0]) {
                case "run" -> run(model);
                case "embed" -> embed(model, words[2], Float.parseFloat(words[3]), Float.parseFloat(words[4]));
                case "balance" -> balance(model);
                default -> throw new IllegalArgumentException("expected run, embed or balance, got " + words[0]);
            }
        } catch (ModelException error) {
            System.err.println(error.getMessage());
            System.exit(1);
        }
    }

    private static void run(Path file) throws IOException {
        try (Model model = new Model(file)) {
            float[] input = new float[model.inputSize()];
            for (byte[] read = read(4 * input.length); read != null; read = read(4 * input.length)) {
                ByteBuffer.wrap(read).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(input);
                for (float[] output : model.run(input).values()) {
                    write(output);
                }
            }
        }
    }

    private static void embed(Path file, String sha256, float mean, float std) throws IOException {
        try (Embedder embedder = new Embedder(file, sha256, mean, std)) {
            for (byte[] crop = read(embedder.cropSize()); crop != null; crop = read(embedder.cropSize())) {
                write(embedder.embed(crop));
            }
        }
    }

    private static void balance(Path file) {
        Ledger ledger = new Ledger();
        try (Model model = new Model(ledger.library(), file)) {
            model.run(new float[model.inputSize()]);
        } finally {
            ledger.balance().values().forEach(System.out::println);
        }
    }

    /** The next {@code size} bytes, or null at the end. */
    private static byte[] read(int size) throws IOException {
        byte[] read = System.in.readNBytes(size);
        if (read.length > 0 && read.length < size) {
            throw new IOException("expected " + size + " bytes, got " + read.length + " at the end");
        }
        return read.length > 0 ? read : null;
    }

    private static void write(float[] numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(numbers);
        System.out.write(bytes.array(), 0, bytes.capacity());
        System.out.flush();
    }
}
