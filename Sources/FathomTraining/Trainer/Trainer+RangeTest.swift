import FathomNN

extension Trainer {
    /// Sweeps the learning rate upwards, one step each, and watches the loss: the range test of Smith (2017).
    ///
    /// The trainer's parameters are spent by it; make another one to train.
    public func findLearningRate(_ test: RangeTest = RangeTest()) throws -> RangeTest {
        var test = test
        while true {
            if rows.isEmpty || rows.count - progress.position < settings.accumulate {
                if !rows.isEmpty { progress.epoch += 1 }
                progress.position = 0
                planRows()
            }
            let (loss, count) = try runStep(learningRate: test.nextRate)
            progress.position += count
            if test.observe(Double(loss)) != .goOn || stop.isRequested { return test }
        }
    }
}
