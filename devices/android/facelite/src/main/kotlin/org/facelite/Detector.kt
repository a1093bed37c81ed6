package org.facelite

import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min

/** Finds the faces of a frame by looks of an [eye] (section 6 of the specification). Belongs to one thread at a time. */
internal class Detector(private val eye: Eye) {
    /** All faces, the best score first. */
    fun detect(picture: Pyramid): List<Face> {
        var faces = emptyList<Face>()
        for (pass in passes(picture.width, picture.height)) {
            if (pass.border && faces.isNotEmpty()) {
                continue
            }
            val found = suppress(pass.views.flatMap { eye.look(picture, it, MIN_SCORE, 0) })
            faces = suppress(faces + found.mapNotNull { lookAgain(picture, it, pass) })
            val reliable = RELIABLE * pass.side
            val enough = pass.tiles || !largeTiles(picture.width, picture.height) || faces.any { SMALLER * it.size >= reliable }
            if (enough && faces.isNotEmpty() && faces.all { it.size >= reliable }) {
                break
            }
        }
        return faces
    }

    /** [face] with the box, keypoints and score of the quarter turn that shows it best. */
    fun upright(picture: Pyramid, face: Face): Face {
        if (face.score >= UPRIGHT) {
            return face
        }
        var best = face
        for (turns in 1..3) {
            for (found in eye.look(picture, around(face), face.score + UPRIGHT_LEAD, turns)) {
                if (found.score > best.score && found.overlap(face) >= Face.SAME) {
                    best = found
                }
            }
        }
        return best
    }

    /** [face] as a view of its own shows it, with as much around it; null where that shows no face there and it was not sure. */
    private fun lookAgain(picture: Pyramid, face: Face, pass: Pass): Face? {
        val sure = !pass.tiles && face.size >= LARGE * pass.side && face.score >= SURE
        if (sure && face.size <= FILLING * pass.side) {
            return face
        }
        val again = eye.look(picture, around(face), if (pass.tiles) CONFIRMED_IN_TILE else CONFIRMED, 0)
        return Face.nearest(again, face)?.let { it.scored(max(it.score, face.score)) } ?: face.takeIf { sure }
    }

    private fun around(face: Face): View =
        View(face.x + face.width / 2 + 0.5 - face.size, face.y + face.height / 2 + 0.5 - face.size, 2 * face.size)

    private fun suppress(found: List<Face>): List<Face> {
        val kept = ArrayList<Face>()
        for (face in found.sortedWith(Face.BY_SCORE)) {
            if (kept.all { face.overlap(it) <= Face.SAME }) {
                kept.add(face)
            }
        }
        return kept
    }

    /** Views of one [side]; [border]: the frame with a border, which helps only where it shows nothing. */
    private class Pass(val side: Double, val views: List<View>, val border: Boolean = false, val tiles: Boolean = false)

    private companion object {
        const val MIN_SCORE = 0.5
        const val RELIABLE = 0.12 // share of its view from which few faces are missed
        const val SMALLER = 0.5 // share of the largest face from which others are looked for in the largest tiles, too
        const val LARGE = 0.35 // share of its view and
        const val SURE = 0.65 // score below which a face of the whole frame is looked at again
        const val FILLING = 0.65 // share of its view above which it is, too
        const val CONFIRMED = 0.55
        const val CONFIRMED_IN_TILE = 0.7
        const val UPRIGHT = 0.85
        const val UPRIGHT_LEAD = 0.05
        val TILES = doubleArrayOf(1.0, 0.5, 0.25)

        /** Of a frame of [width] x [height]: whole, with a border, then tiles of shrinking side; each made when it is needed. */
        fun passes(width: Int, height: Int): Sequence<Pass> = sequence {
            val longer = max(width, height).toDouble()
            val shorter = min(width, height).toDouble()
            yield(Pass(longer, listOf(whole(width, height, longer))))
            yield(Pass(1.6 * longer, listOf(whole(width, height, 1.6 * longer)), border = true))
            for (share in TILES) {
                val side = share * shorter
                if (side >= BlazeFace.SIDE && (share < 1 || largeTiles(width, height))) {
                    yield(Pass(side, tiles(width, height, side), tiles = true))
                }
            }
        }

        /** Whether tiles of the frame's shorter side show it otherwise than the whole frame does. */
        fun largeTiles(width: Int, height: Int): Boolean = max(width, height) >= 1.2 * min(width, height)

        fun whole(width: Int, height: Int, side: Double): View = View((width - side) / 2, (height - side) / 2, side)

        fun tiles(width: Int, height: Int, side: Double): List<View> {
            val columns = places(width, side)
            return places(height, side).flatMap { y -> columns.map { x -> View(x, y, side) } }
        }

        fun places(extent: Int, side: Double): List<Double> {
            val last = ceil((extent - side) / (side / 2)).toInt()
            return if (last == 0) listOf(0.0) else List(last + 1) { it * (extent - side) / last }
        }
    }
}
