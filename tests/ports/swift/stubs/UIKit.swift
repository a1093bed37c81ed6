// What the sample uses of UIKit: developer.apple.com/documentation/uikit
@_exported import Foundation

open class CALayer {
    public init() { fatalError() }
}

@MainActor open class UIView {
    public init() { fatalError() }
    open class var layerClass: AnyClass { fatalError() }
    public var layer: CALayer { fatalError() }
}
