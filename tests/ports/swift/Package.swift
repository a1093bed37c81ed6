// swift-tools-version: 5.9
import PackageDescription

let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]
let facelite = Target.Dependency.product(name: "Facelite", package: "ios")

let package = Package(
    name: "FaceliteChecks",
    dependencies: [.package(path: "../../../devices/ios")],
    targets: [
        .target(name: "CLiteRT", linkerSettings: [.linkedLibrary("LiteRt")]),
        .target(name: "LiteRtModels", dependencies: ["CLiteRT", facelite], swiftSettings: strict),
        .executableTarget(name: "Driver", dependencies: ["LiteRtModels", facelite], swiftSettings: strict),
        .testTarget(name: "FaceliteTests", dependencies: ["LiteRtModels", facelite], swiftSettings: strict),
    ])
