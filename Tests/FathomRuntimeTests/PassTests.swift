import CFathomKernels
import FathomGraph
import FathomNN
import FathomRuntime
import Testing

/// Phases of batch norm, and gates, that have a loop of their own give the bits of their single operations.
@Suite struct PassTests {
    static let rows: [ModelRow] = [
        ModelRow("passes: batch norm and ReLU", [48]) {
            Dense(64, bias: false); BatchNorm(); ReLU(); Dense(40, bias: false); BatchNorm(); ReLU(); Dense(5)
        },
        ModelRow("passes: batch norm alone", [48]) {
            Dense(67); BatchNorm(); Dense(131); BatchNorm(); Dense(5)
        },
        ModelRow("passes: residual", [48]) {
            Dense(64)
            for _ in 0..<3 {
                Residual {
                    BatchNorm(); ReLU(); Dense(64); BatchNorm(); ReLU(); Dense(64)
                }
            }
            Dense(5)
        },
        gates("passes: gates", .tanh),
        gates("passes: gates with ReLU", .relu),
    ]

    static func gates(_ name: String, _ activation: Activation) -> ModelRow {
        ModelRow(name, [48]) {
            Dense(64)
            for _ in 0..<3 { Highway(activation: activation) }
            Dense(37)
            for _ in 0..<3 { Highway(activation: activation) }
            Dense(5)
        }
    }

    /// Rows that fill no block of 32 and no four, and one that sums over nothing but itself.
    @Test(arguments: rows) func sameBitsAsSingleOperations(_ row: ModelRow) throws {
        let model = try ModelStep(row, Adam())
        for size in [2, 3, 5, 31, 32, 33, 66, 128, 131] {
            let batch = model.batch(size)
            let (passing, single) = (model.storage(), model.storage())
            let a = try model.executable(maxBatch: size, threads: 3, graph: model.plain(), storage: passing)
            let b = try model.executable(maxBatch: size, fusing: false, graph: model.plain(), storage: single)
            for step in 1...3 {
                for executable in [a, b] {
                    model.feed(executable, batch, step: step)
                    try executable.run(batch: size)
                }
            }
            #expect(a.scalar("loss").isFinite)
            for (path, _) in model.entries {
                ModelTests.expectSameBits("\(path), \(size) rows", passing[path]!, single[path]!)
            }
        }
    }

    /// Every loop is found in one of the nets; a change of the graph that no pass knows any more would pass unnoticed otherwise.
    @Test func everyPassIsFound() throws {
        var found: Set<UInt8> = []
        for row in Self.rows {
            let model = try ModelStep(row, SGD(momentum: 0.9))
            let executable = try model.executable(maxBatch: 64, threads: 1, graph: model.plain())
            try executable.withPlan(batch: 64) { plan in
                for x in plan where x.kind == UInt8(FK_I_REGION.rawValue) {
                    let region = x.u.region
                    for k in 0..<Int(region.op_count) where region.ops[k].pass > 0 { found.insert(region.ops[k].pass) }
                }
            }
        }
        let all = [
            FK_PASS_ADD_SUM, FK_PASS_SPREAD, FK_PASS_SCALE, FK_PASS_SCALE_MAX, FK_PASS_GRADIENT_SUMS,
            FK_PASS_ADD_GRADIENT_SUMS, FK_PASS_CENTRE, FK_PASS_CENTRE_ADD,
            FK_PASS_GATE, FK_PASS_GATE_GRADIENT, FK_PASS_RELU_GATE, FK_PASS_RELU_GATE_GRADIENT,
        ]
        #expect(found == Set(all.map { UInt8($0.rawValue) }))
    }
}
