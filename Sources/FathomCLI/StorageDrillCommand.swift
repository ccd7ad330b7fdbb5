import ArgumentParser
import FathomTraining

/// The other half of `script/test-faults`; nobody needs it otherwise.
struct StorageDrillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage-drill", abstract: "Rehearse disk failures for script/test-faults.", shouldDisplay: false)

    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case run, runUntilKilled = "run-until-killed", verify, verifyKilled = "verify-killed"
    }

    @Argument var mode: Mode
    @Argument var folder: String

    func run() throws {
        let status =
            switch mode {
            case .run: StorageFaultDrill.run(directory: folder)
            case .runUntilKilled: StorageFaultDrill.runUntilKilled(directory: folder)
            case .verify: StorageFaultDrill.verify(directory: folder, wasKilled: false)
            case .verifyKilled: StorageFaultDrill.verify(directory: folder, wasKilled: true)
            }
        if status != 0 { throw ExitCode(status) }
    }
}
