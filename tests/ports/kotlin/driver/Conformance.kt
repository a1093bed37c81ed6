package driver

import facelite.JnaModels
import org.facelite.Affine
import org.facelite.Alignment
import org.facelite.BlazeFace
import org.facelite.Decision
import org.facelite.Detector
import org.facelite.Embedder
import org.facelite.Embedding
import org.facelite.Eye
import org.facelite.Face
import org.facelite.Facelite
import org.facelite.FaceliteException
import org.facelite.Gallery
import org.facelite.Limits
import org.facelite.Look
import org.facelite.Manifest
import org.facelite.Model
import org.facelite.Preprocessing
import org.facelite.Pyramid
import org.facelite.Quality
import org.facelite.Rule
import org.facelite.Siamese
import org.facelite.SquaredL2
import org.facelite.Table
import org.facelite.Threshold
import org.facelite.Thresholds
import org.facelite.View
import org.facelite.choose
import org.facelite.fuse
import org.facelite.sample
import org.json.JSONArray
import org.json.JSONObject
import java.io.File
import java.security.MessageDigest
import kotlin.math.roundToInt

/** Every stage of the vectors, by the library's inner functions. */
class Conformance(private val vectors: Vectors, private val assets: File) {
    private val answers = Answers()
    private val facelite = Facelite.open({ assets.resolve(it).readBytes() }, JnaModels())
    private val blaze = BlazeFace(JnaModels().open("detector.tflite", assets.resolve("detector.tflite").readBytes()))
    private val embedder = Manifest.read(assets.resolve("facelite.json").readBytes()).let {
        Embedder(JnaModels().open("embedder.tflite", assets.resolve("embedder.tflite").readBytes()), it.preprocessing, it.embedding)
    }

    private val stages: Map<String, (JSONObject) -> Map<String, Any?>> = mapOf(
        "view" to ::view,
        "decode" to { table(BlazeFace.decode(it.floats("logits"), it.floats("regressors"), it.getDouble("min_score"))) },
        "faces" to ::faces,
        "detect" to { given -> watched { detector -> detector.detect(given.picture()) } },
        "upright" to { given -> watched { detector -> listOf(detector.upright(given.picture(), given.faces().single())) } },
        "choose" to ::choice,
        "matrix" to ::matrix,
        "crop" to ::crop,
        "quality" to ::quality,
        "input" to ::input,
        "embedding" to { mapOf("vector" to Embedder.unit(embedder.output(it.bytes("pixels")))) },
        "unit" to { mapOf("vector" to Embedder.unit(it.getJSONArray("values").floats())) },
        "distance" to ::distance,
        "fuse" to ::fused,
        "threshold" to ::threshold,
        "gallery" to ::gallery,
        "enrolment" to ::enrolment,
        "decision" to ::decision,
        "verify" to ::verify,
    )

    fun answer(out: File) {
        for ((stage, answer) in stages) {
            for (case in vectors.cases(stage)) {
                val given = case.getJSONObject("input")
                val fields = try {
                    answer(given)
                } catch (refused: FaceliteException) {
                    null
                } catch (misused: IllegalArgumentException) {
                    null
                }
                answers.put(stage, case.getString("name"), fields)
            }
        }
        answers.save(out)
    }

    private fun view(given: JSONObject): Map<String, Any?> {
        val input = blaze.see(given.picture(), given.view(), given.getInt("turns"))
        val pixels = ByteArray(input.size) { ((input[it] + 1) * 127.5).roundToInt().toByte() }
        return mapOf("pixels" to answers.bytes(pixels, BlazeFace.SIDE, BlazeFace.SIDE, 3))
    }

    private fun faces(given: JSONObject): Map<String, Any?> = table(
        BlazeFace.facesOf(given.floats("logits"), given.floats("regressors"), given.getDouble("min_score"), given.view(), given.getInt("turns")),
    )

    private fun choice(given: JSONObject): Map<String, Any?> {
        val faces = given.getJSONArray("boxes").lists().map { face(it, DoubleArray(12), 0.9) }
        val chosen = choose(faces, given.rule(), given.getInt("width"), given.getInt("height"))
        return mapOf("face" to chosen?.let(faces::indexOf))
    }

    private fun matrix(given: JSONObject): Map<String, Any?> {
        val alignment = Alignment(given.getInt("width"), given.getInt("height"))
        val points = given.points("landmarks")
        val m = alignment.matrix(points)
        val aligned = pairs(points).map { (x, y) -> listOf(m.x(x, y), m.y(x, y)) }
        val rows = listOf(listOf(m.a, m.b, m.c), listOf(m.d, m.e, m.f))
        return mapOf("template" to pairs(alignment.template), "matrix" to rows, "aligned" to aligned)
    }

    private fun crop(given: JSONObject): Map<String, Any?> {
        val (above, below) = given.getJSONArray("matrix").lists().map { it.doubles() }
        val width = given.getInt("width")
        val height = given.getInt("height")
        val pixels = ByteArray(3 * width * height)
        sample(given.picture(), Affine(above[0], above[1], above[2], below[0], below[1], below[2]), width, height, pixels)
        return mapOf("pixels" to answers.bytes(pixels, height, width, 3))
    }

    private fun quality(given: JSONObject): Map<String, Any?> {
        val (height, width) = given.getJSONObject("pixels").getJSONArray("shape").ints()
        val alignment = Alignment(width, height)
        val quality = Quality(Limits.read(Table(given.getJSONObject("limits"))), alignment)
        val face = face(given.getJSONArray("box"), given.points("landmarks"), 0.9)
        val matrix = alignment.matrix(face.points)
        val poor = quality.judge(face, given.getInt("width"), given.getInt("height"), matrix, given.bytes("pixels"))
            ?: quality.judge(given.getDouble("length"))
        return mapOf("outcome" to poor?.outcome?.toString())
    }

    private fun input(given: JSONObject): Map<String, Any?> {
        val (height, width) = given.getJSONObject("pixels").getJSONArray("shape").ints()
        val preprocessing = JSONObject(mapOf("height" to height, "width" to width))
        listOf("mean", "std", "colours").forEach { preprocessing.put(it, given.get(it)) }
        val tensor = Embedder(Unasked(3 * height * width), Preprocessing(Table(preprocessing)), 1).input(given.bytes("pixels"))
        return mapOf("tensor" to answers.floats(tensor, 1, height, width, 3))
    }

    private fun distance(given: JSONObject): Map<String, Any?> {
        val a = given.getJSONArray("a").floats()
        val head = given.optJSONObject("head")?.let { Siamese.read(it.toString().toByteArray(), a.size) } ?: SquaredL2
        return mapOf("distance" to head.between(a, given.getJSONArray("b").floats()))
    }

    private fun fused(given: JSONObject): Map<String, Any?> {
        val measured = given.getJSONArray("measured").ints()
        val thresholds = Thresholds(0.01, emptyList(), measured.associate { "fused $it" to emptyList() })
        val groups = fuse(given.getJSONArray("templates").lists().map { it.floats() }, (measured + 1).max())
        return mapOf("vectors" to groups.map { it.vector }, "kinds" to groups.map { thresholds.kind(it.size) })
    }

    private fun threshold(given: JSONObject): Map<String, Any?> {
        val default = given.getDouble("fmr")
        val thresholds = Thresholds(default, thresholds(given.getJSONArray("thresholds")), given.byKind(::thresholds))
        val rate = given.rate()
        val vectors = given.getInt("templates")
        val asked = given.texts("kinds").toSet()
        val found = when (given.getString("question")) {
            "pictures" -> thresholds.forPictures(rate)
            "subject" -> thresholds.forSubject(vectors, rate ?: default, asked)
            else -> thresholds.forGallery(vectors.coerceAtLeast(1), rate ?: 0.01, asked)
        } ?: throw FaceliteException("not measured")
        return mapOf("fmr" to found.fmr, "distance" to found.distance)
    }

    private fun gallery(given: JSONObject): Map<String, Any?> = bundle(given).use { bundle ->
        val people = people(given, bundle.manifest)
        val look = looks(given.floats("vector"), bundle.manifest).single()
        val rate = given.rate()
        val decision = when {
            !given.isNull("subject") -> bundle.verifySubject(look, given.getString("subject"), people, rate)
            rate == null -> bundle.identify(look, people)
            else -> bundle.identify(look, people, rate)
        }
        mapOf(
            "outcome" to decision.outcome.toString(),
            "subject" to decision.subject,
            "distance" to decision.distance,
            "threshold" to decision.threshold.distance,
        )
    }

    private fun enrolment(given: JSONObject): Map<String, Any?> = bundle(given).use { bundle ->
        val people = people(given, bundle.manifest)
        val before = people.size
        val looks = looks(given.floats("embeddings"), bundle.manifest)
        val enrolment = bundle.enrol(given.getString("subject"), looks, people, anyway = given.getBoolean("anyway"))
        check(people.size == before + enrolment.added)
        val doubts = enrolment.doubts.toSortedMap()
        mapOf(
            "places" to doubts.keys.toList(),
            "kinds" to doubts.values.map { it.kind.name.lowercase() },
            "others" to doubts.values.map { it.other },
            "distances" to doubts.values.map { it.distance },
            "limits" to doubts.values.map { it.limit },
            "added" to enrolment.added,
        )
    }

    /** Those who are enrolled, template by template. */
    private fun people(given: JSONObject, manifest: Manifest): Gallery {
        val subjects = given.texts("subjects")
        val artefacts = given.texts("artefacts")
        val people = Gallery(manifest.space)
        given.floats("vectors").asList().chunked(manifest.embedding).forEachIndexed { i, one ->
            check(people.add(subjects[i], listOf(Embedding(manifest.space, artefacts[i], one.toFloatArray()))) == 1)
        }
        return people
    }

    /** What gave these vectors, one behind the other. */
    private fun looks(vectors: FloatArray, manifest: Manifest): List<Look> = vectors.asList().chunked(manifest.embedding).map {
        Look(null, "", null, Embedding(manifest.space, manifest.artefact, it.toFloatArray()))
    }

    /** The packed bundle with a case's embedder, thresholds and head. */
    private fun bundle(given: JSONObject): Facelite {
        val manifest = JSONObject(assets.resolve(Manifest.FILE).readText())
        manifest.put("fmr", given.getDouble("fmr"))
        manifest.put("thresholds", entries(given.getJSONArray("thresholds")))
        manifest.put("template_thresholds", JSONObject(given.byKind(::entries)))
        val files = manifest.getJSONObject("files").put("embedder.tflite", given.getString("embedder"))
        val head = given.optJSONObject("head")?.toString()?.toByteArray()
        if (head != null) {
            manifest.put("decide", "siamese").put("format", JSONArray(listOf(2, 0)))
            files.put("head.json", MessageDigest.getInstance("SHA-256").digest(head).joinToString("") { "%02x".format(it) })
        }
        val made = mapOf(Manifest.FILE to manifest.toString().toByteArray(), "head.json" to head)
        return Facelite.open({ made[it] ?: assets.resolve(it).readBytes() }, JnaModels())
    }

    /** As a manifest has them: with what else was measured, which decides nothing. */
    private fun entries(list: JSONArray): JSONArray = JSONArray(
        thresholds(list).map { one ->
            val measured = listOf("fmr_upper", "fnmr", "genuine_pairs", "impostor_pairs", "people_pairs").associateWith { 0 }
            JSONObject(measured + mapOf("distance" to one.distance, "fmr" to one.fmr))
        },
    )

    private fun decision(given: JSONObject): Map<String, Any?> {
        val poor = listOf("first", "second").firstOrNull { !given.isNull(it) }
        val outcome = poor?.let(given::getString)
            ?: Decision.of(given.getDouble("distance"), null, Threshold(given.getDouble("threshold"), 0.01)).outcome.toString()
        return mapOf("outcome" to outcome)
    }

    private fun verify(given: JSONObject): Map<String, Any?> {
        val decision = facelite.verify(given.frame("first"), given.frame("second"), rule = given.rule())
        return mapOf("outcome" to decision.outcome.toString(), "distance" to decision.distance)
    }

    /** What a detector finds, and the views and turns of all its looks. */
    private fun watched(find: (Detector) -> List<Face>): Map<String, Any?> {
        val views = ArrayList<List<Double>>()
        val turned = ArrayList<Int>()
        val eye = Eye { picture, view, minScore, turns ->
            views += listOf(view.x, view.y, view.side)
            turned += turns
            blaze.look(picture, view, minScore, turns)
        }
        return table(find(Detector(eye))) + mapOf("views" to views, "turns" to turned)
    }

    private fun table(faces: List<Face>): Map<String, Any?> = mapOf(
        "boxes" to faces.map { listOf(it.x, it.y, it.width, it.height) },
        "keypoints" to faces.map { pairs(it.keypoints()) },
        "scores" to faces.map { it.score },
    )

    private fun thresholds(list: JSONArray): List<Threshold> = list.objects().map { Threshold(it.getDouble("distance"), it.getDouble("fmr")) }

    private fun pairs(points: DoubleArray): List<List<Double>> = points.asList().chunked(2)

    private fun face(box: JSONArray, points: DoubleArray, score: Double): Face =
        box.doubles().let { (x, y, width, height) -> Face(x, y, width, height, score, points) }

    private fun JSONObject.picture(): Pyramid = Pyramid().also { it.show(frame("frame")) }

    private fun JSONObject.frame(key: String) = vectors.frame(getJSONObject(key))

    private fun JSONObject.floats(key: String): FloatArray = vectors.floats(getJSONObject(key))

    private fun JSONObject.bytes(key: String): ByteArray = vectors.bytes(getJSONObject(key))

    private fun JSONObject.texts(key: String): List<String> = getJSONArray(key).let { List(it.length(), it::getString) }

    private fun <T> JSONObject.byKind(read: (JSONArray) -> T): Map<String, T> = getJSONObject("template_thresholds").let { kinds ->
        kinds.keys().asSequence().map { it as String }.associateWith { read(kinds.getJSONArray(it)) }
    }

    private fun JSONObject.rate(): Double? = if (isNull("rate")) null else getDouble("rate")

    private fun JSONObject.view(): View = getJSONArray("view").doubles().let { (x, y, side) -> View(x, y, side) }

    private fun JSONObject.rule(): Rule = Rule.valueOf(getString("rule").uppercase())

    private fun JSONObject.points(key: String): DoubleArray = getJSONArray(key).lists().flatMap { it.doubles().asList() }.toDoubleArray()

    private fun JSONObject.faces(): List<Face> {
        val keypoints = getJSONArray("keypoints").lists()
        return getJSONArray("boxes").lists().mapIndexed { i, box ->
            face(box, keypoints[i].lists().flatMap { it.doubles().asList() }.toDoubleArray(), getJSONArray("scores").getDouble(i))
        }
    }

    /** A model that is only asked for the size of its input. */
    private class Unasked(override val inputSize: Int) : Model {
        override fun run(input: FloatArray): Map<String, FloatArray> = error("not to be run")

        override fun close() = Unit
    }
}
