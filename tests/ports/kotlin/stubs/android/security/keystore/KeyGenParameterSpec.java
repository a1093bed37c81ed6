// Source: https://developer.android.com/reference/android/security/keystore/KeyGenParameterSpec
package android.security.keystore;

import java.security.spec.AlgorithmParameterSpec;

/** Knows its name; the rest is Android's. */
public final class KeyGenParameterSpec implements AlgorithmParameterSpec {
    private final String alias;

    private KeyGenParameterSpec(String alias) {
        this.alias = alias;
    }

    public String getKeystoreAlias() {
        return alias;
    }

    public static final class Builder {
        private final String alias;

        public Builder(String keystoreAlias, int purposes) {
            alias = keystoreAlias;
        }

        public Builder setBlockModes(String... blockModes) {
            return this;
        }

        public Builder setEncryptionPaddings(String... paddings) {
            return this;
        }

        public Builder setKeySize(int keySize) {
            return this;
        }

        public Builder setIsStrongBoxBacked(boolean isStrongBoxBacked) {
            return this;
        }

        public KeyGenParameterSpec build() {
            return new KeyGenParameterSpec(alias);
        }
    }
}
