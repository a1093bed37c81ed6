package facelite;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/**
 * A TFLite model with one input and one or more outputs, all float32, on the CPU.
 *
 * <pre>{@code
 * try (Model model = new Model(Path.of("embedder.tflite"))) {
 *     float[] first = model.run(input).values().iterator().next();
 * }
 * }</pre>
 *
 * <p>Check the file against the hash that you expect before you open it: LiteRT trusts what it reads, and half a model ends the process.
 * Threads take turns. What goes wrong is a {@link ModelException}.
 */
final class Model implements AutoCloseable {
    private static final int SIGNATURE = 0;

    private final LiteRt library;
    private final Deque<Runnable> owned = new ArrayDeque<>(); // what frees the handles that are ours, the last one made first
    private final Pointer environment;
    private final Pointer compiled;
    private final Tensor input;
    private final List<Tensor> outputs = new ArrayList<>(); // in the order of the signature

    /** A tensor of the signature and the buffer that holds its numbers. */
    private record Tensor(String name, int size, Pointer buffer) {}

    Model(Path file) {
        this(LiteRt.LIBRARY, file);
    }

    Model(LiteRt library, Path file) {
        this.library = library;
        try {
            environment = own("start LiteRT", made -> library.LiteRtCreateEnvironment(0, null, made), library::LiteRtDestroyEnvironment);
            String path = file.toString();
            Pointer model = own("read " + path, made -> library.LiteRtCreateModelFromFile(environment, path, made), library::LiteRtDestroyModel);
            Pointer options = own("make options", library::LiteRtCreateOptions, library::LiteRtDestroyOptions);
            check("choose the CPU", library.LiteRtSetOptionsHardwareAccelerators(options, LiteRt.CPU));
            ToIntFunction<PointerByReference> compile = made -> library.LiteRtCreateCompiledModel(environment, model, options, made);
            compiled = own("compile " + path, compile, library::LiteRtDestroyCompiledModel);
            Pointer signature = get("find the signature", found -> library.LiteRtGetModelSignature(model, SIGNATURE, found));
            long inputs = count("count the inputs", found -> library.LiteRtGetNumSignatureInputs(signature, found));
            if (inputs != 1) {
                throw new ModelException("expected a model with one input, got " + inputs);
            }
            input = input(signature);
            long count = count("count the outputs", found -> library.LiteRtGetNumSignatureOutputs(signature, found));
            for (long index = 0; index < count; index++) {
                outputs.add(output(signature, index));
            }
        } catch (RuntimeException error) {
            close();
            throw error;
        }
    }

    /** How many numbers the input has. */
    int inputSize() {
        return input.size();
    }

    /** The outputs for {@code values}, by their names and in the order of these. */
    synchronized SortedMap<String, float[]> run(float[] values) {
        if (owned.isEmpty()) {
            throw new IllegalStateException("expected an open model, got one that was closed");
        }
        if (values.length != input.size()) {
            throw new IllegalArgumentException("expected " + input.size() + " numbers, got " + values.length);
        }
        locked(input, LiteRt.WRITE, memory -> memory.write(0, values, 0, values.length));
        Pointer[] buffers = outputs.stream().map(Tensor::buffer).toArray(Pointer[]::new);
        check("run the model", library.LiteRtRunCompiledModel(compiled, SIGNATURE, 1, new Pointer[] {input.buffer()}, buffers.length, buffers));
        SortedMap<String, float[]> answers = new TreeMap<>();
        for (Tensor output : outputs) {
            locked(output, LiteRt.READ, memory -> answers.put(output.name(), memory.getFloatArray(0, output.size())));
        }
        return answers;
    }

    /** Frees all that the model holds; again does nothing. */
    @Override
    public synchronized void close() {
        while (!owned.isEmpty()) {
            owned.pop().run();
        }
    }

    private Tensor input(Pointer signature) {
        Pointer tensor = get("find the input", found -> library.LiteRtGetSignatureInputTensorByIndex(signature, 0, found));
        return tensor(tensor, found -> library.LiteRtGetCompiledModelInputBufferRequirements(compiled, SIGNATURE, 0, found));
    }

    private Tensor output(Pointer signature, long index) {
        Pointer tensor = get("find an output", found -> library.LiteRtGetSignatureOutputTensorByIndex(signature, index, found));
        return tensor(tensor, found -> library.LiteRtGetCompiledModelOutputBufferRequirements(compiled, SIGNATURE, index, found));
    }

    private Tensor tensor(Pointer tensor, ToIntFunction<PointerByReference> requirements) {
        LiteRt.RankedTensorType type = new LiteRt.RankedTensorType();
        check("read a tensor's shape", library.LiteRtGetRankedTensorType(tensor, type));
        if (type.elementType != LiteRt.FLOAT32) {
            throw new ModelException("expected float32 (element type " + LiteRt.FLOAT32 + ") in and out, got element type " + type.elementType);
        }
        int size = 1;
        for (int i = 0; i < (type.rank & 0x7f); i++) {
            if (type.dimensions[i] < 1) {
                throw new ModelException("expected a model of fixed shapes, got a dimension of " + type.dimensions[i]);
            }
            size *= type.dimensions[i];
        }
        String name = get("read a tensor's name", found -> library.LiteRtGetTensorName(tensor, found)).getString(0);
        Pointer needs = get("ask what " + name + " needs", requirements);
        ToIntFunction<PointerByReference> create =
                made -> library.LiteRtCreateManagedTensorBufferFromRequirements(environment, type, needs, made);
        Pointer buffer = own("make a buffer", create, library::LiteRtDestroyTensorBuffer);
        return new Tensor(name, size, buffer);
    }

    private void locked(Tensor tensor, int mode, Consumer<Pointer> use) {
        Pointer memory = get("lock a buffer", found -> library.LiteRtLockTensorBuffer(tensor.buffer(), found, mode));
        use.accept(memory);
        check("unlock a buffer", library.LiteRtUnlockTensorBuffer(tensor.buffer()));
    }

    private Pointer own(String what, ToIntFunction<PointerByReference> create, Consumer<Pointer> destroy) {
        Pointer handle = get(what, create);
        owned.push(() -> destroy.accept(handle));
        return handle;
    }

    private static Pointer get(String what, ToIntFunction<PointerByReference> call) {
        PointerByReference found = new PointerByReference();
        check(what, call.applyAsInt(found));
        return found.getValue();
    }

    private static long count(String what, ToIntFunction<LongByReference> call) {
        LongByReference found = new LongByReference();
        check(what, call.applyAsInt(found));
        return found.getValue();
    }

    private static void check(String what, int status) {
        if (status != 0) {
            throw new ModelException("could not " + what + ": LiteRT status " + status + ", " + words(status));
        }
    }

    private static String words(int status) {
        return switch (status) {
            case 1 -> "invalid argument";
            case 2 -> "no memory";
            case 3 -> "runtime failure";
            case 5 -> "unsupported";
            case 6 -> "not found";
            case 500 -> "the file cannot be read";
            case 501 -> "not a TFLite file";
            case 504 -> "it cannot be compiled";
            default -> "see LiteRT's litert_common.h";
        };
    }
}
