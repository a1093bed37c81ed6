// Source: https://github.com/google-ai-edge/LiteRT, litert/kotlin/src/copied_from_tflite/java/org/tensorflow/lite/DataType.java
package org.tensorflow.lite;

public enum DataType {
    FLOAT32,
    INT8
}
