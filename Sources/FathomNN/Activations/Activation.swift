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
    /// The function alone; calling the activation also notes in the trace where it was applied.
    public let function: @Sendable (Tensor) -> Tensor

    /// An activation from a formula.
    ///
    /// - Parameters:
    ///   - name: what configurations, paths and reports call it.
    ///   - parameters: for display and encoding only; the function must hold their values itself.
    ///   - isElementwise: false when an output element depends on more than the input element at its place.
    ///   - function: builds the output from the input with operations on tensors, which also give its gradient.
    public init(
        _ name: String, parameters: [String: Double] = [:], isElementwise: Bool = true,
        _ function: @escaping @Sendable (Tensor) -> Tensor
    ) {
        self.name = name
        self.parameters = parameters
        self.isElementwise = isElementwise
        self.function = function
    }

    /// Applies the function and notes the use in the trace, from where automatic initialisation and diagnosis read it.
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

    /// A layer without parameters whose kind is the activation's name.
    ///
    /// The place in the source is named by errors.
    public init(_ activation: Activation, file: StaticString = #fileID, line: UInt = #line) {
        self.activation = activation
        identity = LayerIdentity(file: file, line: line)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.inLayer(identity, kind: activation.name) { _ in activation(x) }
    }
}
