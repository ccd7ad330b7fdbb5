import FathomGraph
import FathomReference
import FathomTestSupport
import Testing

@Suite struct GraphTests {
    private func floats(_ graph: inout Graph, _ name: String, _ shape: Shape) throws -> NodeID {
        try graph.add(.input(name), type: TensorType(.float32, shape))
    }

    // MARK: Hash-consing

    @Test func equalNodesAreOne() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        #expect(try floats(&g, "x", [3]) == x)
        #expect(try g.unary(.exp, x) == g.unary(.exp, x))
        #expect(try g.unary(.exp, x) != g.unary(.expm1, x))
        #expect(try g.constant(2, [3]) == g.constant(2, [3]))
        #expect(try g.constant(2, [3]) != g.constant(2, [4]))
        #expect(try g.add(.call(OpTable.swish(scale: 1)), [x]) == g.add(.call(OpTable.swish(scale: 1)), [x]))
        #expect(try g.add(.call(OpTable.swish(scale: 1)), [x]) != g.add(.call(OpTable.swish(scale: 2)), [x]))
    }

    /// Ten thousand nodes, through every growth of the table: each is found again, in a copy of the graph too, and adding to the
    /// copy leaves the first as it was.
    @Test func manyNodesAreFoundAgain() throws {
        var g = Graph()
        let x = try floats(&g, "x", [.batch, 4])
        var ids: [NodeID] = []
        for i in 0..<10_000 { ids.append(try g.add(x, g.constant(Double(i), like: x))) }
        let count = g.nodes.count
        #expect(count == 20_001 && Set(ids).count == 10_000)
        var copy = g
        for i in 0..<10_000 {
            #expect(try g.add(x, g.constant(Double(i), like: x)) == ids[i])
            #expect(try copy.add(x, copy.constant(Double(i), like: x)) == ids[i])
        }
        _ = try copy.unary(.exp, x)
        #expect(g.nodes.count == count && copy.nodes.count == count + 1)
        #expect(try g.removingDeadNodes().nodes.isEmpty)
    }

    @Test func nodesOfAnotherLayerOrPhaseStayApart() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let here = try g.unary(.exp, x)
        let there = try g.attributing(layer: "other") { g throws(GraphError) in try g.unary(.exp, x) }
        let probe = try g.attributing(layer: "", phase: .probe) { g throws(GraphError) in try g.unary(.exp, x) }
        #expect(Set([here, there, probe]).count == 3)
        #expect(g.layer(of: there) == "other" && g[probe].phase == .probe)
        #expect(g.currentLayer == "" && g.phase == .forward)
    }

    @Test func constantsGoByTheirBits() throws {
        var g = Graph()
        let zero = try g.constant(0)
        let minusZero = try g.constant(-0.0)
        #expect(zero != minusZero)
        #expect(try g.constant(.nan) == g.constant(.nan))
        let one = try g.constant(1)
        let values = try Interpreter().values(of: [g.div(one, zero), g.div(one, minusZero)], in: g)
        #expect(values.map { $0.values[0] } == [.infinity, -.infinity])
    }

    @Test func identitiesVanishAndHideNothing() throws {
        var g = Graph()
        let x = try floats(&g, "x", [2, 3])
        let one = try g.constant(1, [2, 3])
        #expect(try g.mul(x, one) == x && g.mul(one, x) == x && g.div(x, one) == x)
        #expect(try g.reshape(x, to: [2, 3]) == x && g.broadcast(x, to: [2, 3]) == x)
        #expect(try g.reshape(g.reshape(x, to: [6]), to: [2, 3]) == x)
        #expect(try g.add(.transpose([0, 1]), [x]) == x && g.sum(x, axes: []) == x)
        #expect(try g.add(.cast(.float32), [x]) == x)
        // 1 / x, x · 0 and x − x are not simplified.
        let zero = try g.constant(0, [2, 3])
        var interpreter = Interpreter()
        interpreter.inputs["x"] = ReferenceTensor(shape: [2, 3], values: [Double](repeating: .nan, count: 6))
        for node in [try g.mul(x, zero), try g.sub(x, x), try g.div(one, x), try g.add(x, zero), try g.div(x, x)] {
            #expect(try interpreter.values(of: [node], in: g)[0].values.allSatisfy { $0.isNaN })
        }
    }

    // MARK: Gradient

    @Test func backwardNodesCarryTheLayerOfTheForwardNode() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let a = try g.attributing(layer: "first") { g throws(GraphError) in try g.unary(.tanh, x) }
        let b = try g.attributing(layer: "second") { g throws(GraphError) in try g.unary(.exp, a) }
        let loss = try g.sum(b, axes: [0])
        let before = g.nodes.count
        let map = try g.gradient(of: loss, withRespectTo: [x])
        let added = g.nodes.indices.dropFirst(before).map { NodeID($0) }
        #expect(added.allSatisfy { g[$0].phase == .backward })
        #expect(added.contains { g.layer(of: $0) == "second" })
        #expect(g.layer(of: map[x]!) == "first")
        #expect(g.phase == .forward && g.currentLayer == "")
    }

    @Test func targetsWithoutInfluenceGetZeros() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let y = try floats(&g, "y", [.batch, 2])
        let later = try g.unary(.sin, x)
        let loss = try g.sum(x, axes: [0])
        let map = try g.gradient(of: loss, withRespectTo: [x, y, later, loss])
        #expect(g[map[y]!].op == .constant(0) && g.shape(of: map[y]!) == [.batch, 2])
        #expect(g[map[later]!].op == .constant(0))
        #expect(g[map[loss]!].op == .constant(1))
        try g.verify()
    }

    @Test func onlyFloatsHaveAGradient() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let best = try g.add(.argMax(axis: 0), [x])
        #expect(throws: GraphError.self) { try g.gradient(of: best, withRespectTo: [x]) }
        // Through integers no gradient flows.
        let back = try g.add(.cast(.float32), [best])
        let map = try g.gradient(of: back, withRespectTo: [x])
        #expect(g[map[x]!].op == .constant(0))
    }

    @Test func theSeedMustBeLikeTheOutput() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let seed = try floats(&g, "seed", [2])
        #expect(throws: GraphError.self) { try g.gradient(of: x, withRespectTo: [x], seed: seed) }
    }

    @Test func aWrongOwnGradientIsNamed() throws {
        let wrong = FusedOp("testWrong", gradient: { g, _, _, up throws(GraphError) in [try g.sum(up, axes: [0])] }) {
            g, x throws(GraphError) in try g.unary(.exp, x[0])
        }
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let y = try g.add(.call(wrong), [x])
        let error = #expect(throws: GraphError.self) { try g.gradient(of: y, withRespectTo: [x]) }
        #expect(error?.op == "testWrong")
    }

    @Test func ownGradientIsUsed() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let y = try g.add(.call(OpTable.straightThrough), [x])
        let seed = try floats(&g, "seed", [3])
        #expect(try g.gradient(of: y, withRespectTo: [x], seed: seed)[x] == seed)
    }

    /// The fixed conventions at kinks and ties.
    @Test func tieRules() throws {
        var g = Graph()
        let x = try floats(&g, "x", [4])
        let zero = try g.constant(0, [4])
        var interpreter = Interpreter()
        interpreter.inputs["x"] = ReferenceTensor(shape: [4], values: [-1.0, 0, 0, 2])
        func slope(_ y: NodeID, _ target: NodeID? = nil) throws -> [Double] {
            let node = try g.gradient(of: y, withRespectTo: [target ?? x])[target ?? x]!
            return try interpreter.values(of: [node], in: g)[0].values
        }
        #expect(try slope(g.binary(.max, x, zero)) == [0, 0, 0, 1])
        #expect(try slope(g.binary(.max, zero, x)) == [0, 1, 1, 1])
        #expect(try slope(g.binary(.min, x, zero)) == [1, 0, 0, 0])
        #expect(try slope(g.unary(.abs, x)) == [-1, 0, 0, 1])
        #expect(try slope(g.add(.max(axes: [0]), [x])) == [0, 0, 0, 1])
        #expect(try slope(g.add(.max(axes: [0]), [g.binary(.min, x, zero)])) == [0, 0, 0, 0])
        let ties = try floats(&g, "ties", [4])
        interpreter.inputs["ties"] = ReferenceTensor(shape: [4], values: [3.0, 1, 3, 3])
        let third = 1.0 / 3
        #expect(try slope(g.add(.max(axes: [0]), [ties]), ties) == [third, 0, third, third])
        #expect(try slope(g.add(.min(axes: [0]), [ties]), ties) == [0, 1, 0, 0])
    }

    // MARK: Verifier

    @Test func theVerifierFindsWrongOutputsAndUpdates() throws {
        var g = Graph()
        let w = try g.add(.state("w"), type: TensorType(.float32, [3]))
        let s = try g.sum(w, axes: [0])
        g.updates = [("w", w)]
        try g.verify()
        for (outputs, updates) in [
            ([("y", NodeID(99))], []), ([("y", NodeID(-1))], []), ([], [("w", NodeID(99))]),
            ([], [("w", w), ("w", w)]), ([], [("w", s)]),
        ] as [([(String, NodeID)], [(String, NodeID)])] {
            var wrong = g
            wrong.outputs = outputs.map { (name: $0.0, node: $0.1) }
            wrong.updates = updates.map { (path: $0.0, node: $0.1) }
            #expect(throws: GraphError.self) { try wrong.verify() }
        }
    }

    // MARK: Passes

    @Test func passesKeepProvenance() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        let y = try g.attributing(layer: "gate") { g throws(GraphError) in
            try g.add(.call(OpTable.nested), [g.reshape(x, to: [1, 3])])
        }
        g.outputs = [("y", y)]
        let inlined = try g.inliningCalls()
        #expect(!inlined.nodes.contains { OpKind($0.op) == .call })
        for node in inlined.nodes where !node.inputs.isEmpty { #expect(inlined.scopes[Int(node.scope)] == "gate") }
        #expect(inlined.outputs[0].name == "y")
    }

    @Test func keptKernelsStay() throws {
        var g = Graph()
        let x = try floats(&g, "x", [3])
        g.outputs = [("y", try g.add(.call(OpTable.nested), [x]))]
        let names = try g.inliningCalls(keeping: ["testGated"]).nodes.map(\.op.name)
        #expect(names.contains("testGated") && !names.contains("testSwish") && !names.contains("testNested"))
    }
}
