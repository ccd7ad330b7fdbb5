import FathomGraph
import FathomNN
import FathomReference
import FathomTestSupport
import Foundation
import Testing

/// What layers compute, against formulas written out in numbers.
@Suite struct LayerMeaningTests {
    static let x: [[Double]] = [[0.5, -1.2, 2.0], [-0.3, 0.8, 0.1]]

    /// The layer's output for `x` with state values by formula: entry i of any parameter is sin(i + 1).
    func run(_ layer: any Layer, isTraining: Bool = true, step: Double = 0) throws -> (
        output: ReferenceTensor, state: [String: ReferenceTensor], trace: Trace
    ) {
        let traced = try TracedLayer(layer, [3], isTraining: isTraining)
        var state: [String: ReferenceTensor] = [:]
        for d in traced.trace.declarations {
            state[d.path] = ReferenceTensor(shape: d.shape, values: (0..<d.count).map { sin(Double($0 + 1)) })
        }
        let input = ReferenceTensor(shape: [2, 3], values: Self.x.flatMap { $0 })
        return (try traced.run(input, state: state, step: step).output, state, traced.trace)
    }

    func product(_ x: [Double], _ w: ReferenceTensor, columns: Range<Int>) -> [Double] {
        columns.map { c in x.indices.reduce(0) { $0 + x[$1] * w.values[$1 * w.shape[1] + c] } }
    }

    func expect(_ mine: ReferenceTensor, _ rows: [[Double]]) {
        #expect(mine.shape == [rows.count, rows[0].count])
        for (m, e) in zip(mine.values, rows.flatMap { $0 }) { #expect(agree(m, e), "\(m), not \(e)") }
    }

    func sigma(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    @Test(arguments: [3, 5]) func highway(_ units: Int) throws {
        let (y, state, _) = try run(Highway(units, activation: .tanh, shortcut: units == 3 ? .projection : .padding))
        let (w, b) = (state["weight"]!, state["bias"]!.values)
        expect(
            y,
            Self.x.map { row in
                let h = product(row, w, columns: 0..<units).enumerated().map { tanh($1 + b[$0]) }
                let t = product(row, w, columns: units..<(2 * units)).enumerated().map { sigma($1 + b[units + $0]) }
                let carried = row + [Double](repeating: 0, count: units - 3)
                return (0..<units).map { h[$0] * t[$0] + carried[$0] * (1 - t[$0]) }
            })
    }

    @Test func highwayStartsWithItsGateClosed() throws {
        let values = try TracedLayer(Highway(activation: .tanh, gateBias: -2), [3]).initialState()
        #expect(values["bias"]!.values == [0, 0, 0, -2, -2, -2])
        let projected = try TracedLayer(Sequential { Highway(7) }, [3]).trace
        #expect(
            projected.declarations.map(\.path) == ["highway1.weight", "highway1.bias", "highway1.projection.weight"])
    }

    @Test func residual() throws {
        let (y, state, trace) = try run(
            Sequential {
                Residual(activation: .relu) {
                    Dense(2); Tanh()
                }
            })
        #expect(
            trace.declarations.map(\.path) == [
                "residual1.dense1.weight", "residual1.dense1.bias", "residual1.projection.weight",
            ])
        let (w, b) = (state["residual1.dense1.weight"]!, state["residual1.dense1.bias"]!.values)
        let p = state["residual1.projection.weight"]!
        expect(
            y,
            Self.x.map { row in
                let branch = product(row, w, columns: 0..<2).enumerated().map { tanh($1 + b[$0]) }
                return zip(branch, product(row, p, columns: 0..<2)).map { max($0 + $1, 0) }
            })
        let same = try run(Residual { Activate(.tanh) })
        expect(same.output, Self.x.map { $0.map { $0 + tanh($0) } })
    }

    @Test func maxoutTakesTheLargestPieceOfEachUnit() throws {
        let (y, state, _) = try run(Maxout(2, pieces: 3))
        let (w, b) = (state["weight"]!, state["bias"]!.values)
        expect(
            y,
            Self.x.map { row in
                let all = product(row, w, columns: 0..<6).enumerated().map { $1 + b[$0] }
                return [all[0..<3].max()!, all[3..<6].max()!]
            })
    }

    @Test func perInputBias() throws {
        let (y, state, _) = try run(PerInputBias(2))
        let b = state["bias"]!.values
        expect(y, Self.x.map { row in product(zip(row, b).map { $0 + $1 }, state["weight"]!, columns: 0..<2) })
    }

    @Test func parallelJoinsAndAdds() throws {
        let joined = try run(
            Parallel {
                Tanh();
                Sequential {
                    ReLU(); Sine()
                }
            })
        expect(joined.output, Self.x.map { r in r.map { tanh($0) } + r.map { sin(max($0, 0)) } })
        let added = try run(
            Parallel(joinedBy: .sum) {
                Tanh(); Identity()
            })
        expect(added.output, Self.x.map { $0.map { tanh($0) + $0 } })
    }

    @Test func batchNormOfASingleRowIsItsShiftAndKeepsTheStatistics() throws {
        let traced = try TracedLayer(BatchNorm(), [2])
        let state = [
            "scale": ReferenceTensor(shape: [2], values: [2.0, 3]),
            "shift": ReferenceTensor(shape: [2], values: [0.5, -1]),
            "mean": ReferenceTensor(shape: [2], values: [7.0, 8]),
            "variance": ReferenceTensor(shape: [2], values: [4.0, 9]),
        ]
        let result = try traced.run(ReferenceTensor(shape: [1, 2], values: [3.0, 4]), state: state)
        #expect(result.output.values == [0.5, -1])
        #expect(result.state["mean"] == state["mean"] && result.state["variance"] == state["variance"])
    }

    @Test func dropoutKeepsTheMeanAndFollowsItsSchedule() throws {
        func share(_ layer: Dropout, step: Double) throws -> (zeros: Double, mean: Double) {
            let traced = try TracedLayer(layer, [1000])
            let x = ReferenceTensor(shape: [20, 1000], values: [Double](repeating: 1, count: 20000))
            let y = try traced.run(x, state: [:], step: step).output.values
            #expect(Set(y).count <= 2)
            return (Double(y.count { $0 == 0 }) / 20000, y.reduce(0, +) / 20000)
        }
        let always = try share(Dropout(0.3), step: 5)
        #expect(abs(always.zeros - 0.3) < 0.01 && abs(always.mean - 1) < 0.02)
        let early = Dropout(0.3, schedule: .early(steps: 10))
        #expect(abs(try share(early, step: 9).zeros - 0.3) < 0.01)
        #expect(try share(early, step: 10).zeros == 0)
        let late = Dropout(0.3, schedule: .late(start: 10))
        #expect(try share(late, step: 9).zeros == 0)
        #expect(abs(try share(late, step: 10).zeros - 0.3) < 0.01)
        let falling = Dropout(0.4, schedule: .falling(steps: 10))
        #expect(abs(try share(falling, step: 5).zeros - 0.2) < 0.01)
        #expect(try share(falling, step: 10).zeros == 0)
        #expect(throws: GraphError.self) { try share(Dropout(1), step: 0) }
    }

    @Test func twoDropoutsDrawDifferently() throws {
        let traced = try TracedLayer(
            Parallel {
                Dropout(0.5); Dropout(0.5)
            }, [100])
        let y = try traced.run(
            ReferenceTensor(shape: [1, 100], values: [Double](repeating: 1, count: 100)), state: [:]
        ).output
        #expect(Array(y.values[0..<100]) != Array(y.values[100..<200]))
    }

    @Test func thresholdUnitsAreLogic() throws {
        func table(_ unit: McCullochPitts) throws -> [Double] {
            let traced = try TracedLayer(unit, [2])
            return try traced.run(ReferenceTensor(shape: [4, 2], values: [0.0, 0, 0, 1, 1, 0, 1, 1]), state: [:]).output
                .values
        }
        #expect(try table(McCullochPitts(threshold: 2)) == [0, 0, 0, 1])
        #expect(try table(McCullochPitts(threshold: 1)) == [0, 1, 1, 1])
        #expect(try table(McCullochPitts(threshold: 1, inhibiting: [1])) == [0, 0, 1, 0])
        #expect(try table(McCullochPitts(threshold: 0, inhibiting: [0, 1])) == [1, 0, 0, 0])
    }

    /// The tail of GELU in single precision, where ½(1 + erf) is all rounding error: the graph asks for erfc.
    @Test func geluAsksForTheComplementaryErrorFunction() throws {
        let traced = try TracedLayer(GELU(), [1])
        #expect(traced.trace.graph.nodes.contains { $0.op == .unary(.erfc) })
        let y = try traced.run(ReferenceTensor(shape: [2, 1], values: [-10.0, -30]), state: [:])
        // x Φ(x) by mpmath.
        #expect(agree(y.output.values[0], -7.619853024160525e-23, relative: 1e-12, absolute: 0))
        #expect(agree(y.output.values[1], -1.47201417814446e-196, relative: 1e-12, absolute: 0))
    }
}

extension LayerMeaningTests {
    /// Whole channels of an image are dropped, each by itself, and the mean stays.
    @Test func spatialDropoutDropsChannels() throws {
        let (places, channels, batch) = (6, 40, 50)
        let traced = try TracedLayer(SpatialDropout(0.25), [3, 2, channels])
        let x = ReferenceTensor(
            shape: [batch, 3, 2, channels], values: [Double](repeating: 3, count: batch * places * channels))
        let y = try traced.run(x, state: [:]).output.values
        var kept = 0
        for image in 0..<batch {
            for c in 0..<channels {
                let values = Set((0..<places).map { y[(image * places + $0) * channels + c] })
                #expect(values == [0] || values == [4])
                kept += values == [4] ? 1 : 0
            }
        }
        // 2000 draws: five standard deviations about three quarters.
        #expect(abs(Double(kept) / 2000 - 0.75) < 0.05)
        let other = try traced.run(x, state: [:], step: 1).output.values
        #expect(other != y)
    }
}
