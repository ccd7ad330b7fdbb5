import CFathomKernels
import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// What a plan looks like: kinds of instructions and where the team waits.
@Suite struct PlanTests {
    /// "matmul matmul | fused …": the names in order, a bar where the team waits.
    static func shape(_ executable: Executable) -> String {
        executable.listing.split(separator: "\n").map { line in
            (line.hasSuffix(" barrier") ? "| " : "") + line.split(separator: " ")[1]
        }.joined(separator: " ")
    }

    static func barriers(_ executable: Executable) -> Int { shape(executable).count { $0 == "|" } }

    static func plan(
        _ row: ModelRow, batch: Int = 64, _ optimizer: any Optimizer = SGD(momentum: 0.9), joining: Bool = false
    )
        throws -> Executable
    {
        let model = try ModelStep(row, optimizer)
        return try model.executable(maxBatch: batch, threads: 2, joining: joining, graph: model.plain())
    }

    /// However deep: once before the gradients of the weights, once before the update of what columns share.
    @Test(arguments: [2, 5, 12, 30]) func highwaysWaitTwice(depth: Int) throws {
        let row = ModelRow("highway", [32]) {
            for _ in 0..<depth { Highway(activation: .tanh, gateBias: -1) }; Dense(5)
        }
        let plan = try Self.plan(row)
        #expect(Self.barriers(plan) == 2, "\(plan.listing)")
    }

    @Test(arguments: [2, 5, 12]) func perceptronsWaitTwice(depth: Int) throws {
        let row = ModelRow("perceptron", [32]) {
            for _ in 0..<depth { Dense(32); ReLU() }; Dense(5)
        }
        let plan = try Self.plan(row)
        #expect(Self.barriers(plan) == 2, "\(plan.listing)")
    }

    /// A model and its plan.
    static let snapshots: [(row: ModelRow, plan: String)] = [
        (
            ModelRow("perceptron", [32]) {
                Dense(48); ReLU(); Dense(40); Tanh(); Dense(10)
            },
            "matmul max matmul tanh matmul softmaxCrossEntropyGradient matmul fused matmul fused "
                + "| sum div sum matmul sum matmul sum matmul | update"
        ),
        (
            ModelRow("batch norm", [32]) {
                Dense(48, bias: false); BatchNorm(); ReLU(); Dense(48, bias: false); BatchNorm(); ReLU(); Dense(10)
            },
            "matmul fused | matmul fused | matmul softmaxCrossEntropyGradient | sum matmul matmul fused "
                + "| matmul matmul fused matmul sum div | update"
        ),
        (
            ModelRow("highway", [32]) {
                Highway(activation: .tanh); Highway(activation: .tanh); Dense(10)
            },
            "matmul fused matmul fused matmul softmaxCrossEntropyGradient matmul fused matmul fused "
                + "| sum div sum matmul sum matmul sum matmul | update"
        ),
    ]

    /// The gradients of large weights end in their updates, unless somebody else reads them.
    @Test func gradientsEndInTheirUpdates() throws {
        func joined(_ plan: Executable) -> Int { plan.listing.split(separator: "\n").count { $0.contains("+ update") } }
        let row = ModelRow("perceptron", [40]) {
            Dense(48); ReLU(); Dense(40); Tanh(); Dense(10)
        }
        #expect(try joined(Self.plan(row, joining: true)) == 2)
        #expect(try joined(Self.plan(row, Adam(), joining: true)) == 2)
        #expect(try joined(Self.plan(row, Adam(), joining: false)) == 0)
        let model = try ModelStep(row, Adam())
        #expect(try joined(model.executable(maxBatch: 64)) == 0, "every gradient is an output")
        let wide = ModelRow("wide", [1024]) { Dense(1024) }
        #expect(try joined(Self.plan(wide, Adam())) == 1, "a million values")
    }

    /// A change here is a change of speed: intended, then the text is to be renewed.
    @Test(arguments: snapshots.indices) func plansAreAsTheyWere(_ i: Int) throws {
        let (row, expected) = Self.snapshots[i]
        let shape = try Self.shape(Self.plan(row))
        #expect(shape == expected, "\(row.name): \(shape)")
    }
}
