import Synchronization

/// Asks a ``Trainer`` to stop after its step; may be used from any thread and from a signal handler.
public final class StopRequest: Sendable {
    private let flag = Atomic<Bool>(false)

    public init() {}

    public func stop() { flag.store(true, ordering: .relaxed) }
    public var isRequested: Bool { flag.load(ordering: .relaxed) }
}
