import ArgumentParser
import Fathom

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the program ends when something is wrong: a line on standard error and one of the documented exit codes.
enum Failure {
    /// The work failed: training diverged, the disk is full.
    static let work: Int32 = 1
    /// A mistake in the command line, a configuration, data or a file.
    static let usage: Int32 = 2

    static func exit(_ error: any Error) -> Never {
        let (message, code) = describe(error)
        if !message.isEmpty { Terminal.error(message) }
        end(code)
    }

    private static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    static func describe(_ error: any Error) -> (message: String, code: Int32) {
        switch error {
        case let error as UsageError: return (error.message, usage)
        case let error as ConfigError: return (error.description, usage)
        case let error as CaseError: return (error.description, usage)
        case let error as DataError:
            switch error {
            case .download, .system, .cancelled: return (error.description, work)
            default: return (error.description, usage)
            }
        case let error as FormatError: return (error.description, usage)
        case let error as GraphError: return (error.description, usage)
        case let error as StorageError:
            switch error.cause {
            case .malformed, .damaged, .missing, .invalid, .exists: return (error.description, usage)
            // A name that is not there is a mistake of the command.
            case .system(let code) where code == ENOENT || code == EISDIR || code == ENOTDIR:
                return (error.description, usage)
            case .system, .inUse, .database: return (error.description, work)
            }
        case let error as TrainingError:
            if case .nonFinite = error { return (error.description, work) }
            return (error.description, usage)
        case let error as LearningRateCommand.NoRate: return (error.description, work)
        default:
            // The argument parser's own: help goes to standard output with code 0, mistakes to standard error.
            let code = FathomCommand.exitCode(for: error)
            let text = FathomCommand.fullMessage(for: error)
            if code == .success {
                print(text)
                return ("", 0)
            }
            if text.isEmpty { return ("", code.rawValue) }
            FileOutput.standardError.write(text + "\n")
            return ("", code == .validationFailure ? usage : work)
        }
    }
}

/// A mistake in the command line that the argument parser cannot see.
struct UsageError: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
