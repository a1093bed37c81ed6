package driver

import org.facelite.Frame
import org.json.JSONArray
import org.json.JSONObject
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The conformance vectors in a folder. */
class Vectors(folder: File) {
    private val json = JSONObject(folder.resolve("vectors.json").readText())
    private val binary = folder.resolve("vectors.bin").readBytes()

    /** The cases of a stage. */
    fun cases(stage: String): List<JSONObject> = json.getJSONObject("stages").getJSONArray(stage).objects()

    fun bytes(array: JSONObject): ByteArray {
        check(array.getString("dtype") == "uint8")
        val at = array.getInt("at")
        return binary.copyOfRange(at, at + array.getJSONArray("shape").ints().reduce(Int::times))
    }

    fun floats(array: JSONObject): FloatArray {
        check(array.getString("dtype") == "float32")
        val size = array.getJSONArray("shape").ints().reduce(Int::times)
        return FloatArray(size).also { ByteBuffer.wrap(binary, array.getInt("at"), 4 * size).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(it) }
    }

    /** One colour, with pictures copied into it. */
    fun frame(scene: JSONObject): Frame {
        val width = scene.getInt("width")
        val height = scene.getInt("height")
        val colour = scene.getJSONArray("colour").ints()
        val pixels = ByteArray(3 * width * height) { colour[it % 3].toByte() }
        for (picture in scene.getJSONArray("pictures").objects()) {
            val array = picture.getJSONObject("pixels")
            val (rows, columns) = array.getJSONArray("shape").ints()
            val bytes = bytes(array)
            for (row in 0 until rows) {
                bytes.copyInto(pixels, 3 * ((picture.getInt("y") + row) * width + picture.getInt("x")), 3 * columns * row, 3 * columns * (row + 1))
            }
        }
        return Frame(width, height, pixels)
    }
}

/** What a driver answers; [save] writes answers.json and answers.bin. */
class Answers {
    private val stages = JSONObject()
    private val binary = ByteBuffer.allocate(1 shl 24).order(ByteOrder.LITTLE_ENDIAN)

    /** [fields] null: refused. */
    fun put(stage: String, case: String, fields: Map<String, Any?>?) {
        val cases = stages.optJSONObject(stage) ?: JSONObject().also { stages.put(stage, it) }
        cases.put(case, fields?.let { JSONObject(it.mapValues { (_, value) -> json(value) }) } ?: JSONObject.NULL)
    }

    fun bytes(values: ByteArray, vararg shape: Int): JSONObject = place("uint8", shape) { binary.put(values) }

    fun floats(values: FloatArray, vararg shape: Int): JSONObject = place("float32", shape) { values.forEach(binary::putFloat) }

    fun save(folder: File) {
        folder.mkdirs()
        folder.resolve("answers.json").writeText(stages.toString())
        folder.resolve("answers.bin").writeBytes(binary.array().copyOf(binary.position()))
    }

    private fun place(type: String, shape: IntArray, write: () -> Unit): JSONObject {
        val at = binary.position()
        write()
        return JSONObject(mapOf("dtype" to type, "shape" to json(shape.asList()), "at" to at))
    }

    private fun json(value: Any?): Any = when (value) {
        null -> JSONObject.NULL
        is Iterable<*> -> JSONArray(value.map(::json))
        is DoubleArray -> JSONArray(value.asList())
        is FloatArray -> JSONArray(value.map(Float::toDouble))
        else -> value
    }
}

fun JSONArray.objects(): List<JSONObject> = List(length(), ::getJSONObject)

fun JSONArray.ints(): List<Int> = List(length(), ::getInt)

fun JSONArray.doubles(): DoubleArray = DoubleArray(length(), ::getDouble)

fun JSONArray.floats(): FloatArray = FloatArray(length()) { getDouble(it).toFloat() }

fun JSONArray.lists(): List<JSONArray> = List(length(), ::getJSONArray)
