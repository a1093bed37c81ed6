package driver

import facelite.JnaModels
import org.facelite.BlazeFace
import org.facelite.Facelite
import org.facelite.FaceliteException
import org.facelite.Frame
import org.facelite.Gallery
import org.facelite.Manifest
import org.facelite.Model
import org.facelite.Models
import org.facelite.Plane
import org.facelite.Vault
import org.facelite.fuse
import org.facelite.isName
import org.json.JSONArray
import org.json.JSONObject
import java.io.File
import java.lang.ref.WeakReference
import java.nio.ByteBuffer

private const val USAGE = """
conformance VECTORS ASSETS OUT   every stage -> OUT/answers.json, OUT/answers.bin
frames FOLDER                    FOLDER/cases.json and planes -> FOLDER/NUMBER.rgb
open CONSTANT ASSETS...          a line for each: why it is refused, or nothing; the model of the file CONSTANT gives the same for everything
galleries ASSETS FILE...         a line for each gallery that is not sealed: how many templates are loaded, or why it is refused
names                            a JSON list on standard input -> a JSON list of whether somebody may be enrolled so
broken                           a line for each case of numbers that a broken runtime gives: why they are refused, or nothing
kept ASSETS                      whether a frame is in memory after the look at it
speed ASSETS WIDTH HEIGHT        milliseconds of a look at the frame on standard input
"""

/** What the tests ask of the library's inner functions. */
fun main(words: Array<String>) {
    when (words.firstOrNull()) {
        "conformance" -> Conformance(Vectors(File(words[1])), File(words[2])).answer(File(words[3]))
        "frames" -> frames(File(words[1]))
        "open" -> words.drop(2).forEach { println(refusal(it, words[1])) }
        "galleries" -> Manifest.read(File(words[1], Manifest.FILE).readBytes()).let { known -> words.drop(2).forEach { println(loaded(it, known)) } }
        "names" -> println(JSONArray(JSONArray(System.`in`.readBytes().decodeToString()).let { List(it.length(), it::getString) }.map(::isName)))
        "broken" -> broken()
        "kept" -> kept(words[1])
        "speed" -> speed(words[1], words[2].toInt(), words[3].toInt())
        else -> error("expected$USAGE")
    }
}

private fun refusal(assets: String, constant: String): String = refusal {
    open(assets) { name, content -> JnaModels().open(name, content).let { if (name == constant) Constant(it) else it } }.close()
}

/** Why [act] is refused, "" where it is not. */
private fun refusal(act: () -> Unit): String =
    try {
        act()
        ""
    } catch (error: FaceliteException) {
        error.message.orEmpty()
    }

private fun loaded(file: String, manifest: Manifest): String {
    var size = -1
    val reason = refusal { size = Gallery.load(File(file).readBytes(), Unsealed, manifest).size }
    return reason.ifEmpty { size.toString() }
}

private object Unsealed : Vault {
    override fun seal(plain: ByteArray): ByteArray = plain

    override fun open(sealed: ByteArray): ByteArray = sealed
}

private fun broken() {
    val anchors = BlazeFace.ANCHORS
    fun decoded(score: Float, regressor: Float, change: (FloatArray, FloatArray) -> Unit) {
        val logits = FloatArray(anchors) { score }
        val regressors = FloatArray(BlazeFace.NUMBERS * anchors) { regressor }
        change(logits, regressors)
        println(refusal { BlazeFace.decode(logits, regressors, 0.5) })
    }
    decoded(1f, 9f) { logits, _ -> logits[7] = Float.NaN }
    decoded(1f, 9f) { _, regressors -> regressors[0] = Float.NaN }
    decoded(1f, 9f) { _, regressors -> regressors[2] = Float.POSITIVE_INFINITY }
    decoded(1f, 9f) { _, regressors -> regressors[15] = Float.NEGATIVE_INFINITY }
    decoded(-1f, 9f) { _, regressors -> regressors[0] = Float.NaN } // of an anchor that is not kept
    println(refusal { fuse(listOf(floatArrayOf(1f, 0f), floatArrayOf(-1f, 0f)), 2) })
}

private fun kept(assets: String) = open(assets) { name, content -> JnaModels().open(name, content) }.use { facelite ->
    fun seen() = WeakReference(ByteArray(3 * 512 * 512).also { facelite.look(Frame(512, 512, it)) })
    val pixels = seen()
    System.gc()
    println(pixels.get() != null)
}

private fun open(assets: String, models: Models): Facelite = Facelite.open({ File(assets, it).readBytes() }, models)

private fun frames(folder: File) {
    var reuse: Frame? = null
    for ((number, case) in JSONObject(folder.resolve("cases.json").readText()).getJSONArray("cases").objects().withIndex()) {
        val width = case.getInt("width")
        val height = case.getInt("height")
        val rotation = case.getInt("rotation")
        val mirrored = case.getBoolean("mirrored")
        val planes = case.getJSONArray("planes").objects().map { plane(it, folder) }
        val frame = when (case.getString("format")) {
            "yuv" -> Frame.ofYuv(planes[0], planes[1], planes[2], width, height, rotation, mirrored, reuse)
            "rgba" -> Frame.ofRgba(planes[0], width, height, rotation, mirrored, reuse)
            else -> Frame.ofArgb(case.getJSONArray("argb").ints().toIntArray(), width, height, rotation, mirrored, reuse)
        }
        folder.resolve("$number.rgb").writeBytes(frame.pixels)
        reuse = frame
    }
}

private fun plane(plane: JSONObject, folder: File): Plane {
    val bytes = folder.resolve(plane.getString("file")).readBytes()
    val buffer = ByteBuffer.allocateDirect(bytes.size).put(bytes) // its position is at the end, and does not count
    return Plane(buffer, plane.getInt("row_stride"), plane.getInt("pixel_stride"))
}

private fun speed(assets: String, width: Int, height: Int) {
    val timed = ArrayList<Timed>()
    val facelite = open(assets) { name, content -> Timed(JnaModels().open(name, content)).also(timed::add) }
    val frame = Frame(width, height, System.`in`.readBytes())
    repeat(WARMING) { facelite.look(frame) }
    timed.forEach { it.nanoseconds = 0 }
    val start = System.nanoTime()
    repeat(MEASURED) { check(facelite.look(frame).outcome == null) { "expected a good frame" } }
    val all = System.nanoTime() - start
    val (detector, embedder) = timed.map { it.nanoseconds }
    val parts = listOf("look" to all, "detector" to detector, "embedder" to embedder, "arithmetic" to all - detector - embedder)
    println(JSONObject(parts.associate { (name, nanoseconds) -> name to nanoseconds / MEASURED / 1e6 }))
}

private const val WARMING = 200
private const val MEASURED = 200

private class Timed(private val model: Model) : Model by model {
    var nanoseconds = 0L

    override fun run(input: FloatArray): Map<String, FloatArray> {
        val start = System.nanoTime()
        return model.run(input).also { nanoseconds += System.nanoTime() - start }
    }
}

/** Gives for everything what it gives for zeros. */
private class Constant(private val model: Model) : Model by model {
    override fun run(input: FloatArray): Map<String, FloatArray> = model.run(FloatArray(input.size))
}
