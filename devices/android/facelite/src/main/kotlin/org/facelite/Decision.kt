package org.facelite

/**
 * The answer of a comparison, with its evidence.
 *
 * Where [outcome] is neither [Outcome.ACCEPTED] nor [Outcome.REJECTED] nothing was decided: there was nothing to compare. Ask for another frame;
 * do not count it as a failed attempt.
 *
 * @property subject who was accepted; null where nobody was, and for two pictures.
 * @property distance of what was nearest, from 0 (alike); null where nothing was decided.
 * @property threshold up to which a distance is accepted.
 * @property detail why nothing was decided, as in [Look.detail]; empty otherwise.
 */
public class Decision internal constructor(
    public val outcome: Outcome,
    public val subject: String?,
    public val distance: Double?,
    public val threshold: Threshold,
    public val detail: String,
) {
    /** Whether the face was accepted. False is not yet a rejection: see [outcome]. */
    public val accepted: Boolean get() = outcome == Outcome.ACCEPTED

    override fun toString(): String = "Decision($outcome, subject=$subject, distance=$distance, threshold=${threshold.distance})"

    internal companion object {
        fun undecided(look: Look, threshold: Threshold): Decision =
            Decision(checkNotNull(look.outcome), null, null, threshold, look.detail)

        /** By [distance]; [subject] is whose it is, null for two pictures. */
        fun of(distance: Double, subject: String?, threshold: Threshold): Decision {
            val accepted = distance <= threshold.distance
            return Decision(if (accepted) Outcome.ACCEPTED else Outcome.REJECTED, subject.takeIf { accepted }, distance, threshold, "")
        }
    }
}

/**
 * What became of an enrolment: all of its pictures were added, or none.
 *
 * @property looks one for each picture, in their order; those with an outcome say why nothing was added.
 * @property doubts about pictures, by their place in that order; where there is one, nothing was added.
 * @property added how many templates the gallery has got; a picture that it had already is not added again.
 */
public class Enrolment internal constructor(public val looks: List<Look>, public val doubts: Map<Int, Doubt>, public val added: Int) {
    /** Whether every picture was good enough and beyond doubt, and all are in the gallery now. */
    public val complete: Boolean get() = doubts.isEmpty() && looks.all { it.outcome == null }
}
