package org.facelite

import kotlin.math.abs
import kotlin.math.hypot

/** What the exporting machine made of a drawn face: [landmarks] (x, y of four), the [crop] that is aligned by them, its [embedding]. */
internal class Golden(val frame: Frame, val landmarks: DoubleArray, val crop: Frame, val embedding: FloatArray) {
    /** From the mouth to the middle of the eyes, in pixels. */
    val unit: Double = hypot(landmarks[6] - (landmarks[0] + landmarks[2]) / 2, landmarks[7] - (landmarks[1] + landmarks[3]) / 2)

    internal companion object {
        /** From golden.json and, for the pictures, golden.bin. */
        fun read(list: ByteArray, pictures: ByteArray): List<Golden> = parsing("golden.json") {
            items(list).tables().map { one ->
                val landmarks = one.list("landmarks").lists().flatMap { it.numbers().asList() }.toDoubleArray()
                val embedding = one.list("embedding").numbers()
                expect(landmarks.size == 8, "four landmarks", landmarks.size / 2)
                Golden(
                    picture(one.table("frame"), pictures),
                    landmarks,
                    picture(one.table("crop"), pictures),
                    FloatArray(embedding.size) { embedding[it].toFloat() },
                )
            }
        }

        private fun picture(array: Table, pictures: ByteArray): Frame {
            val shape = array.list("shape").ints()
            val at = array.int("at")
            expect(shape.size == 3 && shape.all { it in 1..4096 } && shape[2] == 3, "pictures (height, width, 3)", shape.asList())
            val size = 3 * shape[0] * shape[1]
            expect(at >= 0 && at <= pictures.size - size, "$size bytes at $at of golden.bin", pictures.size)
            return Frame(shape[1], shape[0], pictures.copyOfRange(at, at + size))
        }
    }
}

private const val LANDMARKS = 0.02 // of the distance from the mouth to the eyes
private const val PIXELS = 2.0 // of 255, on average
private const val EMBEDDINGS = 0.02 // squared L2
private const val REMEDY = "the runtime computes something else, or the files are of different exports: pack the assets again, or use the CPU"

/** That this device makes of the golden frames what the exporting machine made of them (section 15 of the specification). */
internal fun selfTest(goldens: List<Golden>, pipeline: Pipeline) {
    if (goldens.size < 2) {
        throw FaceliteException("golden.json: expected two golden vectors or more, got ${goldens.size}; pack the assets again")
    }
    for (golden in goldens) {
        val found = pipeline.detect(golden.frame)
        expectNear("landmarks", LANDMARKS, found.minOfOrNull { landmarkError(it, golden) } ?: Double.POSITIVE_INFINITY)
        expectNear("pixels of the crop", PIXELS, cropError(pipeline.crop(golden.frame, golden.landmarks), golden))
        expectNear("embeddings", EMBEDDINGS, embeddingError(pipeline.embed(golden.crop.pixels), golden))
    }
}

private fun expectNear(what: String, limit: Double, apart: Double) {
    if (!(apart <= limit)) { // also where it is not a number
        throw FaceliteException("self-test: expected $what at most $limit apart, got $apart; $REMEDY")
    }
}

/** The largest of the 8 differences, as a share of the unit. */
private fun landmarkError(face: Face, golden: Golden): Double =
    golden.landmarks.indices.maxOf { abs(face.points[it] - golden.landmarks[it]) } / golden.unit

private fun cropError(crop: ByteArray, golden: Golden): Double {
    val expected = golden.crop.pixels
    if (crop.size != expected.size) {
        return Double.POSITIVE_INFINITY
    }
    var sum = 0L
    for (i in crop.indices) {
        sum += abs((crop[i].toInt() and 0xff) - (expected[i].toInt() and 0xff))
    }
    return sum.toDouble() / crop.size
}

private fun embeddingError(vector: FloatArray, golden: Golden): Double =
    if (vector.size == golden.embedding.size) SquaredL2.between(vector, golden.embedding) else Double.POSITIVE_INFINITY
