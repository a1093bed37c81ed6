plugins {
    id("com.android.library") version "9.1.0" apply false // compiles Kotlin too, since 9.0
    id("com.android.application") version "9.1.0" apply false
}
