package org.facelite

import kotlin.math.exp

/** A square of a frame; [x] and [y] are its left and upper edge, counted from the frame's edge. It may reach beyond the frame. */
internal class View(val x: Double, val y: Double, val side: Double)

/** What looks at a [View], after so many quarter turns to the left, for faces of a score of `minScore` or more; in pixels of the frame. */
internal fun interface Eye {
    fun look(picture: Pyramid, view: View, minScore: Double, turns: Int): List<Face>
}

/**
 * One look of the detector BlazeFace short range (section 5 of the specification).
 *
 * Source: Bazarevsky et al., arXiv:1907.05047; the file is MediaPipe's. Belongs to one thread at a time.
 */
internal class BlazeFace(private val model: Model) : Eye {
    private val pixels = ByteArray(3 * SIDE * SIDE)
    private val input = FloatArray(3 * SIDE * SIDE)

    init {
        expectInput(model, input.size, "detector")
    }

    override fun look(picture: Pyramid, view: View, minScore: Double, turns: Int): List<Face> {
        val outputs = model.run(see(picture, view, turns)).values
        val logits = outputs.firstOrNull { it.size == ANCHORS }
        val regressors = outputs.firstOrNull { it.size == ANCHORS * NUMBERS }
        if (outputs.size != 2 || logits == null || regressors == null) {
            val sizes = outputs.map { it.size }
            throw FaceliteException("expected a detector that gives $ANCHORS and ${ANCHORS * NUMBERS} numbers, got $sizes; pack the assets again")
        }
        return facesOf(logits, regressors, minScore, view, turns)
    }

    /** The model's input; overwritten by the next one. */
    fun see(picture: Pyramid, view: View, turns: Int): FloatArray {
        val s = SIDE / view.side
        sample(picture, Affine(s, 0.0, s * (0.5 - view.x) - 0.5, 0.0, s, s * (0.5 - view.y) - 0.5), SIDE, SIDE, pixels)
        val place = TURNED[turns]
        var from = 0
        for (row in 0 until SIDE) {
            var to = place.start + row * place.down
            for (column in 0 until SIDE) {
                input[to] = LEVELS[pixels[from++].toInt() and 0xff]
                input[to + 1] = LEVELS[pixels[from++].toInt() and 0xff]
                input[to + 2] = LEVELS[pixels[from++].toInt() and 0xff]
                to += place.right
            }
        }
        return input
    }

    internal companion object {
        const val SIDE = 128
        const val ANCHORS = 896
        const val NUMBERS = 16 // of each anchor: box centre, box size, six keypoints
        val LEVELS = FloatArray(256) { it / 127.5f - 1 }
        val TURNED = List(4) { Placement(SIDE, SIDE, (360 - 90 * it) % 360, mirrored = false) } // by so many quarters to the left

        /** The faces of one look from the model's outputs, in pixels of the frame, in the order in which they were merged. */
        fun facesOf(logits: FloatArray, regressors: FloatArray, minScore: Double, view: View, turns: Int): List<Face> {
            val found = decode(logits, regressors, minScore).map { turnedBack(it, turns) }
            return merge(found).map { inFrame(it, view) }
        }

        /** The kept anchors in their order, in shares of the input's side. */
        fun decode(logits: FloatArray, regressors: FloatArray, minScore: Double): List<Face> {
            val kept = ArrayList<Face>()
            for (anchor in 0 until ANCHORS) {
                expectFinite(logits, anchor, 1)
                val score = 1 / (1 + exp(-logits[anchor].toDouble().coerceIn(-80.0, 80.0)))
                val at = NUMBERS * anchor
                if (score >= minScore && regressors[at + 2] > 0 && regressors[at + 3] > 0) {
                    expectFinite(regressors, at, NUMBERS)
                    kept.add(decode(regressors, at, CENTRES[2 * anchor], CENTRES[2 * anchor + 1], score))
                }
            }
            return kept
        }

        private fun expectFinite(values: FloatArray, from: Int, size: Int) {
            for (at in from until from + size) {
                if (!values[at].isFinite()) {
                    throw FaceliteException("expected finite numbers of the detector, got ${values[at]}; use another runtime, or the CPU")
                }
            }
        }

        private fun decode(r: FloatArray, at: Int, centreX: Double, centreY: Double, score: Double): Face {
            val width = r[at + 2].toDouble() / SIDE
            val height = r[at + 3].toDouble() / SIDE
            val points = DoubleArray(2 * Face.KEYPOINTS) { (if (it % 2 == 0) centreX else centreY) + r[at + 4 + it].toDouble() / SIDE }
            val x = centreX + r[at].toDouble() / SIDE - width / 2
            val y = centreY + r[at + 1].toDouble() / SIDE - height / 2
            return Face(x, y, width, height, score, points)
        }

        /** As the face lay before [turns] quarter turns to the left: each took (1 - y, x) to (x, y). */
        private fun turnedBack(face: Face, turns: Int): Face {
            var turned = face
            repeat(turns) {
                val one = turned
                val points = DoubleArray(one.points.size) { if (it % 2 == 0) 1 - one.points[it + 1] else one.points[it - 1] }
                turned = Face(1 - one.y - one.height, one.x, one.height, one.width, one.score, points)
            }
            return turned
        }

        /** Anchors that see one face become one face, their numbers averaged by score. */
        private fun merge(found: List<Face>): List<Face> {
            val faces = ArrayList<Face>()
            var left = found.sortedWith(Face.BY_SCORE)
            while (left.isNotEmpty()) {
                val first = left[0]
                val (group, others) = left.partition { it === first || first.overlap(it) > Face.SAME }
                faces.add(mean(group))
                left = others
            }
            return faces
        }

        /** The mean weighed by score, with the score of the first. */
        private fun mean(group: List<Face>): Face {
            val points = DoubleArray(2 * Face.KEYPOINTS)
            var x = 0.0
            var y = 0.0
            var width = 0.0
            var height = 0.0
            var sum = 0.0
            for (face in group) {
                sum += face.score
            }
            for (face in group) {
                val weight = face.score / sum
                x += weight * face.x
                y += weight * face.y
                width += weight * face.width
                height += weight * face.height
                for (i in points.indices) {
                    points[i] += weight * face.points[i]
                }
            }
            return Face(x, y, width, height, group[0].score, points)
        }

        private fun inFrame(face: Face, view: View): Face {
            val x = view.x - 0.5
            val y = view.y - 0.5
            val points = DoubleArray(face.points.size) { face.points[it] * view.side + if (it % 2 == 0) x else y }
            return Face(face.x * view.side + x, face.y * view.side + y, face.width * view.side, face.height * view.side, face.score, points)
        }

        /** x, y of each anchor's centre: two on each cell of 16 x 16, six on each of 8 x 8. */
        private val CENTRES = DoubleArray(2 * ANCHORS).also { centres ->
            var at = 0
            for ((cells, anchors) in listOf(16 to 2, 8 to 6)) {
                for (cell in 0 until cells * cells) {
                    repeat(anchors) {
                        centres[at++] = (cell % cells + 0.5) / cells
                        centres[at++] = (cell / cells + 0.5) / cells
                    }
                }
            }
        }
    }
}
