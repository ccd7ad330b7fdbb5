import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// The loss that the gradient of a cross-entropy works out on its way.
@Suite struct CrossEntropyTests {
    /// The loss of every row, its gradient, or both.
    static func executable(classes: Int, batch: Int, loss: Bool, gradient: Bool) throws -> Executable {
        let trace = Trace(isTraining: true)
        let x = trace.input("x", [.batch, .fixed(classes)])
        let y = trace.input("y", [.batch], .int32)
        let rows = softmaxCrossEntropy(logits: x, labels: y)
        let total = rows.sum()
        try trace.check()
        var graph = trace.graph
        let logits = try #require(x.id)
        let slope = try graph.gradient(of: #require(total.id), withRespectTo: [logits])[logits]
        graph.outputs = loss ? [("loss", try #require(rows.id))] : []
        if gradient { graph.outputs.append(("gradient", try #require(slope))) }
        return try Executable(graph, maxBatch: batch, state: StateStorage([]), team: Team(threads: 3))
    }

    /// Fewer classes than a vector has lanes, as many, and more; blocks of rows that are full and that are not; labels outside.
    @Test(arguments: [1, 3, 10, 16, 17, 40]) func bothHaveTheBitsOfEach(classes: Int) throws {
        for batch in [1, 5, 16, 33, 130] {
            let both = try Self.executable(classes: classes, batch: batch, loss: true, gradient: true)
            let loss = try Self.executable(classes: classes, batch: batch, loss: true, gradient: false)
            let gradient = try Self.executable(classes: classes, batch: batch, loss: false, gradient: true)
            #expect(both.listing.contains("+ loss"))
            #expect(both.instructionCount == gradient.instructionCount, "\(both.listing)")
            var random = RandomSource(seed: 7, name: "\(classes) \(batch)")
            let logits = (0..<batch * classes).map { _ in Float(8 * random.normal()) }
            let labels = (0..<batch).map { row in
                row == 3 ? -1 : row == 4 ? Int32(classes) : Int32(random.uniform() * Double(classes))
            }
            for executable in [both, loss, gradient] {
                executable.setInput("x", logits)
                executable.setInput("y", labels)
                try executable.run(batch: batch)
            }
            ModelTests.expectSameBits(
                "loss, \(batch) rows", both.output("loss", batch: batch), loss.output("loss", batch: batch))
            ModelTests.expectSameBits(
                "gradient, \(batch) rows", both.output("gradient", batch: batch),
                gradient.output("gradient", batch: batch))
        }
    }
}
