// Source: https://github.com/google-ai-edge/LiteRT, litert/kotlin/src/copied_from_tflite/java/org/tensorflow/lite/Tensor.java
package org.tensorflow.lite;

public interface Tensor {
    DataType dataType();

    int numElements();

    String name();
}
