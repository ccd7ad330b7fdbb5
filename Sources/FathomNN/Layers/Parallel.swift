import FathomGraph

/// Layers side by side on one input, their outputs joined.
///
/// Each layer in the braces is a branch; use a ``Sequential`` for a branch of several. Branches are named as the layers of a
/// `Sequential` are.
///
/// ```swift
/// Parallel { Dense(16); Sequential { Dense(16); ReLU() } }   // [B, n] → [B, 32]
/// ```
public struct Parallel: LayerContainer {
    /// How outputs become one.
    public enum Join: String, Sendable, Hashable, CaseIterable {
        /// One after the other along the last axis; the other axes must agree.
        case concatenation
        /// Added; the shapes must agree.
        case sum
    }

    /// Each sees the whole input.
    public let branches: [any Layer]
    public let join: Join
    let identity: LayerIdentity

    /// Branches from an array; none at all is an error of the model.
    public init(
        _ branches: [any Layer], joinedBy join: Join = .concatenation, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.branches = branches
        self.join = join
        identity = LayerIdentity(file: file, line: line)
    }

    /// Branches in braces, one for each layer.
    public init(
        joinedBy join: Join = .concatenation, file: StaticString = #fileID, line: UInt = #line,
        @LayerBuilder _ content: () -> [any Layer]
    ) {
        self.init(content(), joinedBy: join, file: file, line: line)
    }

    public var namedChildren: [(name: String, layer: any Layer)] { Sequential(branches).namedChildren }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: "parallel") { layer in
            let outputs = branches.map { $0(x) }
            guard let first = outputs.first else {
                return layer.fail("parallel", [x], "has no branch", hint: "put at least one layer inside")
            }
            guard outputs.allSatisfy({ $0.id != nil }) else { return x.poison }
            switch join {
            case .concatenation: return Tensor.concatenate(outputs, axis: -1)
            case .sum:
                guard outputs.allSatisfy({ $0.shape == first.shape }) else {
                    return layer.fail(
                        "parallel", outputs, "branches of different shapes cannot be added",
                        hint: "give the branches one width, or join them by concatenation")
                }
                return outputs.dropFirst().reduce(first, +)
            }
        }
    }
}
