package org.facelite.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import org.facelite.AesVault
import org.facelite.Vault
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.ProviderException
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/**
 * A vault whose key never leaves the Android Keystore: in StrongBox where the device has one, else in its trusted environment.
 *
 * The key is made when there is none of the name [alias]. It does not move to another device and goes with the app: a gallery that it sealed is then
 * lost. Not for the main thread.
 *
 * @throws GeneralSecurityException where the Keystore does not work.
 */
public class KeystoreVault
@JvmOverloads
@Throws(GeneralSecurityException::class)
constructor(alias: String = "facelite") : Vault by AesVault(key(alias)) {
    private companion object {
        const val PROVIDER = "AndroidKeyStore"

        /** By one thread at a time: making a key replaces another of its name, and what that one sealed is lost. */
        @Synchronized
        fun key(alias: String): SecretKey {
            val store = KeyStore.getInstance(PROVIDER).apply { load(null) }
            return store.getKey(alias, null) as SecretKey? ?: newKey(alias)
        }

        fun newKey(alias: String): SecretKey {
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
                try {
                    return generate(specification(alias).setIsStrongBoxBacked(true))
                } catch (_: ProviderException) {
                    // StrongBoxUnavailableException: no StrongBox
                }
            }
            return generate(specification(alias))
        }

        fun specification(alias: String): KeyGenParameterSpec.Builder =
            KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setKeySize(256)

        fun generate(builder: KeyGenParameterSpec.Builder): SecretKey =
            KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).apply { init(builder.build()) }.generateKey()
    }
}
