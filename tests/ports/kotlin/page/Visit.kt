import android.content.Context
import android.content.res.AssetManager
import android.graphics.PixelFormat
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import glue.connect
import java.io.File
import java.nio.ByteBuffer

/** Visits to both doors of devices/android/README.md: APP WIDTH HEIGHT FILE..., RGBA pixels of somebody, a stranger, nobody -> a line for each visit. */
fun main(words: Array<String>) {
    connect()
    val context = object : Context() {
        override fun getAssets() = AssetManager(File(words[0]))
    }
    val (somebody, stranger, nobody) = words.drop(3).map { Photograph(words[1].toInt(), words[2].toInt(), File(it).readBytes()) }
    val door = object : Door(context) {
        override fun show(text: String) = println(text)
    }
    val inJava = object : DoorInJava(context) {
        override fun show(text: String) = println(text)
    }
    for ((come, ask) in listOf(door::analyze to { name: String -> door.newcomer = name }, inJava::analyze to { name: String -> inJava.newcomer = name })) {
        come(somebody)
        ask("A\u200Bda")
        come(somebody)
        ask("Ada")
        come(nobody)
        come(somebody)
        come(somebody)
        come(stranger)
        ask("Bob")
        come(somebody)
    }
}

private class Photograph(private val width: Int, private val height: Int, private val pixels: ByteArray) : ImageProxy {
    override fun getFormat(): Int = PixelFormat.RGBA_8888

    override fun getWidth(): Int = width

    override fun getHeight(): Int = height

    override fun getPlanes(): Array<ImageProxy.PlaneProxy> = arrayOf(
        object : ImageProxy.PlaneProxy {
            override fun getRowStride(): Int = 4 * width

            override fun getPixelStride(): Int = 4

            override fun getBuffer(): ByteBuffer = ByteBuffer.wrap(pixels)
        },
    )

    override fun getImageInfo(): ImageInfo = ImageInfo { 0 }

    override fun close() = Unit
}
