package org.facelite

/** From a frame to an embedding, by the models of a bundle. Its memory is used again from frame to frame: belongs to one thread at a time. */
internal class Pipeline(private val manifest: Manifest, private val detectorModel: Model, private val embedderModel: Model) : AutoCloseable {
    private val picture = Pyramid()
    private val detector = Detector(BlazeFace(detectorModel))
    private val alignment = Alignment(manifest.preprocessing.width, manifest.preprocessing.height)
    private val quality = Quality(manifest.limits, alignment)
    private val embedder = Embedder(embedderModel, manifest.preprocessing, manifest.embedding)
    private val crop = ByteArray(3 * alignment.width * alignment.height)

    fun look(frame: Frame, rule: Rule): Look = showing(frame) {
        val faces = detector.detect(picture)
        if (faces.isEmpty()) {
            return Look(Outcome.NO_FACE, "expected a face, got none; face the camera, nearer and in good light", null, null)
        }
        val chosen = choose(faces, rule, frame.width, frame.height)
            ?: return Look(Outcome.SEVERAL_FACES, "expected one face, got ${faces.size}; show one person", null, null)
        val face = detector.upright(picture, chosen)
        val matrix = align(face.points)
        val poor = quality.judge(face, frame.width, frame.height, matrix, crop)
        if (poor != null) {
            return Look(poor.outcome, poor.detail, face, null)
        }
        val output = embedder.output(crop)
        val unclear = quality.judge(Embedder.length(output))
        if (unclear != null) {
            return Look(unclear.outcome, unclear.detail, face, null)
        }
        Look(null, "", face, Embedding(manifest.space, manifest.artefact, Embedder.unit(output)))
    }

    fun detect(frame: Frame): List<Face> = showing(frame) { detector.detect(picture) }

    /** The face of [frame] with these [landmarks], aligned; overwritten by the next one. */
    fun crop(frame: Frame, landmarks: DoubleArray): ByteArray {
        showing(frame) { align(landmarks) }
        return crop
    }

    fun embed(crop: ByteArray): FloatArray = Embedder.unit(embedder.output(crop))

    override fun close() {
        detectorModel.close()
        embedderModel.close()
    }

    /** The frame is a person's picture: it is not kept. */
    private inline fun <T> showing(frame: Frame, act: () -> T): T {
        picture.show(frame)
        try {
            return act()
        } finally {
            picture.clear()
        }
    }

    private fun align(landmarks: DoubleArray): Affine {
        val matrix = alignment.matrix(landmarks)
        sample(picture, matrix, alignment.width, alignment.height, crop)
        return matrix
    }
}
