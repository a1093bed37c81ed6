package org.facelite

import java.util.Collections

/**
 * A stored embedding of a subject.
 *
 * @property artefact sha256 of the embedder that made it.
 * @property enrolledAt milliseconds since 1970, UTC.
 */
public class Template internal constructor(
    public val subject: String,
    public val artefact: String,
    public val enrolledAt: Long,
    internal val values: FloatArray,
) {
    /** A copy of the vector, of unit length. */
    public fun vector(): FloatArray = values.clone()
}

/**
 * The templates of enrolled people, in memory: biometric data. Stored only by [save], sealed.
 *
 * Every thread may use it; a comparison that has begun sees the gallery as it was then.
 *
 * @property space the embedding space of all templates: [Manifest.space].
 */
public class Gallery private constructor(public val space: String, @Volatile private var state: Roll) {
    /** An empty gallery. */
    public constructor(space: String) : this(space, Roll(emptyList()))

    internal val roll: Roll get() = state

    /** How many templates there are. */
    public val size: Int get() = state.templates.size

    /** Whoever is enrolled, in the order of their first enrolment. */
    public val subjects: List<String> get() = state.subjects.toList()

    /** In the order of enrolment. */
    public val templates: List<Template> get() = Collections.unmodifiableList(state.templates)

    /**
     * Adds a template for each of [embeddings] that [subject] does not have already, and gives how many these are.
     *
     * @throws IllegalArgumentException for a name that is blank or has characters that cannot be printed.
     * @throws FaceliteException for embeddings of another space.
     */
    @Synchronized
    public fun add(subject: String, embeddings: List<Embedding>): Int {
        require(isName(subject)) { "expected a subject's name, got a blank one or characters that cannot be printed" }
        val now = System.currentTimeMillis()
        val templates = state.templates.toMutableList()
        for (embedding in embeddings) {
            expectSpace(embedding.space)
            if (templates.none { it.subject == subject && SquaredL2.between(it.values, embedding.values) < SAME }) {
                templates.add(Template(subject, embedding.artefact, now, embedding.values))
            }
        }
        val added = templates.size - size
        state = Roll(templates)
        return added
    }

    /** Removes all templates of [subject] and gives how many there were. What was saved before still has them: save again. */
    @Synchronized
    public fun remove(subject: String): Int {
        val templates = state.templates.filter { it.subject != subject }
        val removed = size - templates.size
        state = Roll(templates)
        return removed
    }

    /** All templates, sealed by [vault]. */
    public fun save(vault: Vault): ByteArray = vault.seal(writeGallery(space, state.templates))

    internal fun expectSpace(other: String) {
        if (other != space) {
            throw FaceliteException("expected embeddings of the space $space, got those of $other; use the bundle that the gallery was made with")
        }
    }

    public companion object {
        private const val SAME = 1e-4 // squared L2 below which two embeddings are of one picture

        /**
         * What [save] gave for [bytes], opened by [vault].
         *
         * @throws FaceliteException for a gallery that [vault] does not open, of another space, or with templates that the bundle of [manifest]
         * has no thresholds for.
         */
        @JvmStatic
        public fun load(bytes: ByteArray, vault: Vault, manifest: Manifest): Gallery {
            val (space, templates) = readGallery(vault.open(bytes), manifest.embedding)
            val gallery = Gallery(space, Roll(templates))
            gallery.expectSpace(manifest.space)
            gallery.state.expectKnown(manifest)
            return gallery
        }
    }
}

/** Whether somebody may be enrolled as [subject]: not blank, printable characters only, and those that names need besides. */
internal fun isName(subject: String): Boolean {
    var at = 0
    while (at < subject.length) {
        val character = subject.codePointAt(at)
        if (Character.getType(character).toByte() in UNPRINTABLE && character !in IN_NAMES) {
            return false
        }
        at += Character.charCount(character)
    }
    return subject.isNotBlank()
}

/** Whether a stored gallery may have [subject]: what is printable grows with Unicode, and whoever enrolled may know more of it. */
internal fun isStoredName(subject: String): Boolean = subject.isNotBlank() && subject.none { it.isISOControl() }

private val IN_NAMES = intArrayOf(' '.code, 0x200C, 0x200D, 0x3000) // joiners of Persian and Sinhala, the wide space of Japanese

private val UNPRINTABLE = byteArrayOf(
    Character.CONTROL,
    Character.FORMAT,
    Character.SURROGATE,
    Character.PRIVATE_USE,
    Character.UNASSIGNED,
    Character.LINE_SEPARATOR,
    Character.PARAGRAPH_SEPARATOR,
    Character.SPACE_SEPARATOR,
)
