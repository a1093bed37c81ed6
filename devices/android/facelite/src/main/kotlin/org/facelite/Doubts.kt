package org.facelite

import java.util.Locale

/**
 * Why a picture that was to be enrolled may not be one of its subject.
 *
 * @property kind what is doubtful about it.
 * @property distance of an outlier to the nearest of the subject's pictures and templates in another group; of a double to somebody else's template.
 * @property limit an outlier is beyond it, a double within.
 * @property other whom a double is like; null of an outlier.
 * @property detail what was expected, what came and what to do about it, in English: translate by [kind].
 */
public class Doubt internal constructor(
    public val kind: Kind,
    public val distance: Double,
    public val limit: Double,
    public val other: String?,
    public val detail: String,
) {
    override fun toString(): String = detail

    /** What may be doubtful. */
    public enum class Kind {
        /** It is far from the group of the subject's other pictures and templates. */
        OUTLIER,

        /** It is like somebody who is enrolled under another name. */
        DOUBLE,
    }
}

/** By which embeddings are found doubtful that are to become templates of [subject] in the gallery of [roll] (section 14 of the specification). */
internal class Doubts(private val subject: String, roll: Roll, manifest: Manifest, private val distance: Distance) {
    private val own: List<FloatArray>
    private val others: List<Template>
    private val farthest = manifest.thresholds.loosest
    private val nearest: Double

    init {
        val (own, others) = roll.templates.partition { it.subject == subject }
        this.own = own.map { it.values }
        this.others = others
        nearest = manifest.thresholds.forNewcomer(others.size, roll.artefacts)
    }

    /** The doubtful ones by place. */
    fun about(embeddings: List<Embedding>): Map<Int, Doubt> {
        val vectors = embeddings.map { it.values } + own
        val groups = linked(vectors)
        val right = right(groups, embeddings.size)
        val found = LinkedHashMap<Int, Doubt>()
        for (place in embeddings.indices) {
            val doubt = double(vectors[place]) ?: if (groups[place] in right) null else outlier(vectors, groups, place)
            doubt?.let { found[place] = it }
        }
        return found
    }

    /** The number of each vector's group: of those that are linked, one to the next. */
    private fun linked(vectors: List<FloatArray>): IntArray {
        val groups = IntArray(vectors.size) { it }
        for (i in vectors.indices) {
            for (j in 0 until i) {
                val its = groups[j]
                if (groups[i] != its && distance.between(vectors[i], vectors[j]) <= farthest) {
                    groups.indices.filter { groups[it] == its }.forEach { groups[it] = groups[i] }
                }
            }
        }
        return groups
    }

    /** The groups with templates, which follow the first [pictures]; where there are none the largest, if no other is as large. */
    private fun right(groups: IntArray, pictures: Int): Set<Int> {
        if (groups.size > pictures) {
            return groups.drop(pictures).toSet()
        }
        val sizes = groups.toList().groupingBy { it }.eachCount()
        val largest = sizes.filterValues { it == sizes.values.max() }.keys
        return if (largest.size == 1) largest else emptySet()
    }

    private fun outlier(vectors: List<FloatArray>, groups: IntArray, place: Int): Doubt {
        val apart = vectors.indices.filter { groups[it] != groups[place] }.minOf { distance.between(vectors[place], vectors[it]) }
        val said = "expected a distance of %.2f or less to the other pictures of %s, got %.2f; is it the same person? leave it out, or enrol anyway"
        return Doubt(Doubt.Kind.OUTLIER, apart, farthest, null, said.with(farthest, subject, apart))
    }

    private fun double(vector: FloatArray): Doubt? {
        val other = others.minByOrNull { distance.between(vector, it.values) } ?: return null
        val apart = distance.between(vector, other.values)
        val said = "expected nobody who is enrolled already, got %s at a distance of %.2f (threshold %.2f); is it the same person? if not, enrol anyway"
        return if (apart <= nearest) Doubt(Doubt.Kind.DOUBLE, apart, nearest, other.subject, said.with(other.subject, apart, nearest)) else null
    }

    private fun String.with(vararg values: Any): String = String.format(Locale.ROOT, this, *values)
}
