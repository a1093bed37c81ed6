package org.facelite

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.sqrt

/** How far two embeddings are apart: small is alike (section 12 of the specification). */
internal fun interface Distance {
    fun between(a: FloatArray, b: FloatArray): Double
}

/** From 0 to 4, without a square root. */
internal object SquaredL2 : Distance {
    override fun between(a: FloatArray, b: FloatArray): Double {
        var sum = 0.0
        for (i in a.indices) {
            val difference = a[i].toDouble() - b[i]
            sum += difference * difference
        }
        return sum
    }
}

/** The head of a bundle that decides by one: a weighed sum, of 0 or more. */
internal class Siamese(private val form: String, private val weights: DoubleArray) : Distance {
    init {
        val length = sqrt(weights.sumOf { it * it })
        if (form != ABSOLUTE && form != CHI_SQUARE || weights.none { it > 0 } || !(length <= 2 * (1 + 1e-6))) {
            throw FaceliteException(
                "head.json: expected the form $ABSOLUTE or $CHI_SQUARE, a weight above 0 and a length of at most 2, got $form of length $length; " +
                    "pack the assets again",
            )
        }
    }

    override fun between(a: FloatArray, b: FloatArray): Double {
        var sum = 0.0
        for (i in weights.indices) {
            val difference = abs(a[i].toDouble() - b[i])
            val part = if (form == ABSOLUTE) difference else difference * difference / (abs(a[i].toDouble()) + abs(b[i].toDouble()) + 1e-6)
            sum += weights[i] * part
        }
        return max(0.0, sum)
    }

    internal companion object {
        private const val ABSOLUTE = "absolute"
        private const val CHI_SQUARE = "chi-square"

        /** From the content of head.json; for embeddings of [size] numbers. */
        fun read(content: ByteArray, size: Int): Siamese = parsing("head.json") {
            val head = table(content)
            val weights = head.list("weights").numbers()
            expect(weights.size == size, "$size weights", weights.size)
            Siamese(head.text("form"), weights)
        }
    }
}
