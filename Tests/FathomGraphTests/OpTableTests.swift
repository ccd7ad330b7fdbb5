import FathomGraph
import FathomReference
import FathomTestSupport
import Testing

/// What the table of operations promises, one test a promise and one run an operation.
@Suite struct OpTableTests {
    @Test(arguments: OpKind.allCases)
    func everyOperationHasCases(_ kind: OpKind) {
        let problems = OpTable.problems(for: kind)
        #expect(problems.count >= 3)
        #expect(Set(problems.map(\.description)).count == problems.count, "names repeat")
        // The row is about its operation (a few of its cases vanish, such as a reshape to the same shape).
        #expect(problems.contains { OpKind($0.graph[$0.output].op) == kind })
        for problem in problems {
            for feed in problem.feeds {
                #expect(feed.shape == feed.type.shape.resolved(batch: problem.batch), "\(problem)")
            }
        }
    }

    @Test func everyFunctionIsThere() {
        let ops = OpTable.problems.flatMap { $0.graph.nodes.map(\.op) }
        for f in Op.Unary.allCases { #expect(ops.contains(.unary(f)), "\(f)") }
        for f in Op.Binary.allCases { #expect(ops.contains(.binary(f)), "\(f)") }
        for f in Op.Comparison.allCases { #expect(ops.contains(.compare(f)), "\(f)") }
        for ta in [false, true] {
            for tb in [false, true] { #expect(ops.contains(.matmul(transposeA: ta, transposeB: tb))) }
        }
    }

    @Test(arguments: OpKind.allCases)
    func referenceHasTheInferredShape(_ kind: OpKind) throws {
        for problem in OpTable.problems(for: kind) {
            try problem.graph.verify()
            let y = try problem.reference()
            let type = problem.graph[problem.output].type
            #expect(y.shape == type.shape.resolved(batch: problem.batch), "\(problem)")
            if problem.isFinite { #expect(y.values.allSatisfy { $0.isFinite }, "\(problem): \(y.values)") }
            switch type.element {
            case .float32: break
            case .int32: #expect(y.values.allSatisfy { Int32(exactly: $0) != nil }, "\(problem)")
            case .bool: #expect(y.values.allSatisfy { $0 == 0 || $0 == 1 }, "\(problem)")
            }
        }
    }

    @Test(arguments: OpKind.allCases)
    func gradientIsTheLimitOfDifferences(_ kind: OpKind) throws {
        for problem in OpTable.problems(for: kind) where problem.isDifferentiable && !problem.floatFeeds.isEmpty {
            var followed = try Followed(problem)
            let targets = problem.floatFeeds.map { problem.feeds[$0].node }
            let map = try followed.graph.gradient(of: followed.loss, withRespectTo: targets)
            try followed.graph.verify()
            let nodes = targets.map { map[$0]! }
            for (node, target) in zip(nodes, targets) {
                #expect(followed.graph[node].type == followed.graph[target].type, "\(problem)")
            }
            let gradients = try followed.values(of: nodes, at: followed.point()).map(\.values)
            // Each element of a small operand by itself, and all together along two random directions.
            var directions = [followed.direction(seed: 1), followed.direction(seed: 2)]
            let zeros = problem.feeds.map { $0.tensor.values.map { _ in 0.0 } }
            if problem.floatFeeds.reduce(0, { $0 + zeros[$1].count }) <= 24 {
                for feed in problem.floatFeeds {
                    for element in zeros[feed].indices {
                        var v = zeros
                        v[feed][element] = 1
                        directions.append(v)
                    }
                }
            }
            for v in directions {
                let expected = try followed.differences(of: [followed.loss], along: v)[0][0]
                let actual = zip(problem.floatFeeds, gradients).reduce(0) { $0 + dot(v[$1.0], $1.1) }
                #expect(close(actual, expected, 1e-8), "\(problem): \(actual), differences \(expected)")
            }
        }
    }

    /// The pass applied to its own result: H·v against differences of the gradient along v.
    @Test(arguments: OpKind.allCases)
    func secondDerivativeIsTheLimitOfDifferences(_ kind: OpKind) throws {
        for problem in OpTable.problems(for: kind) where problem.isDifferentiable && !problem.floatFeeds.isEmpty {
            var followed = try Followed(problem)
            let targets = problem.floatFeeds.map { problem.feeds[$0].node }
            let first = try followed.graph.gradient(of: followed.loss, withRespectTo: targets)
            let gradients = targets.map { first[$0]! }
            // s = Σ ⟨gradient, v⟩ with v fed.
            let v = followed.direction(seed: 3)
            var s = try followed.graph.constant(0)
            for (feed, gradient) in zip(problem.floatFeeds, gradients) {
                let name = "v\(feed)"
                let type = problem.feeds[feed].type
                let node = try followed.graph.add(.input(name), type: type)
                followed.interpreter.inputs[name] = ReferenceTensor(shape: problem.feeds[feed].shape, values: v[feed])
                let product = try followed.graph.mul(gradient, node)
                s = try followed.graph.add(s, followed.graph.sum(product, axes: Array(0..<type.shape.rank)))
            }
            let second = try followed.graph.gradient(of: s, withRespectTo: targets)
            try followed.graph.verify()
            let actual = try followed.values(of: targets.map { second[$0]! }, at: followed.point()).map(\.values)
            let expected = try followed.differences(of: gradients, along: v)
            for (a, e) in zip(actual, expected) {
                #expect(disagreement(a, e) < 1e-8, "\(problem): \(a.prefix(8)), differences \(e.prefix(8))")
            }
        }
    }

    /// ⟨A x, y⟩ = ⟨x, Aᵀ y⟩, where the pass gives Aᵀ y.
    @Test(arguments: OpKind.allCases)
    func linearOperationsMeetTheirAdjoints(_ kind: OpKind) throws {
        for problem in OpTable.problems(for: kind) {
            for group in problem.linearIn {
                var graph = problem.graph
                let type = graph[problem.output].type
                let seed = try graph.add(.input("seed"), type: type)
                let targets = group.map { problem.feeds[$0].node }
                let map = try graph.gradient(of: problem.output, withRespectTo: targets, seed: seed)
                try graph.verify()
                var interpreter = problem.interpreter
                var random = SplitMix64(state: 5)
                let extents = type.shape.resolved(batch: problem.batch)
                let y = (0..<extents.reduce(1, *)).map { _ in random.uniform(-1, 1) }
                interpreter.inputs["seed"] = ReferenceTensor(shape: extents, values: y)
                let values = try interpreter.values(of: [problem.output] + targets.map { map[$0]! }, in: graph)
                let left = dot(values[0].values, y)
                let right = zip(group, values.dropFirst()).reduce(0) {
                    $0 + dot(problem.feeds[$1.0].tensor.values, $1.1.values)
                }
                #expect(close(left, right, 1e-11), "\(problem) in \(group): \(left), \(right)")
            }
        }
    }

    /// Passes keep the graph valid and every value, bit for bit.
    @Test(arguments: OpKind.allCases)
    func passesKeepValues(_ kind: OpKind) throws {
        for problem in OpTable.problems(for: kind) {
            var followed = try Followed(problem, castingToFloat: ())
            var outputs = [problem.output, followed.loss]
            if problem.isDifferentiable {
                let targets = problem.floatFeeds.map { problem.feeds[$0].node }
                let map = try followed.graph.gradient(of: followed.loss, withRespectTo: targets)
                outputs += targets.map { map[$0]! }
            }
            // Something nobody needs.
            _ = try followed.graph.add(followed.loss, 17)
            var graph = followed.graph
            graph.outputs = outputs.enumerated().map { ("\($0.offset)", $0.element) }
            graph.updates = [("state", followed.loss)]
            var interpreter = followed.interpreter
            let expected = try interpreter.run(graph)
            for (pass, result) in [
                ("removingDeadNodes", try graph.removingDeadNodes()), ("inliningCalls", try graph.inliningCalls()),
                ("inliningCalls keeping", try graph.inliningCalls(keeping: ["testGated"])),
            ] {
                try result.verify()
                var other = followed.interpreter
                let values = try other.run(result)
                #expect(same(values, expected), "\(pass) of \(problem)")
                #expect(same(other.state, interpreter.state), "\(pass) of \(problem)")
                #expect(result.liveNodes.allSatisfy { $0 } || pass != "removingDeadNodes", "\(pass) of \(problem)")
                #expect(
                    !result.nodes.contains {
                        OpKind($0.op) == .call && (pass == "inliningCalls" || $0.op.name != "testGated")
                    }
                        || pass == "removingDeadNodes", "\(pass) of \(problem)")
            }
        }
    }
}

/// Equal values, where NaN equals NaN.
private func same(_ a: [String: ReferenceTensor], _ b: [String: ReferenceTensor]) -> Bool {
    a.count == b.count
        && a.allSatisfy { name, x in
            guard let y = b[name], x.shape == y.shape else { return false }
            return zip(x.values, y.values).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
        }
}

extension Followed {
    /// Also for operations whose result is no float: it is cast first.
    init(_ problem: OpProblem, castingToFloat: Void) throws {
        var cast = problem.graph
        let y = try cast.add(.cast(.float32), [problem.output])
        try self.init(
            OpProblem(
                kind: problem.kind, name: problem.name, batch: problem.batch, graph: cast, output: y,
                feeds: problem.feeds,
                tolerance: problem.tolerance, isDifferentiable: problem.isDifferentiable, linearIn: problem.linearIn,
                isFinite: problem.isFinite))
    }
}
