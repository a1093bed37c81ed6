package org.facelite

/** What several templates of one subject are compared as: the [vector] of unit length, and how many are in it. */
internal class Fused(val vector: FloatArray, val size: Int)

/** The vectors of one subject in as few groups of up to [most] as can be, one behind the other; those in front may be larger by one. */
internal fun fuse(vectors: List<FloatArray>, most: Int): List<Fused> {
    val groups = (vectors.size + most - 1) / most
    val least = vectors.size / groups
    val larger = vectors.size % groups
    var from = 0
    return List(groups) { group ->
        val size = if (group < larger) least + 1 else least
        from += size
        Fused(mean(vectors.subList(from - size, from)), size)
    }
}

private fun mean(vectors: List<FloatArray>): FloatArray {
    if (vectors.size == 1) {
        return vectors[0]
    }
    val sums = DoubleArray(vectors[0].size)
    for (vector in vectors) {
        for (i in sums.indices) {
            sums[i] += vector[i].toDouble()
        }
    }
    return Embedder.unit(FloatArray(sums.size) { (sums[it] / vectors.size).toFloat() }, "the templates are of different people: enrol again")
}
