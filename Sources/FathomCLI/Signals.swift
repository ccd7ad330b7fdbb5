import Fathom
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the program does on signals.
enum Signals {
    /// Lets failed writes be errors instead of the end: a full `ulimit -f`, a reader that went away.
    static func ignoreFailedWrites() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    private static let received = Atomic<Int>(0)
    fileprivate static let request = StopRequest()

    /// Makes SIGINT and SIGTERM a request to stop after the step; a second SIGINT ends the program at once.
    static func stopOnRequest() -> StopRequest {
        _ = received.load(ordering: .relaxed)
        let request = request
        // Whoever started the program may hold them back, as the threads of dispatch queues do, and a program inherits that.
        var both = sigset_t()
        sigemptyset(&both)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                // Only what is safe in a handler: atomics and _exit.
                let earlier = Signals.received.add(1, ordering: .relaxed).oldValue
                if earlier > 0 && number == SIGINT { _exit(130) }
                Signals.request.stop()
            }
            sigaddset(&both, number)
        }
        pthread_sigmask(SIG_UNBLOCK, &both, nil)
        return request
    }
}
