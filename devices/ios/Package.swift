// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "Facelite",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Facelite", targets: ["Facelite"])],
    targets: [
        .target(
            name: "Facelite",
            resources: [.copy("Resources/coreml"), .copy("Resources/tflite"), .copy("PrivacyInfo.xcprivacy")],
            swiftSettings: [.enableExperimentalFeature("StrictConcurrency")])
    ])
