package org.facelite.sample

import android.content.Context
import android.util.AtomicFile
import org.facelite.Decision
import org.facelite.Doubt
import org.facelite.Facelite
import org.facelite.Frame
import org.facelite.Gallery
import org.facelite.Look
import org.facelite.android.AssetFolder
import org.facelite.android.KeystoreVault
import org.facelite.android.LiteRtModels
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException

/**
 * Facelite with the gallery of this app, which is stored after every change; throws [NotStored] where it cannot be. Opening and all functions take
 * time: not for the main thread.
 */
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

    /** Gives the doubt that kept the look from being enrolled; none is had [anyway]. */
    fun enrol(name: String, look: Look, anyway: Boolean): Doubt? {
        val doubt = facelite.enrol(name, listOf(look), gallery, anyway = anyway).doubts[0]
        if (doubt == null) {
            save()
        }
        return doubt
    }

    fun forget(name: String) {
        gallery.remove(name)
        save()
    }

    override fun close() = facelite.close()

    private fun save() {
        try {
            val sealed = gallery.save(vault)
            val stream = file.startWrite()
            try {
                stream.write(sealed)
                file.finishWrite(stream)
            } catch (error: IOException) {
                file.failWrite(stream)
                throw error
            }
        } catch (error: Exception) { // a full disk, a Keystore that does not work
            throw NotStored(error)
        }
    }
}

/** A change of the gallery was made, and could not be stored: it holds until the app is closed. */
class NotStored(override val cause: Exception) : Exception(cause)
