package org.facelite

/** What [Facelite] compares: a [Frame] that is still to be looked at, or a [Look] at one that was. */
public sealed interface Picture

/**
 * What was seen in a frame.
 *
 * @property outcome why there is nothing to compare; null: the face is good enough, and [embedding] is there.
 * @property detail what was expected, what came and what to do about it, in English; empty for a face that is good enough.
 * @property face the face that was meant, in pixels of the frame; null where there was none, or several.
 * @property embedding what the face is compared by; null unless [outcome] is.
 */
public class Look internal constructor(
    public val outcome: Outcome?,
    public val detail: String,
    public val face: Face?,
    public val embedding: Embedding?,
) : Picture {
    override fun toString(): String = "Look(${outcome ?: "good enough"})"
}

/**
 * A face as numbers: personal data. Compared only with embeddings of the same [space].
 *
 * @property space the embedding space, from the manifest.
 * @property artefact sha256 of the embedder that made it.
 */
public class Embedding internal constructor(public val space: String, public val artefact: String, internal val values: FloatArray) {
    /** A copy of the vector, of unit length. */
    public fun vector(): FloatArray = values.clone()
}
