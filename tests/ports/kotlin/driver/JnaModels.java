package facelite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.facelite.Models;

/** LiteRT on a workstation, for the Kotlin library: Model.java of tests/runtimes, which wants a file. */
public final class JnaModels implements Models {
    @Override
    public org.facelite.Model open(String name, byte[] content) {
        try {
            Path file = Files.createTempFile("facelite", name);
            try {
                Files.write(file, content);
                return new Opened(new Model(file));
            } finally {
                Files.delete(file);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private record Opened(Model model) implements org.facelite.Model {
        @Override
        public int getInputSize() {
            return model.inputSize();
        }

        @Override
        public Map<String, float[]> run(float[] input) {
            return model.run(input);
        }

        @Override
        public void close() {
            model.close();
        }
    }
}
