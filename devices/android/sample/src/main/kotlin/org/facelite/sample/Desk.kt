package org.facelite.sample

import android.content.Context
import android.util.AtomicFile
import org.facelite.Decision
import org.facelite.Enrolment
import org.facelite.Facelite
import org.facelite.Frame
import org.facelite.Gallery
import org.facelite.Look
import org.facelite.android.AssetFolder
import org.facelite.android.KeystoreVault
import org.facelite.android.LiteRtModels
import java.io.File
import java.io.FileNotFoundException

/** Facelite with the gallery of this app, which is stored after every change. Opening and all functions take time: not for the main thread. */
class Desk(context: Context) : AutoCloseable {
    private val vault = KeystoreVault()
    private val file = AtomicFile(File(context.noBackupFilesDir, "gallery"))
    private val facelite = Facelite.open(AssetFolder(context.assets), LiteRtModels())
    private val gallery = try {
        Gallery.load(file.readFully(), vault, facelite.manifest)
    } catch (_: FileNotFoundException) {
        Gallery(facelite.manifest.space)
    } catch (error: Throwable) {
        facelite.close()
        throw error
    }

    val isEmpty: Boolean get() = gallery.size == 0

    fun look(frame: Frame): Look = facelite.look(frame)

    fun identify(look: Look): Decision = facelite.identify(look, gallery)

    fun enrol(name: String, look: Look): Enrolment = facelite.enrol(name, listOf(look), gallery).also { if (it.added > 0) save() }

    fun forget(name: String) {
        gallery.remove(name)
        save()
    }

    override fun close() = facelite.close()

    private fun save() {
        val stream = file.startWrite()
        try {
            stream.write(gallery.save(vault))
            file.finishWrite(stream)
        } catch (error: Throwable) {
            file.failWrite(stream)
            throw error
        }
    }
}
