import FathomGraph

/// A block that learns what to add to its input: y = x + body(x) (He et al. 2015).
///
/// [B, …, features] → the body's output shape. Where the body changes the number of features, or strides over an image, the
/// input is carried over as `shortcut` says (parameters `projection.weight` and, normalised, `projection.norm`). The body's layers are named as those of a ``Sequential``.
///
/// ```swift
/// Residual { Dense(64); ReLU(); Dense(64) }                 // y = x + …
/// Residual(activation: .relu) { Dense(64); ReLU(); Dense(64) }  // y = relu(x + …), the original of 2015
/// Residual.preActivation(64)                                // y = x + dense(relu(norm(dense(relu(norm(x)))))), 2016
/// ```
public struct Residual: LayerContainer {
    /// What is added to the input; its output shape is the block's.
    public let body: Sequential
    /// Used only where the shapes of input and body differ; else the input itself is added.
    public let shortcut: Shortcut
    /// Applied to the sum.
    public let activation: Activation?
    /// After a normalised projection.
    private let projectionNorm: BatchNorm?
    let identity: LayerIdentity

    /// Nothing follows the sum unless an activation is given.
    public init(
        _ body: Sequential, shortcut: Shortcut = .projection, activation: Activation? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.body = body
        self.shortcut = shortcut
        self.activation = activation
        projectionNorm = shortcut == .normalizedProjection ? BatchNorm(file: file, line: line) : nil
        identity = LayerIdentity(file: file, line: line)
    }

    /// A body in braces; without an activation nothing follows the sum.
    public init(
        shortcut: Shortcut = .projection, activation: Activation? = nil, file: StaticString = #fileID,
        line: UInt = #line,
        @LayerBuilder _ content: () -> [any Layer]
    ) {
        self.init(Sequential(content()), shortcut: shortcut, activation: activation, file: file, line: line)
    }

    /// A block with normalisation and activation before each of `depth` dense layers, and nothing after the sum, so that
    /// the input passes through any number of blocks unchanged (He et al. 2016, "Identity mappings").
    public static func preActivation(
        _ units: Int, depth: Int = 2, activation: Activation = .relu, normalizing: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Residual {
        Residual(file: file, line: line) {
            for _ in 0..<max(depth, 0) {
                if normalizing { BatchNorm(file: file, line: line) }
                Activate(activation, file: file, line: line)
                Dense(units, file: file, line: line)
            }
        }
    }

    /// A block of `depth` dense layers, each normalised, with the activation between them and after the sum (He et al.
    /// 2015).
    public static func postActivation(
        _ units: Int, depth: Int = 2, activation: Activation = .relu, normalizing: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Residual {
        Residual(activation: activation, file: file, line: line) {
            for i in 0..<max(depth, 0) {
                if i > 0 { Activate(activation, file: file, line: line) }
                Dense(units, file: file, line: line)
                if normalizing { BatchNorm(file: file, line: line) }
            }
        }
    }

    public var namedChildren: [(name: String, layer: any Layer)] {
        body.namedChildren + (projectionNorm.map { [("projection.norm", $0)] } ?? [])
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "residual") { layer in
            let branch = body(x)
            guard branch.id != nil else { return x.poison }
            var carried = layer.carry(x, to: branch.shape, by: shortcut, op: "residual")
            if let projectionNorm, branch.shape != x.shape { carried = projectionNorm(carried) }
            let sum = carried + branch
            return activation.map { $0(sum) } ?? sum
        }
    }
}
