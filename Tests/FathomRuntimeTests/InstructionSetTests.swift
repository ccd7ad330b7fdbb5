import CFathomKernels
import FathomNN
import FathomReference
import FathomRuntime
import FathomTestSupport
import Testing

#if os(Linux)
    import Glibc

    /// The table of operations and whole models on every instruction set: the choice is the process's, so each has one of
    /// its own.
    @Suite struct InstructionSetTests {
        /// Leaves the process with a failure at the first difference.
        static func checkAll(_ instructionSet: Int32) throws {
            guard fk_force_isa(instructionSet) else { return }  // this processor does not have it
            func fail(_ message: String) -> Never {
                print("instruction set \(instructionSet): \(message)")
                exit(1)
            }
            for problem in OpTable.problems where problem.batch > 0 {
                if problem.feeds.contains(where: {
                    $0.isState && ($0.type.element != .float32 || $0.type.shape.isSymbolic)
                }) {
                    continue
                }
                let expected = try problem.reference()
                let alone = try ExecutableTests.run(problem, threads: 1)
                for (actual, wanted) in zip(alone, expected.values) where !problem.tolerance.allows(actual, wanted) {
                    fail("\(problem): \(actual), not \(wanted)")
                }
                let together = try ExecutableTests.run(problem, threads: 3)
                if together.map(\.bitPattern) != alone.map(\.bitPattern) { fail("\(problem) on 3 threads") }
            }
            for row in ModelRow.layers {
                let model = try ModelStep(row, SGD(momentum: 0.9))
                let batch = model.batch(21)
                let alone = try DeterminismTests.run(model, batch, threads: 1, steps: 3)
                let together = try DeterminismTests.run(model, batch, threads: 3, steps: 3)
                for (a, b) in zip(alone, together) where a.1.map(\.bitPattern) != b.1.map(\.bitPattern) {
                    fail("\(row), \(a.0)")
                }
                var interpreter = model.interpreter(batch)
                for step in 1...3 {
                    interpreter.inputs["step"] = ReferenceTensor(Double(step))
                    interpreter.inputs["random.step"] = ReferenceTensor(Double(step))
                    let loss = try interpreter.run(model.plain())["loss"]!.values[0]
                    if !(abs(Double(alone[0].1[step - 1]) - loss) < 1e-4) {
                        fail("\(row), loss \(alone[0].1[step - 1]), not \(loss)")
                    }
                }
            }
        }

        @Test func baseline() async { await #expect(processExitsWith: .success) { try Self.checkAll(0) } }
        @Test func avx2() async { await #expect(processExitsWith: .success) { try Self.checkAll(1) } }
        @Test func avx512() async { await #expect(processExitsWith: .success) { try Self.checkAll(2) } }
    }
#endif
