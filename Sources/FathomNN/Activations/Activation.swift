import FathomGraph

/// A function with a name: what stands between the weighted sums.
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
    /// Whether every output element depends on the input element at its place alone; false for softmax and gates, which
    /// mix the features of a row and may change their number.
    public let isElementwise: Bool
    public let function: @Sendable (Tensor) -> Tensor

    public init(
        _ name: String, parameters: [String: Double] = [:], isElementwise: Bool = true,
        _ function: @escaping @Sendable (Tensor) -> Tensor
    ) {
        self.name = name
        self.parameters = parameters
        self.isElementwise = isElementwise
        self.function = function
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        let y = function(x)
        x.trace.note(self, input: x, output: y)
        return y
    }
}

extension Activation: CustomStringConvertible {
    /// The name, and the parameters where there are any: `leakyRelu(slope=0.2)`.
    public var description: String {
        if parameters.isEmpty { return name }
        return name + "("
            + parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + ")"
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
