/// How many threads the next run of a plan gets.
///
/// Whether a second thread pays for its barriers depends on where the system puts the threads: two cores of one chip pass
/// a cache line in a tenth of a microsecond, two chips in more than half of one, and virtual machines move between the
/// two. Results do not depend on the number of threads, so a plan of middling size simply tries both now and then and
/// keeps to the faster.
struct Pace {
    /// Work between which both are tried: below, one thread is always faster; above, the team is.
    static let doubtful = 1e6..<1e9
    /// Runs of each kind in a trial, of which the fastest counts; the first wakes the team.
    private static let tries = 4
    /// Nanoseconds from one trial to the next.
    private static let interval: UInt64 = 1_000_000_000

    private let team: Int
    private let isTrying: Bool
    private var chosen: Int
    private var untilTrial = 16
    private var trial = 0
    private var fastest: (alone: UInt64, together: UInt64) = (.max, .max)

    /// - Parameter isForced: always use the team.
    init(work: Double, team: Int, isForced: Bool) {
        self.team = team
        isTrying = !isForced && team > 1 && Self.doubtful.contains(work)
        chosen = isForced || work >= Self.doubtful.lowerBound ? team : 1
    }

    /// The number of threads for a run, and whether to say how long it took.
    var next: (threads: Int, isTimed: Bool) {
        if !isTrying || untilTrial > 0 { return (chosen, false) }
        return (trial < Self.tries ? 1 : team, true)
    }

    mutating func ran() { if isTrying { untilTrial -= 1 } }

    mutating func ran(nanoseconds: UInt64) {
        if trial < Self.tries {
            fastest.alone = min(fastest.alone, nanoseconds)
        } else {
            fastest.together = min(fastest.together, nanoseconds)
        }
        trial += 1
        guard trial == 2 * Self.tries else { return }
        chosen = fastest.together < fastest.alone ? team : 1
        untilTrial = Int(Self.interval / max(min(fastest.alone, fastest.together), 1))
        (trial, fastest) = (0, (.max, .max))
    }
}
