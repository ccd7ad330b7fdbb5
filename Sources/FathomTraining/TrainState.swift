import FathomNN
import FathomRuntime

/// Everything training changes, as a value: parameters, buffers such as running statistics, optimiser slots, the number
/// of steps done and the random seed. It is also the checkpoint.
public struct TrainState: Sendable, Hashable {
    /// One tensor of the state.
    public struct Entry: Sendable, Hashable {
        public enum Role: String, Sendable, Hashable {
            case parameter, buffer, slot
        }
        /// `layer.path.weight`, or `optimizer.<slot>.<parameter path>`.
        public let path: String
        public let role: Role
        public let shape: [Int]
        /// Row-major, as many as the shape holds.
        public var values: [Float]

        public init(path: String, role: Role, shape: [Int], values: [Float]) {
            self.path = path
            self.role = role
            self.shape = shape
            self.values = values
        }
    }

    public var entries: [Entry]
    /// Optimiser steps done.
    public var step: Int
    /// The seed of everything random in training.
    public var seed: UInt64

    public init(entries: [Entry], step: Int = 0, seed: UInt64 = 0) {
        self.entries = entries
        self.step = step
        self.seed = seed
    }

    public subscript(path: String) -> Entry? { entries.first { $0.path == path } }

    /// The number of trained values.
    public var parameterCount: Int { entries.reduce(0) { $0 + ($1.role == .parameter ? $1.values.count : 0) } }
}
