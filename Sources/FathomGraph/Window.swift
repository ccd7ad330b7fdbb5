/// A window that slides over the spatial axes of images: of a convolution or of pooling.
///
/// Images are channels-last: [B, …spatial…, channels] with one to three spatial axes. Along each axis the output at `o` sees the
/// inputs `o · stride + k · dilation − low` for the taps k = 0 ..< `extent`; what lies outside is padding.
public struct Window: Hashable, Sendable, CustomStringConvertible {
    /// One spatial axis.
    public struct Axis: Hashable, Sendable {
        /// The number of taps.
        public var extent: Int
        /// Elements from one output's window to the next one's.
        public var stride: Int
        /// From tap to tap.
        public var dilation: Int
        /// Padding before the first and after the last element.
        public var low: Int
        /// Padding after the last element.
        public var high: Int

        /// One axis with `extent` taps. Whether the numbers make sense is checked where the window is used.
        public init(_ extent: Int, stride: Int = 1, dilation: Int = 1, low: Int = 0, high: Int = 0) {
            (self.extent, self.stride, self.dilation, self.low, self.high) = (extent, stride, dilation, low, high)
        }

        /// From the first tap to the last, both included.
        public var reach: Int { (extent - 1) * dilation + 1 }

        /// The number of outputs for `n` inputs.
        public func outputs(_ n: Int) -> Int { n + low + high < reach ? 0 : (n + low + high - reach) / stride + 1 }

        /// The input that a tap of an output meets, or `nil` in the padding.
        public func input(_ output: Int, _ tap: Int, of n: Int) -> Int? {
            let i = output * stride + tap * dilation - low
            return i >= 0 && i < n ? i : nil
        }
    }

    /// The spatial axes, outermost first.
    public var axes: [Axis]

    /// A window over one to three spatial axes.
    public init(_ axes: [Axis]) { self.axes = axes }

    /// The taps in all.
    public var taps: Int { axes.reduce(1) { $0 * $1.extent } }

    public var description: String {
        func list(_ value: (Axis) -> Int, unless usual: Int) -> String? {
            axes.allSatisfy { value($0) == usual } ? nil : axes.map { "\(value($0))" }.joined(separator: "x")
        }
        var text = axes.map { "\($0.extent)" }.joined(separator: "x")
        if let strides = list(\.stride, unless: 1) { text += " stride=\(strides)" }
        if let dilations = list(\.dilation, unless: 1) { text += " dilation=\(dilations)" }
        if axes.contains(where: { $0.low != 0 || $0.high != 0 }) {
            text += " padding=" + axes.map { "\($0.low):\($0.high)" }.joined(separator: "x")
        }
        return text
    }

    /// The largest extent, stride, dilation or padding: products of three stay far below what an integer holds.
    static let largest = 1 << 16

    /// What is wrong with the window for these spatial extents, and how to mend it.
    ///
    /// - Parameter needsElements: whether every window must hold an element, as pooling needs it.
    func mistake(for spatial: [Int], needsElements: Bool) -> (message: String, hint: String)? {
        if axes.isEmpty || axes.count > 3 {
            return ("a window of \(axes.count) axes", "images have one to three spatial axes")
        }
        if spatial.count != axes.count {
            return (
                "a window of \(axes.count) axes does not fit \(spatial.count) spatial axes",
                "the operand must be [B, …\(axes.count) spatial axes…, channels]"
            )
        }
        for (axis, n) in zip(axes, spatial) {
            let numbers = [axis.extent, axis.stride, axis.dilation]
            if numbers.contains(where: { $0 < 1 || $0 > Self.largest }) {
                return (
                    "window \(self) has an extent, stride or dilation outside 1…\(Self.largest)", "use 1 or more"
                )
            }
            if axis.low < 0 || axis.high < 0 || axis.low > Self.largest || axis.high > Self.largest {
                return ("padding \(axis.low):\(axis.high) is outside 0…\(Self.largest)", "use 0 or more")
            }
            if needsElements, axis.low >= axis.reach || axis.high >= axis.reach {
                return (
                    "padding \(axis.low):\(axis.high) does not fit a window that reaches \(axis.reach) elements",
                    "pad by less than the window's reach, so that no window lies outside"
                )
            }
            if axis.outputs(n) < 1 {
                return (
                    "a window that reaches \(axis.reach) does not fit \(n) elements",
                    "use a smaller window, less dilation, or padding"
                )
            }
        }
        return nil
    }
}
