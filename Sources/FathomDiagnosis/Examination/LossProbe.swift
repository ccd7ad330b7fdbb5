import FathomGraph
import FathomNN
import FathomReference

/// A loss tried by itself on a few made-up answers, to see whether it means what a loss must mean.
struct LossProbe {
    /// Loss of twice the same rows by that of the rows: 1 for a mean, 2 for a sum.
    let doubling: Double
    /// Loss of right answers minus that of wrong ones: not positive, as it should be.
    let preference: Double
    /// Loss of the rows together by the mean of their losses alone: 1 unless it mixes rows up; `nil` for classes, whose
    /// rows may be weighted.
    let mixing: Double?

    /// - Returns: `nil` for a loss that cannot be run on such answers.
    init?(_ setup: Setup) {
        let width = setup.outputShape.reduce(1, *)
        guard width > 0, width <= 4096 else { return nil }
        let classes: Int? = if case .classification(let n) = setup.task { n } else { nil }
        let trace = Trace(isTraining: false)
        let p = trace.input("p", Shape([.batch] + setup.outputShape.map { .fixed($0) }))
        var targetShape: [Int] = []
        if classes == nil, case .values(let values) = setup.patient.data.train.targets { targetShape = values.rowShape }
        let t =
            classes == nil
            ? trace.input("t", Shape([.batch] + targetShape.map { .fixed($0) })) : trace.input("t", [.batch], .int32)
        guard let node = setup.loss(p, t).id, (try? trace.check()) != nil else { return nil }
        let graph = trace.graph

        let isProbability = setup.loss.expects == .sigmoid || setup.loss.expects == .softmax
        let columns = max(targetShape.reduce(1, *), 1)
        guard classes != nil || columns == width else { return nil }
        // Answers: near the target, or off it by `error`.
        func row(_ i: Int, error: Double) -> (answer: [Double], target: [Double]) {
            if let classes {
                let label = i % max(min(classes, width == 1 ? 2 : width), 1)
                if width == 1 {
                    let sure = error == 0 ? 0.8 : 0.2
                    let p = label == 1 ? sure : 1 - sure
                    return ([isProbability ? p : 4 * (p - 0.5)], [Double(label)])
                }
                let rest = (1 - 0.8) / Double(width - 1)
                let chosen = error == 0 ? label : (label + 1) % width
                return (
                    (0..<width).map { isProbability ? ($0 == chosen ? 0.8 : rest) : ($0 == chosen ? 2 : 0) },
                    [Double(label)]
                )
            }
            let target = (0..<width).map { 0.3 + 0.1 * Double((i * 3 + $0) % 5) }
            return (target.map { $0 + error }, target)
        }
        func loss(_ rows: [(answer: [Double], target: [Double])]) -> Double? {
            let run = Interpreter(
                inputs: [
                    "p": ReferenceTensor(shape: [rows.count] + setup.outputShape, values: rows.flatMap(\.answer)),
                    "t": ReferenceTensor(
                        shape: [rows.count] + (classes == nil ? targetShape : []), values: rows.flatMap(\.target)),
                ], batch: rows.count)
            let values = try? run.values(of: [node], in: graph)
            return values?.first?.values.first.flatMap { $0.isFinite ? $0 : nil }
        }
        let some = (0..<4).map { row($0, error: 0.1 + 0.03 * Double($0)) }
        guard let once = loss(some), let twice = loss(some + some),
            let right = loss((0..<4).map { row($0, error: 0) }), let over = loss((0..<4).map { row($0, error: 0.2) }),
            let under = loss((0..<4).map { row($0, error: -0.2) }), once != 0
        else { return nil }
        doubling = twice / once
        // A loss that punishes one side alone, as a hinge does, is none the worse.
        preference = right - max(over, under)
        let alone = some.compactMap { loss([$0]) }
        let mean = alone.reduce(0, +) / Double(max(alone.count, 1))
        mixing = classes == nil && alone.count == some.count && mean != 0 ? once / mean : nil
    }
}
