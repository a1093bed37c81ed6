package org.facelite.android

import android.content.res.AssetManager
import org.facelite.Assets

/** The folder of an app's assets that `facelite pack android` wrote. */
public class AssetFolder @JvmOverloads constructor(private val assets: AssetManager, private val folder: String = "facelite") : Assets {
    override fun read(name: String): ByteArray = assets.open("$folder/$name").use { it.readBytes() }
}
