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
    /// In the order in which they run.
    public let layers: [any Layer]

    /// Layers from an array; without any the input is passed on.
    public init(_ layers: [any Layer]) { self.layers = layers }

    /// Layers in braces, with loops and conditions.
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
    /// Stands in the paths, and so in checkpoints, in place of kind and number.
    public let name: String
    public let layer: any Layer

    /// In paths the name stands for the layer, so that its weight is `name.weight`.
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
    /// A layer by itself.
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    /// An array of layers stands for the layers in it.
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    /// The layers of all lines, in their order.
    public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
    /// The layers of an `if` without `else`; none where the condition does not hold.
    public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
    /// The layers of the first branch of an `if` or `switch`.
    public static func buildEither(first: [any Layer]) -> [any Layer] { first }
    /// The layers of another branch of an `if` or `switch`.
    public static func buildEither(second: [any Layer]) -> [any Layer] { second }
    /// The layers of all rounds of a loop; each round makes layers of its own.
    public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}
