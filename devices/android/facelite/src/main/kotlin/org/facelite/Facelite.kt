package org.facelite

import java.io.IOException
import java.security.MessageDigest

/**
 * A bundle that decides: verify 1:1, identify 1:N, enrol.
 *
 * Every thread may call every function; looks at frames take turns, and [close] waits for the one in progress. Opening and looking take too long
 * for the main thread. Open it once, and keep it.
 */
public class Facelite private constructor(
    /** What the bundle is. */
    public val manifest: Manifest,
    private var pipeline: Pipeline?, // null: closed
    private val distance: Distance,
) : AutoCloseable {
    private val lock = Any()

    /**
     * Finds, aligns, judges and embeds the face of [frame] that [rule] means.
     *
     * @throws FaceliteException where a model gives what are no numbers: the runtime is broken.
     */
    @JvmOverloads
    public fun look(frame: Frame, rule: Rule = Rule.ONLY): Look = synchronized(lock) {
        checkNotNull(pipeline) { "expected an open Facelite, got one that was closed" }.look(frame, rule)
    }

    /**
     * Whether two pictures show one person.
     *
     * @param fmr false match rate, one of [Manifest.rates]; null: the manifest's.
     * @throws IllegalArgumentException for a rate that is not above 0 and below 1.
     * @throws FaceliteException where that rate was not measured.
     */
    @JvmOverloads
    public fun verify(first: Picture, second: Picture, fmr: Double? = null, rule: Rule = Rule.ONLY): Decision {
        val threshold = manifest.thresholds.forPictures(fmr)
        val one = seen(first, rule)
        val a = one.embedding ?: return Decision.undecided(one, threshold)
        val other = seen(second, rule)
        val b = other.embedding ?: return Decision.undecided(other, threshold)
        return Decision.of(distance.between(a.values, b.values), null, threshold)
    }

    /**
     * Whether [picture] shows the enrolled [subject]. The threshold tightens with the number of comparisons.
     *
     * @param fmr rate at which another person is taken for the subject, one of [Manifest.rates]; null: the manifest's.
     * @throws IllegalArgumentException for a rate that is not above 0 and below 1.
     * @throws FaceliteException where nobody of that name is enrolled, the rate was not measured, or the templates are of another embedder.
     */
    @JvmOverloads
    public fun verifySubject(picture: Picture, subject: String, gallery: Gallery, fmr: Double? = null, rule: Rule = Rule.ONLY): Decision {
        gallery.expectSpace(manifest.space)
        val plan = gallery.roll.plan(subject, fmr ?: manifest.fmr, manifest)
        return plan.decide(seen(picture, rule), distance)
    }

    /**
     * Who of [gallery] the picture shows. The threshold tightens with the number of comparisons.
     *
     * @param fpir rate at which a stranger is taken for anybody of the gallery.
     * @throws IllegalArgumentException for a rate that is not above 0 and below 1.
     * @throws FaceliteException where nobody is enrolled, no rate that small was measured, or templates are of another embedder.
     */
    @JvmOverloads
    public fun identify(picture: Picture, gallery: Gallery, fpir: Double = 0.01, rule: Rule = Rule.ONLY): Decision {
        gallery.expectSpace(manifest.space)
        val plan = gallery.roll.plan(null, fpir, manifest)
        return plan.decide(seen(picture, rule), distance)
    }

    /**
     * Adds a template of [subject] for each of [pictures], all or none. The gallery is changed in memory: save it.
     *
     * None is added where a picture is doubtful: unlike the subject's other pictures and templates, or like somebody who is enrolled under another
     * name. See [Enrolment.doubts]. With [anyway] that is not asked.
     *
     * @throws IllegalArgumentException without a picture, or for a name that is blank or has characters that cannot be printed.
     * @throws FaceliteException for a gallery of another space or embedder.
     */
    @JvmOverloads
    public fun enrol(
        subject: String,
        pictures: List<Picture>,
        gallery: Gallery,
        rule: Rule = Rule.ONLY,
        anyway: Boolean = false,
    ): Enrolment {
        require(isName(subject)) { "expected a subject's name, got a blank one or characters that cannot be printed" }
        require(pictures.isNotEmpty()) { "expected a picture or more, got none" }
        gallery.expectSpace(manifest.space)
        gallery.roll.expectKnown(manifest)
        val looks = pictures.map { seen(it, rule) }
        val embeddings = looks.mapNotNull { it.embedding }
        if (embeddings.size < looks.size) {
            return Enrolment(looks, emptyMap(), 0)
        }
        return synchronized(gallery) { // nobody is enrolled between the question and its answer
            val doubts = if (anyway) emptyMap() else Doubts(subject, gallery.roll, manifest, distance).about(embeddings)
            Enrolment(looks, doubts, if (doubts.isEmpty()) gallery.add(subject, embeddings) else 0)
        }
    }

    /** Frees both models. Looks afterwards are refused; again does nothing. */
    override fun close(): Unit = synchronized(lock) {
        pipeline?.close()
        pipeline = null
    }

    private fun seen(picture: Picture, rule: Rule): Look = when (picture) {
        is Frame -> look(picture, rule)
        is Look -> picture.also {
            val artefact = it.embedding?.artefact ?: manifest.artefact
            if (artefact != manifest.artefact) {
                throw FaceliteException("expected a look by the embedder ${manifest.artefact}, got one by $artefact; look at the frame again")
            }
        }
    }

    public companion object {
        /**
         * Checks the packed files, opens both models, and runs the self-test.
         *
         * @throws FaceliteException where a file is missing or not the one that was packed, or where this device does not compute what the
         * bundle says.
         */
        @JvmStatic
        public fun open(assets: Assets, models: Models): Facelite {
            val manifest = Manifest.read(read(assets, Manifest.FILE))
            val files = manifest.files.mapValues { (name, sha256) -> read(assets, name).also { expectHash(name, it, sha256) } }
            val distance = if (manifest.siamese) Siamese.read(files.getValue("head.json"), manifest.embedding) else SquaredL2
            val goldens = Golden.read(files.getValue("golden.json"), files.getValue("golden.bin"))
            val opened = ArrayList<Model>()
            try {
                for (name in listOf("detector.tflite", "embedder.tflite")) {
                    opened.add(models.open(name, files.getValue(name)))
                }
                val pipeline = Pipeline(manifest, opened[0], opened[1])
                selfTest(goldens, pipeline)
                return Facelite(manifest, pipeline, distance)
            } catch (error: Throwable) {
                opened.forEach(Model::close)
                throw error
            }
        }

        private fun read(assets: Assets, name: String): ByteArray =
            try {
                assets.read(name)
            } catch (error: IOException) {
                throw FaceliteException("expected the file $name among the assets, got ${error.message}; pack the assets again", error)
            }

        private fun expectHash(name: String, content: ByteArray, sha256: String) {
            val found = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
            if (found != sha256) {
                throw FaceliteException("expected $name with sha256 $sha256, got $found; pack the assets again")
            }
        }
    }
}
