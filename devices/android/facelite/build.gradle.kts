plugins {
    id("com.android.library")
}

android {
    namespace = "org.facelite"
    compileSdk = 36

    defaultConfig {
        minSdk = 23
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    androidResources {
        noCompress += "tflite" // an app that uses this library says so too: what is compressed is its decision
    }
}

kotlin {
    explicitApi()
}

dependencies {
    // Not 2.1.6 or 2.2.0: they bring litert-api, which has the same namespace, and AGP 9 refuses that (LiteRT's issue 8474).
    api("com.google.ai.edge.litert:litert:2.1.5")
    compileOnly("androidx.camera:camera-core:1.5.3") // for frames of CameraX: an app that has them has it
}
