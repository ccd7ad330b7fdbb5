import CFathomKernels
import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// What a plan looks like: kinds of instructions and where the team waits.
@Suite struct PlanTests {
    /// "matmul / matmul | fused …": the names in order, a bar where the team waits, a stroke where a thread says before that it has
    /// come there.
    static func shape(_ executable: Executable) -> String {
        executable.listing.split(separator: "\n").map { line in
            (line.hasSuffix(" arrives") ? "/ " : line.hasSuffix(" barrier") ? "| " : "") + line.split(separator: " ")[1]
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

    /// ReLU of a product that nothing else reads is the product's; a sum that is read once more stays.
    @Test func productsEndInReLU() throws {
        func names(_ row: ModelRow) throws -> (products: Int, maxima: Int) {
            let lines = try Self.plan(row).listing.split(separator: "\n")
            return (lines.count { $0.contains("+ ReLU") }, lines.count { $0.contains(" max ") })
        }
        let plain = try names(
            ModelRow("ReLU", [32]) {
                Dense(24); ReLU(); Dense(16, bias: false); ReLU(); Dense(5)
            })
        #expect(plain == (2, 0))
        let scaled = try names(
            ModelRow("residual", [32]) {
                Residual {
                    Dense(32); ReLU(); Dense(32)
                }; ReLU(); Dense(5)
            })
        #expect(scaled.products == 1)
    }

    /// Each of many gradients of weights is one thread's, with the sum for its bias.
    @Test(arguments: [(5, 0), (30, 31)]) func layersAreHandedOut(depth: Int, expected: Int) throws {
        let row = ModelRow("highway", [32]) {
            for _ in 0..<depth { Highway(activation: .tanh, gateBias: -1) }; Dense(5)
        }
        let owners = try Self.plan(row).withPlan(batch: 64) { plan in
            plan.filter { $0.kind == UInt8(FK_I_GEMM.rawValue) && $0.owner > 0 }.map { Int($0.owner) }
        }
        #expect(owners?.count == expected)
        // The last layers come first in the backward pass, and go to the last thread.
        #expect(owners?.sorted(by: >) == owners)
        #expect((owners ?? []).count { $0 >= 512 } == (expected + 1) / 2)
    }

    /// A gate stores its activation, the gate and the result; their difference, which the backward pass needs, is made again there.
    @Test func differencesAreMadeAgain() throws {
        let row = ModelRow("highway", [32]) {
            for _ in 0..<3 { Highway(activation: .tanh) }; Dense(5)
        }
        let written = try Self.plan(row).withPlan(batch: 64) { plan in
            var counts: [Int] = []
            for x in plan where x.kind == UInt8(FK_I_REGION.rawValue) {
                let r = x.u.region
                let opcodes = (0..<Int(r.op_count)).map { UInt32(r.ops[$0].opcode) }
                if !opcodes.contains(FK_TANH.rawValue) { continue }
                counts.append((0..<Int(r.reg_count)).count { r.regs[$0].memory == 2 })
            }
            return counts
        }
        #expect(written == [3, 3, 3])
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
            "matmul matmul tanh matmul softmaxCrossEntropyGradient matmul fused matmul fused "
                + "| sum div sum matmul sum matmul sum matmul | update"
        ),
        (
            ModelRow("batch norm", [32]) {
                Dense(48, bias: false); BatchNorm(); ReLU(); Dense(48, bias: false); BatchNorm(); ReLU(); Dense(10)
            },
            "matmul fused | matmul fused | matmul softmaxCrossEntropyGradient | sum matmul fused "
                + "/ matmul | matmul matmul fused matmul / sum div | update"
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

    /// What products fetch is what the next instructions read and write: in the backward pass the activation's operand, the next
    /// weights and the layer's input, all of which were last used a pass before; never what was made just now.
    @Test func productsFetchWhatComesNext() throws {
        let row = ModelRow("deep", [128]) {
            for _ in 0..<4 { Dense(128, bias: false); BatchNorm(); ReLU() }; Dense(5)
        }
        let plan = try Self.plan(row)
        let found = try plan.withPlan(batch: 64) { instructions in
            var counts: [Int] = []
            for (i, x) in instructions.enumerated() where x.kind == UInt8(FK_I_GEMM.rawValue) {
                let upcoming = (0..<Int(x.upcoming_count)).map { x.upcoming[$0] }
                counts.append(upcoming.count)
                for array in upcoming {
                    #expect(array.p != x.u.gemm.a && array.p != x.u.gemm.b && array.p != UnsafePointer(x.u.gemm.c))
                    let readers = instructions[(i + 1)...].prefix(2).filter { next in
                        if next.kind == UInt8(FK_I_GEMM.rawValue) {
                            let g = next.u.gemm
                            let sizes =
                                array.p == g.a
                                ? (g.ta ? (g.k, g.m) : (g.m, g.k)) : (g.tb ? (g.n, g.k) : (g.k, g.n))
                            return [g.a, g.b].contains(array.p) && sizes == (array.rows, array.columns)
                        }
                        guard next.kind == UInt8(FK_I_REGION.rawValue) else { return false }
                        let r = next.u.region
                        return (r.rows, r.cols) == (array.rows, array.columns)
                            && (0..<Int(r.reg_count)).contains {
                                r.regs[$0].memory == (array.writes ? 2 : 1) && r.regs[$0].base == array.p
                            }
                    }
                    #expect(!readers.isEmpty, "\(i): \(array.rows) × \(array.columns)")
                }
            }
            return counts
        }
        // Forward what the activation writes and the next weights, where they are not small. Backward, for each layer but the first,
        // what its activation reads and writes and what the product for the weights reads; then the next weights.
        #expect(found == [2, 2, 2, 1, 0] + [3, 1, 3, 1, 3, 1] + [1, 3] + [0], "\(found ?? []) of \(plan.listing)")
    }
}
