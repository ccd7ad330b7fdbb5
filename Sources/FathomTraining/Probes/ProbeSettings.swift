/// What is watched while a model trains: which layers, when, what, and how much of it.
///
/// Watching never changes a bit of the training.
public struct ProbeSettings: Sendable, Hashable {
    /// A value at the boundary of a layer.
    public enum Quantity: String, Sendable, Hashable, CaseIterable {
        /// What goes into the activation, z; a layer without one has only `a`.
        case preActivation = "z"
        /// What the layer hands on, a.
        case activation = "a"
        case preActivationGradient = "z.gradient"
        case activationGradient = "a.gradient"
        /// Each trainable tensor of two or more axes, as it was in the step.
        case weight
        case weightGradient = "weight.gradient"
        /// What the step adds to the weight.
        case weightUpdate = "weight.update"
    }

    /// A watched step every so many, from the first.
    public var interval: Int
    /// Paths of layers, in which `*` stands for anything; all of them by default.
    public var layers: [String]
    /// What is looked at of each of these layers.
    public var quantities: Set<Quantity>
    /// About how many elements of a value a watched step looks at, in whole rows (examples of an activation, inputs of a
    /// weight) and at least one; the next step looks at other rows. 0 looks at everything.
    public var sample: Int
    /// Whether magnitudes are counted too, by exponent.
    public var hasHistograms: Bool

    /// By default every quantity of every layer in every step, about 256 elements of each.
    ///
    /// The parameters are the properties of the same names.
    public init(
        interval: Int = 1, layers: [String] = ["*"], quantities: Set<Quantity> = Set(Quantity.allCases),
        sample: Int = 256, hasHistograms: Bool = true
    ) {
        (self.interval, self.layers, self.quantities) = (interval, layers, quantities)
        (self.sample, self.hasHistograms) = (sample, hasHistograms)
    }

    /// Whether a step is watched; steps count from 1.
    public func watches(step: Int) -> Bool { step > 0 && (step - 1) % max(1, interval) == 0 }

    /// Whether a layer's path fits one of ``layers``.
    public func matches(_ path: String) -> Bool { layers.contains { Self.matches(path, pattern: $0) } }

    static func matches(_ path: String, pattern: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return path == pattern }
        guard path.utf8.count >= first.utf8.count + last.utf8.count, path.hasPrefix(first), path.hasSuffix(last) else {
            return false
        }
        var rest = path.dropFirst(first.count).dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }

    /// The distance between the rows looked at of a value.
    func every(_ count: Int) -> Int { sample <= 0 ? 1 : max(1, (count + sample - 1) / sample) }
}
