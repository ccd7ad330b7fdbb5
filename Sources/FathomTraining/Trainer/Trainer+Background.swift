import Foundation

extension Trainer {
    /// Trains on a thread of its own, never on one of Swift's concurrency executors.
    ///
    /// Cancelling the task that reads the stream, or letting go of the stream, stops the training after its step; with
    /// a checkpoint writer, a checkpoint is written then.
    ///
    /// ```swift
    /// for try await event in Trainer.inBackground({ stop in try Trainer(model, data: split, stop: stop) }) { … }
    /// ```
    ///
    /// - Parameter make: builds the trainer, on the new thread, and is given the request to stop to pass on to it.
    public static func inBackground(
        _ make: @escaping @Sendable (_ stop: StopRequest) throws -> Trainer
    ) -> AsyncThrowingStream<TrainingEvent, any Error> {
        let stop = StopRequest()
        return AsyncThrowingStream { continuation in
            continuation.onTermination = { _ in stop.stop() }
            let thread = Thread {
                do {
                    try make(stop).run { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            thread.name = "fathom.training"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
