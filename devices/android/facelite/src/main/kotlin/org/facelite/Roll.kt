package org.facelite

/** What a probe is compared with: [vectors] of [subjects], each of so many templates of one subject as is in [sizes]. */
internal class Compared(val vectors: List<FloatArray>, val subjects: List<String>, val sizes: Set<Int>)

/** How a probe is compared: with what, and up to which distance. */
internal class Plan(private val compared: Compared, private val threshold: Threshold) {
    fun decide(look: Look, distance: Distance): Decision {
        val probe = look.embedding ?: return Decision.undecided(look, threshold)
        var nearest = 0
        var least = Double.POSITIVE_INFINITY
        for (i in compared.vectors.indices) {
            val apart = distance.between(probe.values, compared.vectors[i])
            if (apart < least) { // of equal ones the one enrolled first
                nearest = i
                least = apart
            }
        }
        return Decision.of(least, compared.subjects[nearest], threshold)
    }
}

/** The templates of a gallery at one moment, and how probes are compared with them (section 13 of the specification). Never changes. */
internal class Roll(val templates: List<Template>) {
    private val bySubject: Map<String, List<Template>> = templates.groupBy { it.subject }
    val artefacts: Set<String> = templates.mapTo(LinkedHashSet()) { it.artefact }
    private val everybody = arrayOfNulls<Compared>(MOST + 1) // by how many templates are compared as one; made when asked for, by whichever thread

    val subjects: Set<String> get() = bySubject.keys

    /**
     * For the comparison with [subject] at a [rate] at which others are taken for the subject; null: with everybody, at one at which strangers are
     * taken for anybody.
     */
    fun plan(subject: String?, rate: Double, manifest: Manifest): Plan {
        expectKnown(manifest)
        if (subject !in bySubject && (subject != null || bySubject.isEmpty())) {
            throw FaceliteException("expected ${subject ?: "somebody"} to be enrolled, got a gallery of ${bySubject.size} others; enrol first")
        }
        val thresholds = manifest.thresholds
        val own = artefacts.all { it == manifest.artefact }
        var vectors = 0
        for (most in if (own) thresholds.fused.asReversed() + 1 else listOf(1)) {
            val compared = if (subject == null) everybody(most) else compared(listOf(subject), most)
            val kinds = if (own) compared.sizes.mapTo(HashSet()) { thresholds.kind(it) } else artefacts
            vectors = compared.vectors.size
            val threshold = if (subject == null) thresholds.forGallery(vectors, rate, kinds) else thresholds.forSubject(vectors, rate, kinds)
            if (threshold != null) {
                return Plan(compared, threshold)
            }
        }
        throw Thresholds.notMeasured(vectors, rate)
    }

    /** Refuses templates of an embedder for which there are no thresholds. */
    fun expectKnown(manifest: Manifest) {
        val foreign = artefacts.firstOrNull { !manifest.knows(it) }
        if (foreign != null) {
            throw FaceliteException("expected templates of the embedder ${manifest.artefact}, got some of $foreign; enrol again")
        }
    }

    private fun everybody(most: Int): Compared = everybody[most] ?: compared(bySubject.keys, most).also { everybody[most] = it }

    private fun compared(subjects: Collection<String>, most: Int): Compared {
        val vectors = ArrayList<FloatArray>()
        val owners = ArrayList<String>()
        val sizes = HashSet<Int>()
        for (subject in subjects) {
            for (fused in fuse(bySubject.getValue(subject).map { it.values }, most)) {
                vectors.add(fused.vector)
                owners.add(subject)
                sizes.add(fused.size)
            }
        }
        return Compared(vectors, owners, sizes)
    }

    private companion object {
        const val MOST = 8 // that are compared as one
    }
}
