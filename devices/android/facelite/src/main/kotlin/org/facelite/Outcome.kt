package org.facelite

/**
 * What became of a frame or of a comparison.
 *
 * Only [ACCEPTED] and [REJECTED] answer the question whether it is the same person. All others mean that nothing was decided: the frame did not
 * serve, and the person can be told what to change.
 */
public enum class Outcome(private val words: String) {
    ACCEPTED("accepted"),
    REJECTED("rejected"),
    NO_FACE("no face"),
    SEVERAL_FACES("several faces"),
    TOO_SMALL("too small"),
    CUT_OFF("cut off"),
    TOO_DARK("too dark"),
    TOO_BRIGHT("too bright"),
    BLURRED("blurred"),
    TURNED_AWAY("turned away"),
    UNCLEAR("unclear"),
    ;

    /** Whether this is an answer: accepted or rejected. */
    public val decided: Boolean get() = this == ACCEPTED || this == REJECTED

    /** The specification's words, in small letters. */
    override fun toString(): String = words
}
