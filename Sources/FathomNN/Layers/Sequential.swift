/// Layers one after the other.
///
/// ```swift
/// let model = Sequential {
///     for width in [256, 128] { Dense(width); BatchNorm(); ReLU() }
///     Dense(10)
/// }
/// ```
///
/// Children are named by kind and order of that kind (`dense1`, `dense2`, `batchNorm1`), so that inserting a
/// normalisation leaves the names of the dense layers, and so their saved weights, as they were.
public struct Sequential: LayerContainer {
    public let layers: [any Layer]

    public init(_ layers: [any Layer]) { self.layers = layers }

    public init(@LayerBuilder _ content: () -> [any Layer]) { layers = content() }

    public var namedChildren: [(name: String, layer: any Layer)] {
        var counts: [String: Int] = [:]
        return layers.map { layer in
            if let named = layer as? Named { return (named.name, named) }
            let kind = Self.kind(of: layer)
            counts[kind, default: 0] += 1
            return ("\(kind)\(counts[kind, default: 1])", layer)
        }
    }

    /// The type's name in lower camel case, without generic arguments: `BatchNorm` → `batchNorm`, `PReLU` → `prelu`.
    static func kind(of layer: any Layer) -> String {
        if let activation = layer as? Activate { return activation.activation.name }
        let name = String("\(type(of: layer))".prefix { $0 != "<" })
        let uppercase = name.prefix { $0.isUppercase }.count
        return uppercase > 1 && uppercase < name.count
            ? name.lowercased() : name.prefix(1).lowercased() + name.dropFirst()
    }

    public func callAsFunction(_ x: Tensor) -> Tensor { layers.reduce(x) { $1($0) } }
}

/// A layer under a name chosen by the user, which becomes part of its path.
public struct Named: Layer, LayerContainer {
    public let name: String
    public let layer: any Layer

    public init(_ name: String, _ layer: any Layer) {
        self.name = name
        self.layer = layer
    }

    public var namedChildren: [(name: String, layer: any Layer)] { [("", layer)] }

    public func callAsFunction(_ x: Tensor) -> Tensor { layer(x) }
}

extension Layer {
    /// This layer under a name of its own inside a ``Sequential``.
    public func named(_ name: String) -> Named { Named(name, self) }
}

/// Collects layers, with loops and conditions.
@resultBuilder
public enum LayerBuilder {
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
    public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
    public static func buildEither(first: [any Layer]) -> [any Layer] { first }
    public static func buildEither(second: [any Layer]) -> [any Layer] { second }
    public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}
