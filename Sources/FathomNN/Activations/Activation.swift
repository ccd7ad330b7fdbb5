import FathomGraph

/// An elementwise function with a name: what stands between the weighted sums.
///
/// A user's own formula is one line, and gets its gradient, its kernel, its facts and its plot from it:
///
/// ```swift
/// let swish = Activation("mySwish") { x in x * sigmoid(x) }
/// ```
public struct Activation: Sendable {
    /// The name in configurations, paths and reports.
    public let name: String
    /// The parameters it was made with, such as a slope, for display and encoding.
    public let parameters: [String: Double]
    public let function: @Sendable (Tensor) -> Tensor

    public init(_ name: String, parameters: [String: Double] = [:], _ function: @escaping @Sendable (Tensor) -> Tensor) {
        self.name = name
        self.parameters = parameters
        self.function = function
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        let y = function(x)
        x.trace.note(self, input: x, output: y)
        return y
    }
}

/// An activation as a layer.
public struct Activate: Layer {
    public let activation: Activation
    let identity: LayerIdentity

    public init(_ activation: Activation, file: StaticString = #fileID, line: UInt = #line) {
        self.activation = activation
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: activation.name) { _ in activation(x) }
    }
}

extension Activation {
    public static let identity = Activation("identity") { $0 }
    public static let relu = Activation("relu") { FathomNN.relu($0) }
    public static let tanh = Activation("tanh") { FathomNN.tanh($0) }
    public static let sigmoid = Activation("sigmoid") { FathomNN.sigmoid($0) }
}

/// max(x, 0) as a layer.
public func ReLU(file: StaticString = #fileID, line: UInt = #line) -> Activate { Activate(.relu, file: file, line: line) }
/// tanh as a layer.
public func Tanh(file: StaticString = #fileID, line: UInt = #line) -> Activate { Activate(.tanh, file: file, line: line) }
/// 1 / (1 + e⁻ˣ) as a layer.
public func Sigmoid(file: StaticString = #fileID, line: UInt = #line) -> Activate {
    Activate(.sigmoid, file: file, line: line)
}
