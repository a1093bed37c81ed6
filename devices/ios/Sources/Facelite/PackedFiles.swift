#if SWIFT_PACKAGE
import Foundation

/// The folders of the files that this package was packed with.
public enum PackedFiles {
    /// For `CoreMLModels`.
    public static var coreML: URL { folder("coreml") }
    /// For models in TensorFlow Lite's format.
    public static var tflite: URL { folder("tflite") }

    private static func folder(_ name: String) -> URL {
        (Bundle.module.resourceURL ?? Bundle.module.bundleURL).appendingPathComponent(name)
    }
}
#endif
