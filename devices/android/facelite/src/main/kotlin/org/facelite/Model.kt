package org.facelite

import java.io.IOException

/** A TFLite model with one input, all float32. */
public interface Model : AutoCloseable {
    /** How many numbers the input has. */
    public val inputSize: Int

    /**
     * The outputs for [input], by their names.
     *
     * They belong to the model and are overwritten by the next run. Threads take turns: Facelite never runs a model from two at once.
     */
    public fun run(input: FloatArray): Map<String, FloatArray>
}

/** What opens models: the interpreter of a platform. */
public fun interface Models {
    /** The model in [content], the bytes of the file [name]. What it throws is passed on by [Facelite.open]. */
    public fun open(name: String, content: ByteArray): Model
}

/** The files of the packed folder. */
public fun interface Assets {
    /**
     * The content of the file [name].
     *
     * @throws IOException where there is none.
     */
    @Throws(IOException::class)
    public fun read(name: String): ByteArray
}

internal fun expectInput(model: Model, size: Int, what: String) {
    if (model.inputSize != size) {
        throw FaceliteException("expected the $what to have an input of $size numbers, got ${model.inputSize}; pack the assets again")
    }
}
