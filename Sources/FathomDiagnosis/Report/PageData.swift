import FathomTraining
import Foundation

/// What the pictures of the page are drawn from, in few digits and at most so many points; `null` for what is no number.
struct PageData: Encodable {
    struct Layer: Encodable {
        let path: String
        let kind: String
        let activation: String?
        /// What its units are called: `filter`, `channel` or `unit`.
        let unit: String
        /// √χ by mean-field theory.
        let theory: Double?
    }

    /// A residual block: its branch by its shortcut, one value a look.
    struct Branch: Encodable {
        let path: String
        let signal: [Double?]
        let gradient: [Double?]
    }

    /// How far a gate is open on average, one value a look.
    struct Gate: Encodable {
        let path: String
        let opening: [Double?]
    }

    /// Counts in bins from `low` to `high`.
    struct Histogram: Encodable {
        let low: Double?
        let high: Double?
        let counts: [Int]
    }

    /// One line a layer, one column a look, of values.
    typealias Grid = [[Double?]]

    struct Weights: Encodable {
        let path: String
        let coherence: [Double?]
        let sampleCoherence: [Double?]
        let turning: [Double?]
        let updateRatio: [Double?]
    }

    struct Units: Encodable {
        /// Numbers of the units shown.
        let units: [Int]
        /// One line a unit, one column a look: per cent of the rows for which it fires.
        let fires: [[Int?]]
    }

    struct Series: Encodable {
        let x: [Double]
        let y: [Double?]
    }

    struct Trial: Encodable {
        let title: String
        let verdict: String
        let words: String
        let isRandom: Bool
        let gain: Double?
        let low: Double?
        let high: Double?
        let control: [Double?]
        let treated: [Double?]
    }

    struct Columns: Encodable {
        let indices: [Int]
        let means: [Double?]
        let deviations: [Double?]
    }

    let name: String
    let skillName: String
    let isShare: Bool
    let steps: [Int]
    let layers: [Layer]
    /// Names of the layers with the most to tell, such as those of findings.
    let marked: [String]
    /// Size of the gradient at each layer's output.
    let gradient: Grid
    /// The same at the end of the network.
    let endGradient: [Double?]
    let gain, activationGain, transportGain, activationTheory, transportTheory: Grid
    let sumsMean, sumsDeviation: Grid
    let offCentre, condition: Grid
    let saturated: Grid
    let sums: [[Histogram?]]
    let slopes: [[Histogram?]]
    let units: [Units?]
    let weights: [Weights]
    let branches: [Branch]
    let gates: [Gate]
    let losses: Series
    let oneBatch: Series
    let evaluationSteps: [Int]
    let trainLoss, heldOutLoss, trainSkill, heldOutSkill: [Double?]
    let yardstick: [String: Double]
    let columns: Columns
    let classCounts: [Int]
    let predictedShares: [Double?]
    let trials: [Trial]

    init(_ document: DiagnosisDocument) {
        let looks = document.looks
        // Layers are told by the first look; a container's inside is shown, not the container.
        let kept = (looks.first?.layers ?? []).filter { !$0.isContainer }
        let theory = Dictionary(document.subject.layers.map { ($0.path, $0) }) { a, _ in a }
        // By path, whatever the order of a look.
        let tables = looks.map { look in
            Dictionary(look.layers.filter { !$0.isContainer }.map { ($0.path, $0) }) { a, _ in a }
        }
        func grid(_ value: (Examination.Layer) -> Double?) -> Grid {
            kept.map { layer in tables.map { $0[layer.path].flatMap(value).flatMap(Self.rounded) } }
        }
        name = document.subject.name
        skillName = document.skillName
        isShare = document.subject.classes != nil
        steps = looks.map(\.step)
        layers = kept.map { layer in
            let known = theory[layer.path]
            return Layer(
                path: layer.path.isEmpty ? layer.kind : layer.path, kind: layer.kind, activation: known?.activation,
                unit: known?.unitName ?? "unit",
                theory: known?.chi.flatMap { Self.rounded($0.squareRoot()) })
        }
        marked = document.findings.flatMap(\.layers)
        gradient = grid { $0.outputGradient.size }
        endGradient = looks.map { $0.outerLayers.last.flatMap { Self.rounded($0.outputGradient.size) } }
        gain = grid(\.gain)
        activationGain = grid(\.activationGain)
        transportGain = grid(\.transportGain)
        activationTheory = grid { $0.slope.map { $0.meanSquare.squareRoot() } }
        // Gates and routing make more of a weight than a sum.
        let plain: Set = ["dense", "perInputBias", "convolution"]
        transportTheory = grid { layer in
            layer.weights.count == 1 && plain.contains(layer.kind)
                ? layer.weights[0].backwardFactor.squareRoot() : nil
        }
        sumsMean = grid(\.sums.mean)
        sumsDeviation = grid(\.sums.deviation)
        offCentre = grid(\.inputOffCentre)
        condition = grid(\.inputConditionNumber)
        saturated = grid { $0.slope?.saturated }
        sums = kept.map { layer in
            tables.map { table in
                table[layer.path].map {
                    Histogram(
                        low: Self.rounded($0.sums.minimum), high: Self.rounded($0.sums.maximum),
                        counts: $0.sums.histogram)
                }
            }
        }
        slopes = kept.map { layer in
            tables.map { table in
                table[layer.path]?.slope.map { Histogram(low: 0, high: 1, counts: $0.histogram) }
            }
        }
        units = kept.map { layer in Self.units(tables.map { $0[layer.path]?.slope?.fires ?? [] }) }
        weights = kept.flatMap { layer in
            layer.weights.map { weight in
                let course = tables.map { $0[layer.path]?.weights.first { $0.path == weight.path } }
                func values(_ value: (Examination.Weight) -> Double?) -> [Double?] {
                    course.map { $0.flatMap(value).flatMap(Self.rounded) }
                }
                return Weights(
                    path: weight.path, coherence: values(\.signCoherence),
                    sampleCoherence: values(\.sampleSignCoherence),
                    turning: values(\.turning), updateRatio: values(\.updateRatio))
            }
        }
        let all = looks.map { look in Dictionary(look.layers.map { ($0.path, $0) }) { a, _ in a } }
        let first = looks.first?.layers ?? []
        branches = first.filter { $0.branch != nil }.map { layer in
            let course = all.map { $0[layer.path]?.branch }
            return Branch(
                path: layer.path, signal: course.map { $0.flatMap { Self.rounded($0.signal) } },
                gradient: course.map { $0.flatMap { Self.rounded($0.gradient) } })
        }
        gates = first.flatMap { layer in
            layer.gates.indices.map { i in
                Gate(
                    path: layer.path + (layer.gates.count > 1 ? ", gate \(i + 1)" : ""),
                    opening: all.map { table in
                        table[layer.path].flatMap { $0.gates.count > i ? Self.rounded($0.gates[i].opening) : nil }
                    })
            }
        }
        losses = Self.thinned(document.run?.losses ?? [])
        oneBatch = Self.thinned(document.run?.oneBatch ?? [])
        let evaluations = document.run?.evaluations ?? []
        evaluationSteps = evaluations.map(\.step)
        trainLoss = evaluations.map { Self.rounded($0.train.loss) }
        heldOutLoss = evaluations.map { Self.rounded($0.heldOut.loss) }
        trainSkill = evaluations.map { Self.rounded($0.train.skill) }
        heldOutSkill = evaluations.map { Self.rounded($0.heldOut.skill) }
        let yard = document.subject.yardstick
        yardstick =
            (yard.map {
                ["always the same answer": $0.trivial, "nearest neighbours": $0.neighbours, "linear model": $0.linear]
            } ?? [:]).compactMapValues(Self.rounded)
        let inputs = document.subject.inputs
        let shown = Self.spread(min(inputs.means.count, inputs.deviations.count), most: 256)
        columns = Columns(
            indices: shown, means: shown.map { Self.rounded(inputs.means[$0]) },
            deviations: shown.map { Self.rounded(inputs.deviations[$0]) })
        classCounts = document.subject.targets.classCounts
        predictedShares = (looks.last?.predictions.classShares ?? []).map(Self.rounded)
        trials = (document.treatment?.trials ?? []).map {
            Trial(
                title: $0.title, verdict: $0.verdict.rawValue, words: $0.verdict.words, isRandom: $0.isRandom,
                gain: $0.seeds.isEmpty ? nil : Self.rounded($0.gain),
                low: $0.hasInterval ? Self.rounded($0.interval.lowerBound) : nil,
                high: $0.hasInterval ? Self.rounded($0.interval.upperBound) : nil,
                control: $0.control.map(Self.rounded),
                treated: $0.treated.map(Self.rounded))
        }
    }

    /// Four digits that count; `nil` for what is no number.
    private static func rounded(_ x: Double) -> Double? {
        guard x.isFinite else { return nil }
        guard x != 0 else { return 0 }
        return Double(String(format: "%.4g", x))
    }

    /// At most so many of the numbers below a count, the first and the last among them.
    private static func spread(_ count: Int, most: Int) -> [Int] {
        count <= most ? Array(0..<max(count, 0)) : (0..<most).map { $0 * (count - 1) / (most - 1) }
    }

    private static func units(_ course: [[Float]]) -> Units? {
        let count = course.map(\.count).max() ?? 0
        guard count > 0 else { return nil }
        let shown = spread(count, most: 64)
        return Units(
            units: shown,
            fires: shown.map { unit in
                course.map { fires in
                    guard unit < fires.count, fires[unit].isFinite else { return nil }
                    // What fires at all is not shown as dead.
                    let share = Double(min(max(fires[unit], 0), 1))
                    return share > 0 ? max(1, Int((100 * share).rounded())) : 0
                }
            })
    }

    /// A curve of at most about 2,000 points: of every stretch its lowest and its highest value, so that no peak is lost.
    private static func thinned(_ values: [Float]) -> Series {
        let width = max(1, (values.count + 999) / 1000)
        guard width > 2 else {
            return Series(x: values.indices.map { Double($0 + 1) }, y: values.map { rounded(Double($0)) })
        }
        var kept: [Int] = []
        for start in stride(from: 0, to: values.count, by: width) {
            let range = start..<min(start + width, values.count)
            let finite = range.filter { values[$0].isFinite }
            if finite.count < range.count, let broken = range.first(where: { !values[$0].isFinite }) {
                kept.append(broken)
            }
            if let low = finite.min(by: { values[$0] < values[$1] }) { kept.append(low) }
            if let high = finite.max(by: { values[$0] < values[$1] }) { kept.append(high) }
        }
        let order = Array(Set(kept)).sorted()
        return Series(x: order.map { Double($0 + 1) }, y: order.map { rounded(Double(values[$0])) })
    }

    /// As the content of a script element: no string in it can end the element.
    func script() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
            .replacingOccurrences(of: "&", with: "\\u0026").replacingOccurrences(of: "<", with: "\\u003C")
            .replacingOccurrences(of: ">", with: "\\u003E").replacingOccurrences(of: "\u{2028}", with: "\\u2028")
            .replacingOccurrences(of: "\u{2029}", with: "\\u2029")
    }
}
