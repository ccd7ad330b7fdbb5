import FathomGraph
import FathomReference
import FathomTestSupport
import Testing

/// Random operations with random attributes on random operands: a node that verifies, or an error; never a trap.
@Suite struct FuzzTests {
    private struct Dice {
        var random: SplitMix64

        mutating func pick<T>(_ choices: [T]) -> T { choices[random.below(choices.count)] }

        /// Mostly small, now and then at the edge of what an integer holds.
        mutating func number() -> Int {
            pick([
                0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 7, -1, -2, 1 << 20, 1 << 31, 1 << 33, 1 << 40, 1 << 62, .max, .min,
                .max - 1,
            ])
        }

        /// Mostly an axis there is.
        mutating func axis(_ rank: Int) -> Int { random.below(8) == 0 ? number() : random.below(max(rank, 1)) }

        mutating func axes(_ rank: Int) -> [Int] { (0..<random.below(4)).map { _ in axis(rank) } }

        mutating func extent() -> Dim {
            switch random.below(12) {
            case 0: .fixed(number())
            case 1, 2: .batch
            case 3: .batch(multiple: pick([1, 2, 3, 0, -1, 1 << 40, .max]))
            default: .fixed(pick([0, 1, 1, 2, 2, 3, 3, 4, 6]))
            }
        }

        mutating func shape() -> Shape { Shape((0..<random.below(5)).map { _ in extent() }) }

        mutating func element() -> ElementType { pick([.float32, .float32, .float32, .int32, .bool]) }

        mutating func window(_ rank: Int) -> Window {
            Window(
                (0..<(random.below(4) == 0 ? random.below(5) : max(rank - 2, 0))).map { _ in
                    Window.Axis(
                        pick([1, 1, 2, 3, number()]), stride: pick([1, 1, 2, number()]),
                        dilation: pick([1, 1, 2, number()]), low: pick([0, 0, 1, number()]),
                        high: pick([0, 0, 1, number()]))
                })
        }

        mutating func op(_ kind: OpKind, rank: Int, operands: Int) -> Op {
            switch kind {
            case .input: .input(pick(["a", "b"]))
            case .state: .state(pick(["a", "b"]))
            case .constant: .constant(pick([0, -0.0, 1, .nan, .infinity, 0.1]))
            case .iota: .iota(axis: axis(rank))
            case .randomBits: .randomBits(stream: 3)
            case .extent: .extent(axes: axes(rank))
            case .unary: .unary(pick(Op.Unary.allCases))
            case .binary: .binary(pick(Op.Binary.allCases))
            case .compare: .compare(pick(Op.Comparison.allCases))
            case .select: .select
            case .cast: .cast(element())
            case .broadcast: .broadcast
            case .reshape: .reshape
            case .transpose: .transpose(random.below(3) == 0 ? axes(rank) : Array(0..<rank).shuffled(using: &random))
            case .slice:
                .slice(axis: axis(rank), start: number(), end: number(), step: pick([1, 1, 1, 2, 3, number()]))
            case .pad: .pad(axis: axis(rank), low: number(), high: number(), interior: number())
            case .concat: .concat(axis: axis(rank))
            case .gather: .gather(axis: axis(rank))
            case .scatterAdd: .scatterAdd(axis: axis(rank))
            case .gatherAlong: .gatherAlong(axis: axis(rank))
            case .scatterAddAlong: .scatterAddAlong(axis: axis(rank))
            case .sum: .sum(axes: axes(rank))
            case .max: .max(axes: axes(rank))
            case .min: .min(axes: axes(rank))
            case .argMax: .argMax(axis: axis(rank))
            case .argSort: .argSort(axis: axis(rank), descending: random.below(2) == 0)
            case .cumulativeSum: .cumulativeSum(axis: axis(rank), reverse: random.below(2) == 0)
            case .matmul: .matmul(transposeA: random.below(2) == 0, transposeB: random.below(2) == 0)
            case .convolution: .convolution(window(rank), groups: pick([1, 1, 1, 2, 0, number()]))
            case .convolutionInputGradient: .convolutionInputGradient(window(rank), groups: pick([1, 1, 2, number()]))
            case .convolutionWeightGradient:
                .convolutionWeightGradient(window(rank), groups: pick([1, 1, 2, number()]))
            case .windowSum: .windowSum(window(rank))
            case .windowSpread: .windowSpread(window(rank))
            case .windowArgMax: .windowArgMax(window(rank))
            case .windowGather: .windowGather(window(rank))
            case .windowScatterAdd: .windowScatterAdd(window(rank))
            case .summary: .summary(every: number())
            case .exponentHistogram: .exponentHistogram(every: number())
            // A composite's body may rely on the number of its operands.
            case .call:
                .call(
                    operands > 1
                        ? pick([OpTable.gated, OpTable.scaledExp])
                        : pick([OpTable.swish(scale: 2), OpTable.straightThrough, OpTable.nested]))
            }
        }
    }

    @Test(arguments: 0..<40)
    func everyUseIsANodeOrAnError(_ seed: Int) throws {
        var dice = Dice(random: SplitMix64(state: UInt64(seed)))
        var graph = Graph()
        var accepted: Set<OpKind> = []
        for _ in 0..<1500 {
            let kind = dice.pick(OpKind.allCases)
            var inputs: [NodeID] = []
            if !graph.nodes.isEmpty {
                // Often the same operand or one of its shape, so that more uses fit.
                let first = NodeID(dice.random.below(graph.nodes.count))
                let alike = graph.nodes.indices.filter { graph.nodes[$0].type == graph[first].type }.map { NodeID($0) }
                for i in 0..<dice.pick([0, 1, 1, 1, 2, 2, 2, 3]) {
                    inputs.append(
                        i == 0
                            ? first
                            : dice.pick([first, dice.pick(alike), NodeID(dice.random.below(graph.nodes.count))]))
                }
            }
            let rank = inputs.first.map { graph.shape(of: $0).rank } ?? 2
            if kind == .call && inputs.isEmpty { continue }
            let op = dice.op(kind, rank: rank, operands: inputs.count)
            let type = dice.random.below(6) == 0 ? nil : TensorType(dice.element(), dice.shape())
            let count = graph.nodes.count
            do {
                let id = try graph.add(op, inputs, type: type)
                #expect(id.index < graph.nodes.count)
                #expect(graph[id].type.shape.dims.count < 100)
                accepted.insert(kind)
                // Sizes can be counted without overflow.
                _ = graph.shape(of: id).count(batch: 1)
                _ = graph.shape(of: id).fixedCount
            } catch {
                #expect(graph.nodes.count == count)
                #expect(!error.message.isEmpty)
            }
        }
        try graph.verify()
        #expect(accepted.count > 15, "the dice hit too little: \(accepted)")
        // Differentiation and evaluation of whatever came out do not trap either.
        let floats = graph.nodes.indices.filter { graph.nodes[$0].type.element == .float32 }.map { NodeID($0) }
        for _ in 0..<20 {
            let output = dice.pick(floats)
            var copy = graph
            let targets = (0..<3).map { _ in dice.pick(floats) }
            do {
                let map = try copy.gradient(of: output, withRespectTo: targets)
                try copy.verify()
                for target in targets { #expect(copy[map[target]!].type == copy[target].type) }
            } catch {
                // Only a size that no tensor may have, or a composite of the tests whose own gradient takes its operands for
                // alike; never a rule that does not fit its own operation.
                #expect(error.message.contains("too") || error.op.hasPrefix("test"), "\(error)")
            }
        }
        for (i, node) in graph.nodes.enumerated() where dice.random.below(4) == 0 {
            // What is small enough to compute.
            var whole = graph
            whole.outputs = [("y", NodeID(i))]
            whole = try whole.removingDeadNodes()
            guard
                whole.nodes.allSatisfy({
                    $0.type.shape.count(batch: 2) <= 4096
                        && $0.type.shape.dims.allSatisfy { $0.resolved(batch: 2) <= 4096 }
                })
            else { continue }
            // Two nodes may ask for one name in two shapes: then running says so.
            var interpreter = Interpreter(batch: 2)
            for node in whole.nodes {
                let extents = node.type.shape.resolved(batch: 2)
                let ones = ReferenceTensor(shape: extents, values: [Double](repeating: 1, count: extents.reduce(1, *)))
                if case .input(let name) = node.op { interpreter.inputs[name] = ones }
                if case .state(let name) = node.op { interpreter.state[name] = ones }
            }
            do {
                let y = try interpreter.run(whole)["y"]!
                #expect(y.shape == node.type.shape.resolved(batch: 2))
            } catch {
                #expect(
                    error.message.contains("has shape") || error.message.contains("is outside")
                        || error.message.contains("no index"), "\(error)")
            }
        }
    }
}
