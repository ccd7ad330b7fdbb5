import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Foundation
import Testing

/// Runs a loss on one batch: value and gradient with respect to the prediction.
private func evaluate(
    _ loss: Loss, prediction: ([Int], [Double]), target: ([Int], [Double]), labels: Bool, batch: Bool = true,
    after: (Tensor) -> Tensor = { $0 }
) throws -> (value: Double, gradient: [Double]) {
    func shape(_ extents: [Int]) -> Shape {
        batch && !extents.isEmpty ? Shape([.batch] + extents.dropFirst().map { .fixed($0) }) : Shape(extents)
    }
    let trace = Trace(isTraining: true)
    let x = trace.input("x", shape(prediction.0))
    let t = trace.input("t", shape(target.0), labels ? .int32 : .float32)
    let value = after(loss(x, t))
    try trace.check()
    let output = try #require(value.id)
    let input = try #require(x.id)
    #expect(value.shape == .scalar)
    let gradient = try #require(try trace.graph.gradient(of: output, withRespectTo: [input])[input])
    try trace.graph.verify()
    let run = Interpreter(
        inputs: [
            "x": ReferenceTensor(shape: prediction.0, values: prediction.1),
            "t": ReferenceTensor(shape: target.0, values: target.1),
        ], batch: prediction.0.first ?? 1)
    let values = try run.values(of: [output, gradient], in: trace.graph)
    return (values[0].values[0], values[1].values)
}

private func mistake(_ loss: Loss, _ x: Shape, _ t: Shape, _ element: ElementType = .float32) -> GraphError? {
    let trace = Trace(isTraining: true)
    _ = loss(trace.input("x", x), trace.input("t", t, element))
    return trace.error
}

/// Deterministic numbers in −2 … 2 that avoid the kinks of every loss.
private func numbers(_ count: Int, seed: UInt64) -> [Double] {
    var random = RandomSource(seed: seed, name: "loss tests")
    return (0..<count).map { _ in 4 * random.uniform() - 2 }
}

@Suite("Losses")
struct LossTests {
    /// The loss a golden case means; `nil` for those that Fathom has not or treats otherwise on purpose.
    private static func loss(_ c: TrainingGolden.Loss) -> Loss? {
        func attribute(_ name: String, _ fallback: Double) -> Double { c.attributes[name]?.first ?? fallback }
        let weights = c.inputs.count > 2 ? c.inputs[2].values : nil
        switch c.loss {
        case "mse": return .meanSquaredError
        case "l1": return .meanAbsoluteError
        case "huber": return .huber(delta: attribute("delta", 1))
        case "smoothL1": return .smoothL1(beta: attribute("beta", 1))
        case "bceWithLogits": return .sigmoidCrossEntropy(positiveWeights: weights ?? [1])
        case "bce": return c.name.contains("clamped") ? nil : .binaryCrossEntropy
        case "crossEntropy":
            // One class is a mistake; see `shapesThatDoNotFit`.
            return c.inputs[0].shape[1] == 1
                ? nil : .softmaxCrossEntropy(labelSmoothing: attribute("labelSmoothing", 0), classWeights: weights)
        case "nll": return attribute("logarithms", 0) == 0 ? .categoricalCrossEntropy() : nil
        case "multiMargin": return .multiClassHinge(margin: attribute("margin", 1), squared: attribute("power", 1) == 2)
        case "hinge": return .hinge(squared: attribute("power", 1) == 2)
        case "klDivergence": return .kullbackLeibler
        default: return nil
        }
    }

    private static func golden() throws -> [TrainingGolden.Loss] {
        try TrainingGolden.losses().filter {
            ($0.reduction == ($0.loss == "klDivergence" ? "batchmean" : "mean")) && loss($0) != nil
        }
    }

    @Test("equal PyTorch's values and gradients", arguments: try golden())
    func equalsPyTorch(_ c: TrainingGolden.Loss) throws {
        let loss = try #require(Self.loss(c))
        let (value, gradient) = try evaluate(
            loss, prediction: (c.inputs[0].shape, c.inputs[0].values), target: (c.inputs[1].shape, c.inputs[1].values),
            labels: c.inputs[1].dtype == "i32")
        let expected = try #require(c.output64.first)
        #expect(abs(value - expected) <= 1e-12 * max(1, abs(expected)))
        #expect(gradient.allSatisfy { $0.isFinite })
        if let weight = c.weight?.first.map({ Double(Float($0)) }), let wanted = c.gradients64?[0] {
            for (g, w) in zip(gradient, wanted) { #expect(abs(g * weight - w) <= 1e-12 * max(1, abs(w))) }
        }
    }

    @Test("golden cases are there") func goldenCount() throws { #expect(try Self.golden().count >= 40) }

    @Test("gradients equal 5-point differences", arguments: Loss.all.names + ["variants"])
    func gradients(_ name: String) throws {
        let variants: [Loss] =
            name == "variants"
            ? [
                .softmaxCrossEntropy(labelSmoothing: 0.2), .softmaxCrossEntropy(classWeights: [1, 2, 0.5, 3]),
                .softmaxCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 2, 0.5, 3]),
                .categoricalCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 2, 0.5, 3]),
                .sigmoidCrossEntropy(positiveWeights: [1, 2, 3, 4]), .huber(delta: 0.3), .smoothL1(beta: 2),
                .hinge(squared: true), .multiClassHinge(margin: 2, squared: true),
            ] : [try Loss.named(name)]
        for loss in variants {
            for target in loss.accepts {
                let labels = target == .labels
                let single = labels && loss.target == .values
                let shape = single ? [5, 1] : [5, 4]
                if single, loss.name == "sigmoidCrossEntropy", name == "variants" { continue }
                var x = numbers(shape.reduce(1, *), seed: 1)
                // Rates are positive, and so are probabilities.
                if loss.expects == .sigmoid || loss.expects == .softmax || loss.name == "poisson" {
                    x = x.map { 0.1 + 0.2 * abs($0) }
                }
                if loss.expects == .logSoftmax { x = x.map { -abs($0) } }
                var t = numbers(20, seed: 2).map { abs($0) / 4 }
                if labels { t = single ? [1, 0, 0, 1, 1] : [3, 0, 1, 1, 2] }
                let targetShape = labels ? [5] : shape
                func value(_ x: [Double]) throws -> (value: Double, gradient: [Double]) {
                    // A square after it, so that the incoming gradient is not 1.
                    try evaluate(loss, prediction: (shape, x), target: (targetShape, t), labels: labels) { $0 * $0 }
                }
                let gradient = try value(x).gradient
                let h = 1e-4
                for i in x.indices {
                    func at(_ k: Double) throws -> Double {
                        var moved = x
                        moved[i] += k * h
                        return try value(moved).value
                    }
                    let slope = (8 * (try at(1) - at(-1)) - (try at(2) - at(-2))) / (12 * h)
                    #expect(
                        abs(slope - gradient[i]) <= 1e-8 * max(1, abs(slope)), "\(loss.name) \(target) element \(i)")
                }
            }
        }
    }

    @Test("class weights that do not sum to the number of rows, by PyTorch 2.13")
    func classWeights() throws {
        let logits: [Double] = [0.5, -1, 2, 1.5, 0.25, -0.75]
        func value(_ smoothing: Double, _ shape: [Int], _ target: [Double]) throws -> Double {
            try evaluate(
                .softmaxCrossEntropy(labelSmoothing: smoothing, classWeights: [1, 2, 4]), prediction: ([2, 3], logits),
                target: (shape, target), labels: shape.count == 1
            ).value
        }
        #expect(try abs(value(0, [2], [2, 0]) - 0.2591835592071704) < 1e-15)
        #expect(try abs(value(0.1, [2], [2, 0]) - 0.3866244522361245) < 1e-15)
        #expect(try abs(value(0, [2, 3], [0.2, 0.3, 0.5, 0.6, 0.4, 0]) - 2.119306641905077) < 1e-15)
    }

    @Test("one graph serves every batch size")
    func batchSizes() throws {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [.batch, 3])
        let loss = Loss.softmaxCrossEntropy()(x, trace.input("t", [.batch], .int32))
        let id = try #require(loss.id)
        for rows in [1, 2, 7] {
            let run = Interpreter(
                inputs: [
                    "x": ReferenceTensor(shape: [rows, 3], values: [Double](repeating: 0, count: 3 * rows)),
                    "t": ReferenceTensor(shape: [rows], values: [Double](repeating: 2, count: rows)),
                ], batch: rows)
            let value = try run.values(of: [id], in: trace.graph)[0].values[0]
            #expect(abs(value - 1.0986122886681098) < 1e-15)
        }
    }

    @Test("sequences are rows: [B, T, C] with labels [B, T]")
    func sequences() throws {
        let x = numbers(24, seed: 3)
        let labels: [Double] = [0, 1, 2, 3, 2, 1]
        for loss in [
            Loss.softmaxCrossEntropy(), .softmaxCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 2, 3, 4]),
        ] {
            let nested = try evaluate(loss, prediction: ([2, 3, 4], x), target: ([2, 3], labels), labels: true)
            let flat = try evaluate(loss, prediction: ([6, 4], x), target: ([6], labels), labels: true)
            #expect(nested.value == flat.value)
            #expect(nested.gradient == flat.gradient)
        }
    }

    @Test("the plain case with labels is the composite operation that has a kernel")
    func fused() throws {
        let trace = Trace(isTraining: true)
        _ = Loss.softmaxCrossEntropy()(trace.input("x", [.batch, 3]), trace.input("t", [.batch], .int32))
        let calls = trace.graph.nodes.filter { if case .call = $0.op { true } else { false } }
        #expect(calls.map(\.op.name) == ["softmaxCrossEntropy"])
        #expect(
            trace.graph.nodes.allSatisfy { !$0.inputs.isEmpty ? trace.graph.scopes[Int($0.scope)] == "loss" : true })
    }

    @Test("labels as integers or numbers, [B, 1] or [B], give the same")
    func targetForms() throws {
        let x = numbers(4, seed: 4)
        let t: [Double] = [1, 0, 0, 1]
        for loss in [Loss.sigmoidCrossEntropy(), .hinge(), .meanSquaredError] {
            let values = try [
                ([4, 1], [4, 1], false), ([4, 1], [4], false), ([4, 1], [4], true), ([4], [4], true),
                ([4], [4, 1], true),
            ]
            .map { try evaluate(loss, prediction: ($0.0, x), target: ($0.1, t), labels: $0.2).value }
            #expect(Set(values).count == 1, "\(loss.name)")
        }
        let signs = try evaluate(.hinge(), prediction: ([4], x), target: ([4], [1, -1, -1, 1]), labels: false)
        let zeroOne = try evaluate(.hinge(), prediction: ([4], x), target: ([4], t), labels: true)
        #expect(signs.value == zeroOne.value)
        // One-hot targets mean their labels.
        let logits = numbers(6, seed: 5)
        let hot = try evaluate(
            .softmaxCrossEntropy(), prediction: ([2, 3], logits), target: ([2, 3], [0, 1, 0, 0, 0, 1]), labels: false)
        let label = try evaluate(
            .softmaxCrossEntropy(), prediction: ([2, 3], logits), target: ([2], [1, 2]), labels: true)
        #expect(abs(hot.value - label.value) < 1e-15)
    }

    @Test("extreme logits give the exact value and a finite gradient", arguments: [100.0, 1e4])
    func extremes(_ size: Double) throws {
        let right = try evaluate(
            .sigmoidCrossEntropy(), prediction: ([2], [size, -size]), target: ([2], [1, 0]), labels: true)
        let tail = Interpreter.apply(Op.Unary.softplus, -size)
        #expect(right.value == tail)
        let wrong = try evaluate(
            .sigmoidCrossEntropy(), prediction: ([2], [size, -size]), target: ([2], [0, 1]), labels: true)
        #expect(abs(wrong.value - size) <= 1e-12 * size)
        #expect(wrong.gradient == [0.5, -0.5])
        for loss in [Loss.softmaxCrossEntropy(), .softmaxCrossEntropy(labelSmoothing: 1e-300)] {
            let (value, gradient) = try evaluate(
                loss, prediction: ([2, 2], [size, -size, -size, size]), target: ([2], [1, 1]), labels: true)
            #expect(abs(value - size) <= 1e-12 * size)
            #expect(abs(gradient[0] - 0.5) < 1e-12 && abs(gradient[1] + 0.5) < 1e-12)
            #expect(abs(gradient[2]) < 1e-12 && abs(gradient[3]) < 1e-12)
        }
    }

    @Test("probabilities of 0 and 1 give a bounded loss and a finite gradient")
    func certainty() throws {
        let bound = 87.3365447505531
        let binary = try evaluate(
            .binaryCrossEntropy, prediction: ([4], [0, 1, 0, 1]), target: ([4], [1, 0, 0, 1]), labels: true)
        #expect(abs(binary.value - bound / 2) < 1e-9)
        #expect(binary.gradient.allSatisfy { $0.isFinite })
        for (shape, target, labels) in [([1], [1.0], true), ([1, 2], [0, 1], false)] {
            let (value, gradient) = try evaluate(
                .categoricalCrossEntropy(), prediction: ([1, 2], [1, 0]), target: (shape, target), labels: labels)
            #expect(abs(value - bound) < 1e-9)
            #expect(gradient.allSatisfy { $0.isFinite })
        }
    }

    @Test("probabilities and logits agree")
    func probabilities() throws {
        let x = numbers(12, seed: 6)
        let weights = [0.5, 2, 1]
        let p = stride(from: 0, to: 12, by: 3).flatMap { i in
            let e = (0..<3).map { Interpreter.apply(Op.Unary.exp, x[i + $0]) }
            return e.map { $0 / e.reduce(0, +) }
        }
        for (shape, target, labels) in [([4], [0, 2, 1, 1.0], true), ([4, 3], numbers(12, seed: 7).map(abs), false)] {
            for smoothing in [0, 0.1] {
                for w in [nil, weights] {
                    let a = try evaluate(
                        .softmaxCrossEntropy(labelSmoothing: smoothing, classWeights: w), prediction: ([4, 3], x),
                        target: (shape, target), labels: labels)
                    let b = try evaluate(
                        .categoricalCrossEntropy(labelSmoothing: smoothing, classWeights: w), prediction: ([4, 3], p),
                        target: (shape, target), labels: labels)
                    #expect(abs(a.value - b.value) < 1e-12)
                }
            }
        }
    }

    @Test("shapes that do not fit are mistakes with a hint")
    func shapesThatDoNotFit() throws {
        let narrow = try #require(mistake(.softmaxCrossEntropy(), [.batch, 1], [.batch], .int32))
        #expect(narrow.hint?.contains("sigmoidCrossEntropy") == true)
        #expect(narrow.layer == "loss")
        let wide = try #require(mistake(.sigmoidCrossEntropy(), [.batch, 10], [.batch], .int32))
        #expect(wide.hint?.contains("softmaxCrossEntropy") == true)
        #expect(wide.operands.count == 2)
        for (loss, x, t, element) in [
            (Loss.meanSquaredError, [.batch, 3], [.batch, 2], .float32),
            (.meanSquaredError, [.batch, 3], [.batch], .float32),
            (.softmaxCrossEntropy(), [.batch], [.batch], .int32),
            (.softmaxCrossEntropy(), [.batch, 3], [.batch], .float32),
            (.softmaxCrossEntropy(), [.batch, 3], [.batch, 3], .int32),
            (.softmaxCrossEntropy(), [.batch, 2, 3], [.batch], .int32),
            (.softmaxCrossEntropy(classWeights: [1, 2]), [.batch, 3], [.batch], .int32),
            (.sigmoidCrossEntropy(positiveWeights: [1, 2]), [.batch, 3], [.batch, 3], .float32),
            (.multiClassHinge(), [.batch, 3], [.batch, 3], .float32),
            (.kullbackLeibler, [.batch, 3], [.batch], .int32),
            (.hinge(), [.batch, 2], [3], .float32),
        ] as [(Loss, Shape, Shape, ElementType)] {
            #expect(mistake(loss, x, t, element) != nil, "\(loss.name) \(x) \(t)")
        }
    }

    @Test("the value of a model that knows nothing is the value at equal logits", arguments: [2, 10])
    func uninformed(_ classes: Int) throws {
        let rows = Double(classes)
        let labels = (0..<classes).map(Double.init)
        let zeros = [Double](repeating: 0, count: classes * classes)
        for loss in [
            Loss.softmaxCrossEntropy(), .softmaxCrossEntropy(labelSmoothing: 0.1), .multiClassHinge(),
            .multiClassHinge(margin: 3, squared: true), .categoricalCrossEntropy(),
        ] {
            let p = loss.expects == .softmax ? zeros.map { _ in 1 / rows } : zeros
            let (value, _) = try evaluate(
                loss, prediction: ([classes, classes], p), target: ([classes], labels), labels: true)
            let known = try #require(loss.uninformedValue(classes: classes))
            #expect(abs(value - known) < 1e-12, "\(loss.name)")
        }
        for loss in [Loss.sigmoidCrossEntropy(positiveWeights: [3]), .hinge(), .binaryCrossEntropy] {
            let p = loss.decisionThreshold == 0.5 ? [0.5, 0.5] : [0, 0]
            let (value, _) = try evaluate(loss, prediction: ([2], p), target: ([2], [0, 1]), labels: true)
            let known = try #require(loss.uninformedValue(classes: 2))
            #expect(abs(value - known) < 1e-12, "\(loss.name)")
        }
        #expect(Loss.meanSquaredError.uninformedValue(classes: 2) == nil)
    }

    @Test("a NaN prediction gives a NaN loss", arguments: Loss.all.names)
    func nan(_ name: String) throws {
        let loss = try Loss.named(name)
        let labels = loss.target == .labels
        let (value, _) = try evaluate(
            loss, prediction: ([2, 2], [0.5, .nan, 0.5, 0.5]),
            target: labels ? ([2], [1, 0]) : ([2, 2], [0, 1, 1, 0]),
            labels: labels)
        #expect(value.isNaN)
    }

    @Test("the table makes what it says and names what is allowed")
    func table() throws {
        for entry in Loss.all.entries {
            let loss = try Loss.named(entry.name)
            #expect(loss.name == entry.name)
            #expect(!entry.summary.isEmpty)
        }
        #expect(try Loss.named("Binary_Cross-Entropy with logits").name == "sigmoidCrossEntropy")
        let unknown = #expect(throws: ConfigError.self) { try Loss.named("focal") }
        #expect(unknown?.allowed == Loss.all.names)
        let option = #expect(throws: ConfigError.self) { try Loss.named("huber", ["beta": 1]) }
        #expect(option?.allowed == ["delta", "oneHot"] && option?.key == "loss.beta")
        let limit = #expect(throws: ConfigError.self) { try Loss.named("huber", ["delta": -1]) }
        #expect(limit?.allowed == ["a positive number"])
        // Options reach the loss.
        let x: [Double] = [3, 0.1]
        let wide = try evaluate(
            try Loss.named("huber", ["delta": 2]), prediction: ([2], x), target: ([2], [0, 0]), labels: false)
        #expect(abs(wide.value - (2 * (3 - 1) + 0.005) / 2) < 1e-15)
    }

    // MARK: As other toolkits' users write them

    /// Values of `keras.losses` in plain NumPy: outputs are divided by their row's sum, then kept within 1e-7 … 1 − 1e-7.
    @Test func clippedCategorical() throws {
        let p = [0.2, 0.9, 0.4, 1, 0, 0]
        let loss = Loss.categoricalCrossEntropy(clip: 1e-7)
        let labels = try evaluate(loss, prediction: ([2, 3], p), target: ([2], [1, 2]), labels: true)
        let expected = (-log(0.9 / 1.5) - log(1e-7)) / 2
        #expect(Swift.abs(labels.value - expected) < 1e-6)
        // Beyond the bound nothing comes back; within it −t/p + 1/Σp, halved by the mean.
        #expect(labels.gradient[3...] == [0, 0, 0])
        #expect(Swift.abs(labels.gradient[1] - (-1 / 0.9 + 1 / 1.5) / 2) < 1e-9)
        let rows = try evaluate(
            loss, prediction: ([2, 3], p), target: ([2, 3], [0, 1, 0, 0, 0, 1]), labels: false)
        #expect(Swift.abs(rows.value - expected) < 1e-6)
        let mixed = try evaluate(
            .categoricalCrossEntropy(clip: 1e-7, reduction: .sumOfMeans), prediction: ([2, 3], p),
            target: ([2], [1, 2]),
            labels: true)
        #expect(Swift.abs(mixed.value - expected * 2 / 3) < 1e-6)
        let sum = try evaluate(
            .categoricalCrossEntropy(clip: 1e-7, reduction: .sum), prediction: ([2, 3], p), target: ([2], [1, 2]),
            labels: true)
        #expect(Swift.abs(sum.value - expected * 2) < 1e-6)
    }

    /// Softmax over one unit is 1 whatever it is given: no gradient, but no error either.
    @Test func oneOutputIsTaken() throws {
        let loss = Loss.categoricalCrossEntropy(clip: 1e-7)
        let result = try evaluate(loss, prediction: ([2, 1], [0.3, 0.8]), target: ([2], [1, 0]), labels: true)
        #expect(Swift.abs(result.value - 0.5e-7) < 1e-9)
        #expect(result.gradient == [0, 0])
        // Not normalised, it is −t·ln p, for numbers as well.
        let plain = Loss.categoricalCrossEntropy(clip: 1e-7, normalized: false)
        let numbers = try evaluate(
            plain, prediction: ([2, 1], [0.3, 0.8]), target: ([2, 1], [0.5, 0.25]), labels: false)
        #expect(Swift.abs(numbers.value + (0.5 * log(0.3) + 0.25 * log(0.8)) / 2) < 1e-9)
    }

    @Test func clippedBinary() throws {
        let loss = Loss.binaryCrossEntropy(clip: 1e-7)
        let result = try evaluate(loss, prediction: ([3, 1], [1, 0, 0.25]), target: ([3], [0, 1, 1]), labels: true)
        #expect(Swift.abs(result.value - (2 * -log(1e-7) - log(0.25)) / 3) < 1e-6)
        #expect(result.gradient[..<2] == [0, 0])
        #expect(Swift.abs(result.gradient[2] + 4.0 / 3) < 1e-9)
    }

    @Test func oneHotRows() throws {
        let loss = try Loss.named("mse", ["oneHot": true])
        let result = try evaluate(
            loss, prediction: ([2, 3], [0.5, 0, 0, 0, 0, 2]), target: ([2], [0, 1]), labels: true)
        #expect(Swift.abs(result.value - (0.25 + 1 + 4) / 6) < 1e-12)
        // One output keeps its label as a number.
        let single = try evaluate(loss, prediction: ([2, 1], [0.5, 0.25]), target: ([2], [0, 1]), labels: true)
        #expect(Swift.abs(single.value - (0.25 + 0.5625) / 2) < 1e-12)
    }

    /// mean over i and j of (pᵢ − tⱼ)².
    @Test func crossedSquares() throws {
        let (p, t) = ([1.0, 2, 4], [0.0, 3, 5])
        let result = try evaluate(
            try Loss.named("mse", ["crossed": true]), prediction: ([3, 1], p), target: ([3, 1], t), labels: false)
        let all = p.flatMap { a in t.map { (a - $0) * (a - $0) } }
        #expect(Swift.abs(result.value - all.reduce(0, +) / 9) < 1e-12)
        let mean = t.reduce(0, +) / 3
        for (g, a) in zip(result.gradient, p) { #expect(Swift.abs(g - 2 * (a - mean) / 3) < 1e-12) }
    }

    @Test func otherRegressionLosses() throws {
        let (p, t) = ([0.5, 3.0], [1.0, 2.0])
        func value(_ name: String) throws -> Double {
            try evaluate(try Loss.named(name), prediction: ([2, 1], p), target: ([2, 1], t), labels: false).value
        }
        let log1p: (Double) -> Double = { log(1 + $0) }
        let squares = zip(p, t).map { (log1p($0) - log1p($1)) * (log1p($0) - log1p($1)) }
        #expect(Swift.abs(try value("msle") - squares.reduce(0, +) / 2) < 1e-12)
        #expect(Swift.abs(try value("mape") - 50) < 1e-9)
        #expect(Swift.abs(try value("poisson") - (0.5 - log(0.5) + 3 - 2 * log(3)) / 2) < 1e-6)
        #expect(Swift.abs(try value("logCosh") - (log(cosh(0.5)) + log(cosh(1))) / 2) < 1e-12)
    }
}
