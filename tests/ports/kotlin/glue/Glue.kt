package glue

import android.content.res.AssetManager
import android.graphics.ImageFormat
import android.graphics.PixelFormat
import android.media.Image
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import driver.Answers
import driver.Vectors
import driver.objects
import facelite.JnaModels
import org.facelite.Facelite
import org.facelite.FaceliteException
import org.facelite.Frame
import org.facelite.Model
import org.facelite.Rule
import org.facelite.Vault
import org.facelite.android.AssetFolder
import org.facelite.android.KeystoreVault
import org.facelite.android.LiteRtModels
import org.facelite.android.toFrame
import org.json.JSONObject
import org.tensorflow.lite.DataType
import org.tensorflow.lite.InterpreterApi
import org.tensorflow.lite.Tensor
import java.io.File
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.security.Security
import java.util.Collections
import java.util.function.Function
import kotlin.concurrent.thread

private const val USAGE = """
verify VECTORS APP OUT   the stage verify -> OUT/answers.json; APP has the assets in the folder facelite
frames FOLDER            FOLDER/cases.json and planes -> FOLDER/NUMBER.rgb
vaults                   whether what one of two vaults seals that are made at the same time is opened by the other, and by a later one
unlinked                 what is said where LiteRT has no native library
"""

/** The Android half of the library on stubs of Android: its code runs, with LiteRT behind the interpreter's interface; Android itself does not. */
fun main(words: Array<String>) {
    connect()
    when (words.firstOrNull()) {
        "verify" -> verify(Vectors(File(words[1])), File(words[2]), File(words[3]))
        "frames" -> frames(File(words[1]))
        "vaults" -> vaults()
        "unlinked" -> unlinked()
        else -> error("expected$USAGE")
    }
}

/** Lets LiteRT run what the stubs open. */
fun connect() {
    InterpreterApi.Runtime.create = Function(::Interpreter)
}

private fun verify(vectors: Vectors, app: File, out: File) {
    val answers = Answers()
    Facelite.open(AssetFolder(AssetManager(app)), LiteRtModels()).use { facelite ->
        for (case in vectors.cases("verify")) {
            val given = case.getJSONObject("input")
            val rule = Rule.valueOf(given.getString("rule").uppercase())
            val (first, second) = listOf("first", "second").map { vectors.frame(given.getJSONObject(it)) }
            val decision = facelite.verify(first, second, rule = rule)
            answers.put("verify", case.getString("name"), mapOf("outcome" to decision.outcome.toString(), "distance" to decision.distance))
        }
    }
    answers.save(out)
}

private fun frames(folder: File) {
    var reuse: Frame? = null
    for ((number, case) in JSONObject(folder.resolve("cases.json").readText()).getJSONArray("cases").objects().withIndex()) {
        val planes = case.getJSONArray("planes").objects().map { Stored(it, folder) }
        if (planes.isEmpty()) {
            continue
        }
        val frame = if (case.getString("format") == "yuv" && !case.getBoolean("mirrored")) {
            Camera2Image(case, planes).toFrame(case.getInt("rotation"), reuse = reuse)
        } else {
            CameraXImage(case, planes).toFrame(case.getBoolean("mirrored"), reuse)
        }
        folder.resolve("$number.rgb").writeBytes(frame.pixels)
        reuse = frame
    }
}

private fun vaults() {
    Security.addProvider(Keys())
    val two = Collections.synchronizedList(ArrayList<Vault>())
    List(2) { thread { two += KeystoreVault() } }.forEach(Thread::join)
    val content = byteArrayOf(1, 2, 3)
    for (other in listOf(two[1], KeystoreVault())) {
        println(two[0].open(other.seal(content)).contentEquals(content) && other.open(two[0].seal(content)).contentEquals(content))
    }
}

private fun unlinked() {
    InterpreterApi.Runtime.create = Function { throw UnsatisfiedLinkError("couldn't find \"liblitert_jni.so\"") }
    try {
        LiteRtModels().open("embedder.tflite", ByteArray(1))
    } catch (error: FaceliteException) {
        println(error.message)
    }
}

private class Stored(private val plane: JSONObject, folder: File) : ImageProxy.PlaneProxy {
    private val bytes = folder.resolve(plane.getString("file")).readBytes().let { ByteBuffer.allocateDirect(it.size).put(it) }

    override fun getRowStride(): Int = plane.getInt("row_stride")

    override fun getPixelStride(): Int = plane.getInt("pixel_stride")

    override fun getBuffer(): ByteBuffer = bytes
}

private class CameraXImage(private val case: JSONObject, private val planes: List<Stored>) : ImageProxy {
    override fun getFormat(): Int = if (case.getString("format") == "yuv") ImageFormat.YUV_420_888 else PixelFormat.RGBA_8888

    override fun getWidth(): Int = case.getInt("width")

    override fun getHeight(): Int = case.getInt("height")

    override fun getPlanes(): Array<ImageProxy.PlaneProxy> = Array(planes.size, planes::get)

    override fun getImageInfo(): ImageInfo = ImageInfo { case.getInt("rotation") }

    override fun close() = Unit
}

private class Camera2Image(private val case: JSONObject, private val planes: List<Stored>) : Image() {
    override fun getFormat(): Int = ImageFormat.YUV_420_888

    override fun getWidth(): Int = case.getInt("width")

    override fun getHeight(): Int = case.getInt("height")

    override fun getPlanes(): Array<Plane> = Array(planes.size) { number ->
        object : Plane() {
            override fun getRowStride(): Int = planes[number].rowStride

            override fun getPixelStride(): Int = planes[number].pixelStride

            override fun getBuffer(): ByteBuffer = planes[number].buffer
        }
    }

    override fun close() = Unit
}

/** Moves buffers as LiteRT's TensorImpl does: reads from their position on, and leaves them behind what it writes. */
private class Interpreter(bytes: ByteBuffer) : InterpreterApi {
    private val model: Model = JnaModels().open("model", ByteArray(bytes.remaining()).also { bytes.get(it) })
    private val outputs = model.run(FloatArray(model.inputSize)).mapValues { it.value.size }.toList()

    override fun runForMultipleInputsOutputs(inputs: Array<out Any>, outputs: Map<Int, Any>) {
        val input = inputs.single() as FloatBuffer
        check(input.remaining() == model.inputSize) { "expected ${model.inputSize} numbers, got ${input.remaining()}" }
        val given = model.run(FloatArray(model.inputSize).also { input.get(it) })
        for ((index, buffer) in outputs) {
            (buffer as FloatBuffer).put(given.getValue(this.outputs[index].first))
        }
    }

    override fun getInputTensorCount(): Int = 1

    override fun getInputTensor(inputIndex: Int): Tensor = Floats("input", model.inputSize)

    override fun getOutputTensorCount(): Int = outputs.size

    override fun getOutputTensor(outputIndex: Int): Tensor = outputs[outputIndex].let { (name, size) -> Floats(name, size) }

    override fun close() = model.close()
}

private class Floats(private val name: String, private val size: Int) : Tensor {
    override fun dataType(): DataType = DataType.FLOAT32

    override fun numElements(): Int = size

    override fun name(): String = name
}
