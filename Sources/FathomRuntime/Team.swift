import CFathomKernels

/// Threads that run plans together: the caller and `threads` − 1 others, which sleep when there is nothing to do.
///
/// One plan at a time may run on a team. Results do not depend on the number of threads.
public final class Team {
    /// Members including the caller: 1 where the system refuses more threads.
    public let threads: Int
    let handle: OpaquePointer

    /// - Parameter threads: members including the caller; by default the processors in use.
    public init(threads: Int? = nil) {
        let wanted = Swift.max(1, Swift.min(threads ?? Team.processors, 256))
        // Where the system refuses threads, the caller works alone.
        if let made = fk_team_create(Int32(wanted)) {
            (handle, self.threads) = (made, wanted)
        } else if let alone = fk_team_create(1) {
            (handle, self.threads) = (alone, 1)
        } else {
            fatalError("no memory for a team of one thread")
        }
    }

    deinit { fk_team_destroy(handle) }

    /// What this machine's threads can do together, measured in a few milliseconds: single-precision operations and bytes
    /// copied in the last-level cache, per second. For profiles.
    public func measurePeak() -> (flops: Double, bytes: Double) {
        (fk_peak_flops() * Double(threads), fk_peak_bytes() * Double(threads))
    }

    /// Processors this process may run on.
    public static var processors: Int { Int(fk_processors()) }
}
