import Synchronization

/// Asks a ``Trainer`` to stop after its step; may be used from any thread and from a signal handler.
public final class StopRequest: Sendable {
    private let flag = Atomic<Bool>(false)

    /// A request that nobody has made yet.
    public init() {}

    /// Makes the request; it cannot be taken back.
    public func stop() { flag.store(true, ordering: .relaxed) }
    /// Whether someone has asked to stop.
    public var isRequested: Bool { flag.load(ordering: .relaxed) }
}
