package org.facelite

import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec

/** Seals a gallery before it is stored. */
public interface Vault {
    /** @throws FaceliteException where the key cannot be used. */
    public fun seal(plain: ByteArray): ByteArray

    /**
     * The inverse of [seal].
     *
     * @throws FaceliteException for bytes that this vault did not seal, or that were changed since, and where the key cannot be used.
     */
    public fun open(sealed: ByteArray): ByteArray
}

/**
 * A vault by AES-GCM. Each time a new key encrypts the content, and [key] encrypts that key: hardware that guards [key] is slow, and sees 32 bytes.
 *
 * It notices bytes that were changed, not older ones that are put back. Every thread may use it.
 */
public class AesVault(private val key: SecretKey) : Vault {
    override fun seal(plain: ByteArray): ByteArray {
        try {
            val inner = ByteArray(KEY).also(SecureRandom()::nextBytes)
            return encrypt(key, inner) + encrypt(SecretKeySpec(inner, "AES"), plain)
        } catch (error: GeneralSecurityException) {
            throw FaceliteException("expected a key that encrypts, got ${error.message}; remove the key and enrol again", error)
        }
    }

    override fun open(sealed: ByteArray): ByteArray {
        try {
            val inner = decrypt(key, sealed, 0, SEALED_KEY)
            return decrypt(SecretKeySpec(inner, "AES"), sealed, SEALED_KEY, sealed.size - SEALED_KEY)
        } catch (error: GeneralSecurityException) {
            throw FaceliteException("expected bytes that were sealed with this key, got others, changed ones or a lost key; enrol again", error)
        }
    }

    /** The initialisation vector, which the key's provider draws, the ciphertext, the tag. */
    private fun encrypt(key: SecretKey, plain: ByteArray): ByteArray {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, key)
        return cipher.iv + cipher.doFinal(plain)
    }

    private fun decrypt(key: SecretKey, sealed: ByteArray, from: Int, size: Int): ByteArray {
        if (size < IV + TAG || from + size > sealed.size) {
            throw GeneralSecurityException("too short")
        }
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(8 * TAG, sealed, from, IV))
        return cipher.doFinal(sealed, from + IV, size - IV)
    }

    private companion object {
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val IV = 12 // bytes
        const val TAG = 16
        const val KEY = 32
        const val SEALED_KEY = IV + KEY + TAG
    }
}
