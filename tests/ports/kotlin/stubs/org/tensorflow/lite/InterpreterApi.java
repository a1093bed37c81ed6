// Source: https://github.com/google-ai-edge/LiteRT, litert/kotlin/src/copied_from_tflite/java/org/tensorflow/lite/InterpreterApi.java
package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.function.Function;

public interface InterpreterApi extends AutoCloseable {
    class Options {
        public Options() {}

        public Options setNumThreads(int numThreads) {
            return this;
        }
    }

    /** What runs models in tests; LiteRT has no such thing. */
    final class Runtime {
        public static Function<ByteBuffer, InterpreterApi> create;
    }

    static InterpreterApi create(ByteBuffer byteBuffer, Options options) {
        return Runtime.create.apply(byteBuffer);
    }

    void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs);

    int getInputTensorCount();

    Tensor getInputTensor(int inputIndex);

    int getOutputTensorCount();

    Tensor getOutputTensor(int outputIndex);

    @Override
    void close();
}
