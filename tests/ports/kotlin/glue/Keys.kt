package glue

import android.security.keystore.KeyGenParameterSpec
import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec

private val KEYS: MutableMap<String, Key> = ConcurrentHashMap()

/** The Android Keystore's names with keys in memory. As there, a new key replaces one of its name. */
class Keys : Provider("AndroidKeyStore", "1", "keys in memory") {
    init {
        put("KeyStore.AndroidKeyStore", Store::class.java.name)
        put("KeyGenerator.AES", Generator::class.java.name)
    }

    class Generator : KeyGeneratorSpi() {
        private lateinit var alias: String

        override fun engineInit(params: AlgorithmParameterSpec, random: SecureRandom?) {
            alias = (params as KeyGenParameterSpec).keystoreAlias
        }

        override fun engineGenerateKey(): SecretKey {
            Thread.sleep(SLOW) // hardware takes its time
            return SecretKeySpec(ByteArray(32).also(SecureRandom()::nextBytes), "AES").also { KEYS[alias] = it }
        }

        override fun engineInit(random: SecureRandom) = unasked()

        override fun engineInit(keysize: Int, random: SecureRandom) = unasked()
    }

    class Store : KeyStoreSpi() {
        override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit

        override fun engineGetKey(alias: String, password: CharArray?): Key? = KEYS[alias]

        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

        override fun engineGetCertificate(alias: String): Certificate? = null

        override fun engineGetCreationDate(alias: String): Date? = null

        override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?) = unasked()

        override fun engineSetKeyEntry(alias: String, key: ByteArray, chain: Array<Certificate>?) = unasked()

        override fun engineSetCertificateEntry(alias: String, certificate: Certificate) = unasked()

        override fun engineDeleteEntry(alias: String) = unasked()

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(KEYS.keys)

        override fun engineContainsAlias(alias: String): Boolean = alias in KEYS

        override fun engineSize(): Int = KEYS.size

        override fun engineIsKeyEntry(alias: String): Boolean = alias in KEYS

        override fun engineIsCertificateEntry(alias: String): Boolean = false

        override fun engineGetCertificateAlias(certificate: Certificate): String? = null

        override fun engineStore(stream: OutputStream?, password: CharArray?) = unasked()
    }

    private companion object {
        const val SLOW = 100L // ms

        fun unasked(): Nothing = throw UnsupportedOperationException()
    }
}
