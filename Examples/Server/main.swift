// Trains inside an asynchronous program, as a server would: heartbeats stand for its requests and must not wait for the
// training, progress arrives as events, and cancelling a task ends its training.
import Fathom
import Foundation

/// Wakes every 5 ms until cancelled, and tells how late the wakings were, in seconds.
func heartbeat() async -> [Double] {
    let clock = ContinuousClock()
    var late: [Double] = []
    while !Task.isCancelled {
        let due = clock.now + .milliseconds(5)
        try? await Task.sleep(until: due, clock: clock)
        if !Task.isCancelled { late.append((clock.now - due) / .seconds(1)) }
    }
    return late
}

let heartbeats = (0..<8).map { _ in Task { await heartbeat() } }

/// A job of its own thread, so that no executor thread is blocked; nothing is global, so any number run side by side.
func job(epochs: Int, seed: UInt64) -> AsyncThrowingStream<TrainingEvent, any Error> {
    Trainer.inBackground { stop in
        let data = try Digits.load().flattened().split(fraction: 0.8, seed: 1)
        let model = Sequential {
            for _ in 0..<2 {
                Dense(256)
                ReLU()
            }
            Dense(10)
        }
        var settings = Trainer.Settings()
        (settings.epochs, settings.batch, settings.seed, settings.threads) = (epochs, 64, seed, 1)
        return try Trainer(model, data: data, settings: settings, stop: stop)
    }
}

// One job is read to its end, another is cancelled while it trains.
let finished = Task {
    var last: TrainingEvent.Epoch?
    for try await event in job(epochs: 20, seed: 0) {
        guard case .epoch(let epoch) = event else { continue }
        if epoch.epoch % 5 == 0 { print("epoch \(epoch.epoch): loss \(epoch.trainLoss)") }
        last = epoch
    }
    return last
}
let cancelled = Task {
    var epochs = 0
    for try await event in job(epochs: 1_000_000, seed: 1) {
        if case .epoch(let epoch) = event { epochs = epoch.epoch }
    }
    return epochs
}
let result = try await finished.value
cancelled.cancel()
let epochs = try await cancelled.value
print("the second job was cancelled after \(epochs) epochs")

var late: [Double] = []
for task in heartbeats {
    task.cancel()
    late += await task.value
}
late.sort()
let (median, worst) = (late[late.count / 2] * 1000, late[late.count * 99 / 100] * 1000)
print("\(late.count) heartbeats, late by \(median) ms in the middle and \(worst) ms at the 99th percentile")

func require(_ condition: Bool, _ what: String) {
    if !condition {
        print("expected \(what)")
        exit(1)
    }
}
require((result?.trainLoss ?? 1) < 0.05, "the first job to reach a loss below 0.05")
require(epochs < 1_000_000, "the second job to end early")
require(late.count > 100 && median < 5 && worst < 100, "heartbeats on time")
