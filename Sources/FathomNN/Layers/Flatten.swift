import FathomGraph

/// All axes after the first joined into one: [B, …] → [B, n].
public struct Flatten: Layer {
    let identity: LayerIdentity

    /// Makes a layer without settings; `file` and `line` are named in messages about it.
    public init(file: StaticString = #fileID, line: UInt = #line) { identity = LayerIdentity(file: file, line: line) }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "flatten") { layer in
            guard x.rank >= 1 else { return layer.fail("flatten", [x], "needs an input of shape [B, …]") }
            return x.flattened()
        }
    }
}

/// Each example in another shape: [B, …] → [B] + `shape`, with as many elements. One extent may be −1 and is inferred.
public struct Reshape: Layer {
    /// The extents of one example.
    public let shape: [Int]
    let identity: LayerIdentity

    /// The extents of one example, without the batch axis.
    public init(_ shape: [Int], file: StaticString = #fileID, line: UInt = #line) {
        self.shape = shape
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "reshape") { layer in
            guard x.rank >= 1 else { return layer.fail("reshape", [x], "needs an input of shape [B, …]") }
            return x.reshaped(to: [x.shape[0]] + shape.map { .fixed($0) })
        }
    }
}

/// Its input: a place holder.
public struct Identity: Layer {
    let identity: LayerIdentity

    /// Makes a layer without settings; `file` and `line` are named in messages about it.
    public init(file: StaticString = #fileID, line: UInt = #line) { identity = LayerIdentity(file: file, line: line) }

    public func callAsFunction(_ x: Tensor) -> Tensor { x }
}

/// Any function of a tensor as a layer without parameters.
///
/// It has no form as data: a model that holds one cannot be written to a file.
public struct Lambda: Layer {
    /// The layer's kind in reports and messages.
    public let name: String
    /// Runs while a model is traced, not in every step.
    public let function: @Sendable (Tensor) -> Tensor
    let identity: LayerIdentity

    /// A layer of the kind `name` that records what `function` does to its input.
    public init(
        _ name: String, file: StaticString = #fileID, line: UInt = #line,
        _ function: @escaping @Sendable (Tensor) -> Tensor
    ) {
        self.name = name
        self.function = function
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor { x.inLayer(identity, kind: name) { _ in function(x) } }
}
