package org.facelite

import kotlin.math.sqrt

/** A crop -> the embedder's output -> an embedding (sections 10 and 11 of the specification). Belongs to one thread at a time. */
internal class Embedder(private val model: Model, private val preprocessing: Preprocessing, private val size: Int) {
    private val input = FloatArray(3 * preprocessing.height * preprocessing.width)
    private val levels = FloatArray(256) { (it - preprocessing.mean.toFloat()) / preprocessing.std.toFloat() }

    init {
        expectInput(model, input.size, "embedder")
    }

    /** The output of the network for a crop, [size] numbers, not of unit length; the model's own. */
    fun output(crop: ByteArray): FloatArray {
        val output = model.run(input(crop)).values.singleOrNull()
        if (output?.size != size) {
            throw FaceliteException("expected an embedder with one output of $size numbers, got ${output?.size}; pack the assets again")
        }
        return output
    }

    /** What the network is given for a crop; overwritten by the next one. */
    fun input(crop: ByteArray): FloatArray {
        val first = if (preprocessing.bgr) 2 else 0
        for (at in input.indices step 3) {
            input[at] = levels[crop[at + first].toInt() and 0xff]
            input[at + 1] = levels[crop[at + 1].toInt() and 0xff]
            input[at + 2] = levels[crop[at + 2 - first].toInt() and 0xff]
        }
        return input
    }

    internal companion object {
        /** A copy of [values] of length 1. */
        fun unit(values: FloatArray, remedy: String = "use another runtime, or the CPU"): FloatArray {
            val length = length(values)
            if (!(length >= 1e-6 && length < Double.POSITIVE_INFINITY)) { // also where it is not a number
                throw FaceliteException("expected a vector with a direction, got one of length $length; $remedy")
            }
            return FloatArray(values.size) { (values[it] / length).toFloat() }
        }

        fun length(values: FloatArray): Double {
            var sum = 0.0
            for (value in values) {
                sum += value.toDouble() * value
            }
            return sqrt(sum)
        }
    }
}
