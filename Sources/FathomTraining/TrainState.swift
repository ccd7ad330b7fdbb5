import FathomNN
import FathomRuntime

/// Everything training changes, as a value: parameters, buffers such as running statistics, optimiser slots, the number
/// of steps done and the random seed. It is also the checkpoint.
public struct TrainState: Sendable, Hashable {
    /// One tensor of the state.
    public struct Entry: Sendable, Hashable {
        /// Who changes a tensor: the optimiser a parameter, the layer a buffer; slots are the optimiser's own memory.
        public enum Role: String, Sendable, Hashable {
            case parameter, buffer, slot
        }
        /// `layer.path.weight`, or `optimizer.<slot>.<parameter path>`.
        public let path: String
        /// What the tensor is for.
        public let role: Role
        /// The extents, outermost first; empty for a scalar.
        public let shape: [Int]
        /// Row-major, as many as the shape holds.
        public var values: [Float]

        /// One tensor. Whether the values fill the shape is checked where the state is loaded.
        public init(path: String, role: Role, shape: [Int], values: [Float]) {
            self.path = path
            self.role = role
            self.shape = shape
            self.values = values
        }
    }

    /// Parameters, buffers and slots.
    public var entries: [Entry]
    /// Optimiser steps done.
    public var step: Int
    /// The seed of everything random in training.
    public var seed: UInt64

    /// A state of `step` optimiser steps.
    public init(entries: [Entry], step: Int = 0, seed: UInt64 = 0) {
        self.entries = entries
        self.step = step
        self.seed = seed
    }

    /// The tensor of a path, found by looking at one after the other; `nil` when there is none.
    public subscript(path: String) -> Entry? { entries.first { $0.path == path } }

    /// The number of trained values.
    public var parameterCount: Int { entries.reduce(0) { $0 + ($1.role == .parameter ? $1.values.count : 0) } }
}
