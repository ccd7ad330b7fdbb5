import Fathom
import Foundation
import Synchronization

/// Training that a server runs beside its other work: on a thread of its own, so that no executor thread is blocked,
/// with progress as an asynchronous sequence, and ended by cancelling whoever reads it.
///
/// Nothing here is global: any number of jobs run side by side.
struct TrainingJob: Sendable {
    struct Progress: Sendable {
        var epoch: Int
        var loss: Double
        var state: TrainState?
    }

    var width = 256
    var epochs: Int
    var seed: UInt64 = 0

    /// Starts to train; the thread ends after the last epoch, on an error, or soon after the reader stops.
    func progress() -> AsyncThrowingStream<Progress, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: Progress.self, throwing: (any Error).self)
        let stop = Flag()
        continuation.onTermination = { _ in stop.raise() }
        let thread = Thread { [self] in
            do {
                try train(stop, continuation)
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        thread.name = "training"
        thread.stackSize = 8 << 20
        thread.start()
        return stream
    }

    private func train(_ stop: Flag, _ events: AsyncThrowingStream<Progress, any Error>.Continuation) throws {
        let data = try Digits.load().flattened()
        let model = Sequential {
            for _ in 0..<2 {
                Dense(width)
                ReLU()
            }
            Dense(10)
        }
        // The step belongs to this thread; what leaves it is a value.
        let step = try TrainStep(
            model, loss: .softmaxCrossEntropy(), optimizer: OptimizerSettings(Adam()), data: DataShape(data), batch: 64,
            seed: seed, team: Team(threads: 1))
        for epoch in 0..<epochs {
            if stop.isRaised { return }
            let loss = try step.runEpoch(epoch, over: data)
            events.yield(Progress(epoch: epoch + 1, loss: loss, state: epoch + 1 == epochs ? step.state : nil))
        }
    }
}

/// A request to stop, from any thread.
final class Flag: Sendable {
    private let raised = Mutex(false)
    var isRaised: Bool { raised.withLock { $0 } }
    func raise() { raised.withLock { $0 = true } }
}
