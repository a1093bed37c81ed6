plugins {
    id("com.android.application")
}

android {
    namespace = "org.facelite.sample"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.facelite.sample"
        minSdk = 23
        targetSdk = 36
        versionCode = 1
        versionName = "1"
        ndk {
            // LiteRT's: CameraX has others too, with which the app would be installed where it cannot run
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }

    androidResources {
        noCompress += "tflite"
    }
}

dependencies {
    implementation(project(":facelite"))
    implementation("androidx.activity:activity:1.11.0")
    implementation("androidx.camera:camera-camera2:1.5.3")
    implementation("androidx.camera:camera-lifecycle:1.5.3")
    implementation("androidx.camera:camera-view:1.5.3")
}
