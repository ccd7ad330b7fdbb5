import FathomGraph

/// Convolutions and pooling, output by output and tap by tap.
struct Windows {
    let window: Window
    /// The extents of the input and of the output: images, spatial axes, channels.
    let input: [Int]
    let output: [Int]

    /// For every output position and tap inside the image: their places without channels, counted over all images.
    func visit(_ body: (_ output: Int, _ tap: Int, _ input: Int) -> Void) {
        let (ins, outs) = (Array(input.dropFirst().dropLast()), Array(output.dropFirst().dropLast()))
        let (inCount, outCount) = (ins.reduce(1, *), outs.reduce(1, *))
        func position(_ flat: Int, _ extents: [Int]) -> [Int] {
            var rest = flat
            var result = [Int](repeating: 0, count: extents.count)
            for a in extents.indices.reversed() {
                (rest, result[a]) = rest.quotientAndRemainder(dividingBy: extents[a])
            }
            return result
        }
        let extents = window.axes.map(\.extent)
        for o in 0..<outCount {
            let at = position(o, outs)
            for tap in 0..<window.taps {
                let taps = position(tap, extents)
                var flat = 0
                var isInside = true
                for (a, axis) in window.axes.enumerated() {
                    guard let i = axis.input(at[a], taps[a], of: ins[a]) else {
                        isInside = false
                        break
                    }
                    flat = flat * ins[a] + i
                }
                guard isInside else { continue }
                for image in 0..<input[0] { body(image * outCount + o, tap, image * inCount + flat) }
            }
        }
    }

    /// Every product of a convolution: the places of the output, the input and the weight that meet.
    func visitProducts(groups: Int, _ body: (_ output: Int, _ input: Int, _ weight: Int) -> Void) {
        let (inputs, outputs) = (input[input.count - 1], output[output.count - 1])
        let (perIn, perOut) = (inputs / groups, outputs / groups)
        visit { o, tap, i in
            for group in 0..<groups {
                for channel in 0..<perIn {
                    for out in (group * perOut)..<((group + 1) * perOut) {
                        body(
                            o * outputs + out, i * inputs + group * perIn + channel,
                            (tap * perIn + channel) * outputs + out)
                    }
                }
            }
        }
    }

    /// The tap of the first largest element of each window, NaN counting as largest.
    func argMax(_ x: [Double]) -> [Double] {
        let channels = input[input.count - 1]
        var best = [(tap: Int, value: Double)?](repeating: nil, count: output.reduce(1, *))
        visit { o, tap, i in
            for c in 0..<channels {
                let value = x[i * channels + c]
                if let known = best[o * channels + c], !(value > known.value || value.isNaN && !known.value.isNaN) {
                    continue
                }
                best[o * channels + c] = (tap, value)
            }
        }
        return best.map { Double($0?.tap ?? 0) }
    }
}

extension Interpreter {
    /// The value of an operation on windows, or `nil` for any other.
    static func windowed(_ op: Op, _ x: [ReferenceTensor], _ shape: [Int]) -> ReferenceTensor? {
        var out = [Double](repeating: 0, count: shape.reduce(1, *))
        switch op {
        case .convolution(let window, let groups):
            Windows(window: window, input: x[0].shape, output: shape).visitProducts(groups: groups) { o, i, w in
                out[o] += x[0].values[i] * x[1].values[w]
            }
        case .convolutionInputGradient(let window, let groups):
            Windows(window: window, input: shape, output: x[0].shape).visitProducts(groups: groups) { o, i, w in
                out[i] += x[0].values[o] * x[1].values[w]
            }
        case .convolutionWeightGradient(let window, let groups):
            Windows(window: window, input: x[0].shape, output: x[1].shape).visitProducts(groups: groups) { o, i, w in
                out[w] += x[0].values[i] * x[1].values[o]
            }
        case .windowSum(let window):
            let channels = shape[shape.count - 1]
            Windows(window: window, input: x[0].shape, output: shape).visit { o, _, i in
                for c in 0..<channels { out[o * channels + c] += x[0].values[i * channels + c] }
            }
        case .windowSpread(let window):
            let channels = shape[shape.count - 1]
            Windows(window: window, input: shape, output: x[0].shape).visit { o, _, i in
                for c in 0..<channels { out[i * channels + c] += x[0].values[o * channels + c] }
            }
        case .windowArgMax(let window):
            out = Windows(window: window, input: x[0].shape, output: shape).argMax(x[0].values)
        case .windowGather(let window):
            let channels = shape[shape.count - 1]
            Windows(window: window, input: x[0].shape, output: shape).visit { o, tap, i in
                for c in 0..<channels where Int(x[1].values[o * channels + c]) == tap {
                    out[o * channels + c] = x[0].values[i * channels + c]
                }
            }
        case .windowScatterAdd(let window):
            let channels = shape[shape.count - 1]
            Windows(window: window, input: shape, output: x[0].shape).visit { o, tap, i in
                for c in 0..<channels where Int(x[1].values[o * channels + c]) == tap {
                    out[i * channels + c] += x[0].values[o * channels + c]
                }
            }
        default: return nil
        }
        return ReferenceTensor(shape: shape, values: out)
    }
}
