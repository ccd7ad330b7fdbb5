import FathomGraph

/// A part of a model: a description of a computation, without values of its own.
///
/// A layer is an immutable value. What it learns lives in the training state under the layer's path, which comes from the
/// names of stored properties (`encoder.weight`). Compose layers by storing and calling them:
///
/// ```swift
/// struct Autoencoder: Layer {
///     let encoder = Dense(32), decoder = Dense(784)
///     func callAsFunction(_ x: Tensor) -> Tensor { decoder(tanh(encoder(x))) }
/// }
/// ```
///
/// A layer with parameters of its own stores a ``LayerIdentity`` and declares them inside ``Tensor/inLayer(_:kind:_:)``.
public protocol Layer: Sendable {
    /// Records the layer's computation on `x`, whose first axis is the batch.
    func callAsFunction(_ x: Tensor) -> Tensor
}

/// What makes a layer value itself: copies of a layer share it, two layers never do.
public final class LayerIdentity: Sendable {
    /// Where the layer was made, `file:line`.
    public let location: String

    /// A new identity; the defaults name the place of the call, so hand on those of the layer's own initialiser.
    public init(file: StaticString = #fileID, line: UInt = #line) { location = "\(file):\(line)" }
}

/// A layer that names its children itself instead of by its stored properties.
public protocol LayerContainer: Layer {
    /// The children with the names that become part of their paths; a child without a name has its parent's path.
    var namedChildren: [(name: String, layer: any Layer)] { get }
}

/// Marks deliberate sharing; see ``Shared``.
package protocol SharedLayer: Layer {}

/// A layer that may stand in several places of a model, with one set of weights.
public struct Shared<Content: Layer>: SharedLayer {
    /// What stands in several places; its weights lie under the path of the first.
    public let layer: Content

    /// Wrap every place of the same layer: one that is not wrapped, after another, is an error of the model.
    public init(_ layer: Content) { self.layer = layer }

    public func callAsFunction(_ x: Tensor) -> Tensor { layer(x) }
}
