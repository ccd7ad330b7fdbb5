import FathomGraph
import FathomReference
import FathomRuntime
import FathomTestSupport
import Testing

/// The executor against the interpreter, over the table of operations.
struct ExecutableTests {
    static func run(
        _ problem: OpProblem, threads: Int, fusing: Bool = true, graph: Graph? = nil, maxBatch: Int? = nil
    ) throws -> [Float] {
        let states = problem.feeds.filter(\.isState)
        let storage = StateStorage(states.map { ($0.name, $0.shape.reduce(1, *)) })
        var options = Executable.Options(fusing: fusing, verifying: true)
        options.usesWholeTeam = true  // small as they are, all threads shall have their share
        let executable = try Executable(
            graph ?? problem.graph, maxBatch: max(maxBatch ?? problem.batch, 1), state: storage,
            team: Team(threads: threads),
            options: options)
        for feed in problem.feeds {
            switch feed.values {
            case .floats(let values):
                if feed.isState { storage.set(feed.name, values) } else { executable.setInput(feed.name, values) }
            case .integers(let values):
                if !feed.isState { executable.setInput(feed.name, values) }
            }
        }
        try executable.run(batch: problem.batch)
        return executable.output("y", batch: problem.batch)
    }

    @Test(arguments: OpTable.problems.filter { problem in problem.batch > 0 })
    func agreesWithTheInterpreter(_ problem: OpProblem) throws {
        var interpreter = Interpreter(batch: problem.batch)
        for feed in problem.feeds {
            if feed.isState {
                interpreter.state[feed.name] = feed.tensor
            } else {
                interpreter.inputs[feed.name] = feed.tensor
            }
        }
        // The state holds floats, and as many for every batch: other entries are refused.
        if problem.feeds.contains(where: { $0.isState && ($0.type.element != .float32 || $0.type.shape.isSymbolic) }) {
            #expect(throws: GraphError.self) { try Self.run(problem, threads: 1) }
            return
        }
        let expected = try #require(try interpreter.run(problem.graph)["y"])
        let alone = try Self.run(problem, threads: 1)
        #expect(alone.count == expected.values.count)
        for (i, (actual, wanted)) in zip(alone, expected.values).enumerated()
        where !problem.tolerance.allows(actual, wanted) {
            Issue.record("\(problem): element \(i) is \(actual), not \(wanted)")
            break
        }
        for threads in 2...4 {
            let together = try Self.run(problem, threads: threads, maxBatch: problem.batch + 5)
            #expect(together.map(\.bitPattern) == alone.map(\.bitPattern), "\(problem) on \(threads) threads")
        }
        let unfused = try Self.run(problem, threads: 2, fusing: false)
        #expect(unfused.map(\.bitPattern) == alone.map(\.bitPattern), "\(problem) without fusion")
    }
}
