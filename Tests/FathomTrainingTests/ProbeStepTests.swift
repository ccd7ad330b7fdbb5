import FathomGraph
import FathomNN
import FathomRuntime
import FathomTraining
import Testing

/// Watching a training step as its user sees it.
@Suite struct ProbeStepTests {
    static func make(_ model: any Layer, _ probes: ProbeSettings?, microBatches: Int = 1, fusing: Bool = true) throws
        -> TrainStep
    {
        var options = Executable.Options()
        options.fusing = fusing
        return try TrainStep(
            model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(Adam(epsilon: 1e-3), averageDecay: 0.9),
            data: TrainStepTests.data, batch: 16, microBatches: microBatches, seed: 5, probes: probes,
            team: Team(threads: 2), options: options)
    }

    static let models: [(name: String, make: @Sendable () -> any Layer)] = [
        ("batch norm", TrainStepTests.model), ("perceptron", TrainStepTests.plainModel),
        (
            "deep batch norm",
            {
                Sequential {
                    Dense(32, bias: false); BatchNorm(); ReLU(); Dense(32, bias: false); BatchNorm(); ReLU(); Dense(4)
                }
            }
        ),
        (
            "highway",
            {
                Sequential {
                    Dense(16); Highway(activation: .tanh); Highway(activation: .tanh); Dense(4)
                }
            }
        ),
        (
            "residual",
            {
                Sequential {
                    Dense(12); Residual.preActivation(12); LayerNorm(); Activate(.gelu); Dense(4)
                }
            }
        ),
        (
            "maxout",
            {
                Sequential {
                    Maxout(8, pieces: 3); Dropout(0.2); Dense(4)
                }
            }
        ),
    ]

    @Test(arguments: models.map(\.name)) func watchingChangesNoBit(_ name: String) throws {
        let make = try #require(Self.models.first { $0.name == name }).make
        let bare = try Self.make(make(), nil)
        let losses = try TrainStepTests.train(bare, 0..<6)
        for probes in [ProbeSettings(), ProbeSettings(interval: 3, sample: 0), ProbeSettings(sample: 20)] {
            let watched = try Self.make(make(), probes)
            #expect(try TrainStepTests.train(watched, 0..<6).map(\.bitPattern) == losses.map(\.bitPattern))
            #expect(TrainStepTests.bits(watched.state) == TrainStepTests.bits(bare.state))
            #expect(watched.observation?.step == (probes.interval == 3 ? 4 : 6))
        }
    }

    /// What is copied from tiles on their way is what a plan that has every value in memory finds there.
    @Test(arguments: models.map(\.name)) func fusingChangesNoObservation(_ name: String) throws {
        let make = try #require(Self.models.first { $0.name == name }).make
        for sample in [20, 40, 100] {
            let fused = try Self.make(make(), ProbeSettings(sample: sample))
            let single = try Self.make(make(), ProbeSettings(sample: sample), fusing: false)
            // More steps than rows.
            for number in 0..<18 {
                for step in [fused, single] { _ = try TrainStepTests.train(step, number..<(number + 1)) }
                let (seen, expected) = (try #require(fused.observation), try #require(single.observation))
                #expect(seen.keys == expected.keys && !seen.keys.isEmpty)
                for i in seen.keys.indices {
                    let (own, other) = (try #require(seen.value(i)), try #require(expected.value(i)))
                    #expect(own == other, "\(seen.keys[i]) at step \(number), \(sample) elements")
                }
            }
        }
    }

    /// The instructions that do the work, and the waits between them, are those of a step that is not watched.
    @Test func thePlanStaysAsItIs() throws {
        // Without the instruction's number, and the operations of a region, which copies what is watched on its way.
        func work(_ step: TrainStep) -> [String] {
            step.executable.listing.split(separator: "\n").filter { !$0.contains(" probe ") }.map { line in
                let words = line.split(separator: " ").dropFirst()
                return zip(words, words.dropFirst() + [""]).map { $1 == "operations" ? "" : $0 }.joined(separator: " ")
            }
        }
        let bare = try Self.make(TrainStepTests.model(), nil)
        let watched = try Self.make(TrainStepTests.model(), ProbeSettings())
        #expect(work(watched) == work(bare))
        #expect(watched.executable.instructionCount > bare.executable.instructionCount)
        #expect(watched.executable.peakBytes - watched.executable.probeBytes == bare.executable.peakBytes)
        #expect(watched.executable.probeBytes > 0)
    }

    /// Against the state before and after the step.
    @Test func weightsAndTheirUpdates() throws {
        let step = try Self.make(TrainStepTests.plainModel(), ProbeSettings(sample: 0))
        #expect(step.observation == nil)
        _ = try TrainStepTests.train(step, 0..<2)
        let old = try #require(step.storage["dense1.weight"])
        _ = try TrainStepTests.train(step, 2..<3)
        let new = try #require(step.storage["dense1.weight"])
        let seen = try #require(step.observation)
        #expect(seen.step == 3 && seen.loss == step.executable.scalar("loss"))
        func check(_ quantity: String, _ values: [Float]) throws {
            let moments = try #require(seen["dense1", quantity]).moments
            #expect(Int(moments.count) == values.count)
            let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
            #expect(abs(moments.rootMeanSquare - (squares / Double(values.count)).squareRoot()) < 1e-6)
            #expect(moments.minimum == values.min() && moments.maximum == values.max())
        }
        try check("weight", old)
        try check("weight.update", zip(new, old).map { $0 - $1 })
        let histogram = try #require(seen["dense1", "weight"]).histogram
        #expect(histogram.count == ExponentHistogram.count && histogram.reduce(0, +) == Float(old.count))
    }

    @Test func everyBoundaryIsThere() throws {
        let step = try Self.make(TrainStepTests.plainModel(), ProbeSettings())
        _ = try TrainStepTests.train(step, 0..<1)
        let layers = try #require(step.observation).layers
        #expect(
            Set(try #require(layers["dense1"]).keys)
                == ["z", "a", "z.gradient", "a.gradient", "weight", "weight.gradient", "weight.update"])
        #expect(
            Set(try #require(layers["dense2"]).keys)
                == ["a", "a.gradient", "weight", "weight.gradient", "weight.update"])
        // 16 rows of 12: one row in every, so that a sample of 256 is everything.
        #expect(layers["dense1"]?["a"]?.moments.count == 192)
        let few = try Self.make(
            TrainStepTests.plainModel(),
            ProbeSettings(layers: ["*2"], quantities: [.activation, .weightUpdate], sample: 16, hasHistograms: false))
        _ = try TrainStepTests.train(few, 0..<1)
        let seen = try #require(few.observation)
        #expect(Set(seen.keys.map(\.quantity)) == ["a", "weight.update"] && Set(seen.keys.map(\.layer)) == ["dense2"])
        #expect(seen["dense2", "a"]?.moments.count == 16)
        #expect(seen["dense2", "a"]?.histogram == [])
        #expect(throws: GraphError.self) { try Self.make(TrainStepTests.plainModel(), ProbeSettings(interval: 0)) }
    }

    /// What sees a part of the rows at each step has seen every row once after a turn.
    @Test func samplesGoRound() throws {
        let (whole, part) = (
            try Self.make(TrainStepTests.plainModel(), ProbeSettings(sample: 0)),
            try Self.make(TrainStepTests.plainModel(), ProbeSettings(sample: 48))
        )
        var sums: [Double] = []
        for _ in 0..<4 {
            for step in [whole, part] {
                // The same batch and no change, so that the values stay.
                TrainStepTests.fill(step, 0, rows: 0..<16)
                _ = try step.run(batch: 16, learningRate: 0)
            }
            sums.append(Double(try #require(part.observation?["dense1", "a"]).moments.sum))
            #expect(part.observation?["dense1", "a"]?.moments.count == 48)
        }
        let expected = Double(try #require(whole.observation?["dense1", "a"]).moments.sum)
        #expect(abs(sums.reduce(0, +) - expected) < 1e-4)
    }

    @Test func patterns() {
        for (path, pattern, fits) in [
            ("dense1", "*", true), ("dense1", "dense1", true), ("dense1", "dense", false), ("dense12", "dense1*", true),
            ("residual1.dense2", "residual*.dense2", true), ("residual1.dense2", "*1.*2", true),
            ("aba", "ab*ba", false),
            ("", "*", true), ("dense1", "", false), ("a.b.c", "a*b*c", true), ("a.b.c", "a*c*b", false),
        ] {
            #expect(ProbeSettings(layers: [pattern]).matches(path) == fits, "\(path) \(pattern)")
        }
    }

    @Test func accumulatedStepsAreWatched() throws {
        let (bare, watched) = (
            try Self.make(TrainStepTests.model(), nil, microBatches: 2),
            try Self.make(TrainStepTests.model(), ProbeSettings(), microBatches: 2)
        )
        for step in [bare, watched] {
            TrainStepTests.fill(step, 0, rows: 0..<16)
            try step.accumulate(batch: 16)
            _ = try step.run(batch: 16, learningRate: 0.1)
        }
        #expect(TrainStepTests.bits(bare.state) == TrainStepTests.bits(watched.state))
        #expect(watched.observation?["dense1", "weight.update"]?.moments.zeros == 0)
    }

    /// Another reader sees what has been written while the run goes on.
    @Test func theRunStoreKeepsThem() throws {
        let folder = try ScratchFolder()
        let step = try Self.make(TrainStepTests.plainModel(), ProbeSettings())
        let store = try RunStore.open(folder.file("run.sqlite"))
        var recorder = ObservationRecorder(store)
        for number in 0..<3 {
            _ = try TrainStepTests.train(step, number..<(number + 1))
            try recorder.record(try #require(step.observation))
        }
        try store.flush()
        let reader = try RunStore.read(folder.file("run.sqlite"))
        let points = try reader.observations(layer: "dense1", quantity: "a.rms")
        #expect(points.map(\.step) == [1, 2, 3])
        #expect(points.last?.value == step.observation?["dense1", "a"]?.moments.rootMeanSquare)
        try store.close()
    }
}
