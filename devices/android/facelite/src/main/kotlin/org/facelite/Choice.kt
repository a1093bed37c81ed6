package org.facelite

import kotlin.math.hypot

/** Which face of a frame is meant. Whoever deploys chooses it. */
public enum class Rule {
    /** The one face; two or more give [Outcome.SEVERAL_FACES]. For enrolling, and for doors. */
    ONLY,

    /** The face nearest to the frame's middle. */
    CENTRE,

    /** The largest face. */
    LARGEST,
}

/** Of [faces], of which there is at least one, the one that [rule] means in a frame of [width] x [height]; null where there are several. */
internal fun choose(faces: List<Face>, rule: Rule, width: Int, height: Int): Face? = when (rule) {
    Rule.ONLY -> faces.singleOrNull()
    Rule.CENTRE -> faces.minBy { hypot(it.x + it.width / 2 - (width - 1) / 2.0, it.y + it.height / 2 - (height - 1) / 2.0) }
    Rule.LARGEST -> faces.maxBy { it.size }
}
