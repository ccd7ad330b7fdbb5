import ArgumentParser
import Fathom

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say why a network does not learn, and prove what helps.",
        discussion: """
            Checks the set-up before training, trains it for a short while with every layer watched, and judges what it \
            saw by rules with stated thresholds (fathom explain lists them). With --treat it tries the remedies that the \
            findings suggest, each beside no change on the same seeds, and writes the proven one as a configuration.

            It writes report.html, diagnosis.json and, after a proven treatment, treated.yaml into a folder, and says where. \
            The report of a classifier shows which classes are taken for which, of pictures the worst mistakes, and of a \
            convolutional network its filters and feature maps.

            Examples:
              fathom doctor Examples/deep-sigmoid.yaml
              fathom doctor Examples/deep-sigmoid.yaml --treat --out checkup
              fathom doctor Examples/dead-filters.yaml
              fathom doctor runs/2026-11-21-143005-digits
              fathom doctor --data digits --model 'dense 64 sigmoid, dense 64 sigmoid, dense 10' --before
              fathom doctor model.yaml --json | jq '.findings[].rule'

            Exit codes: 0 healthy, 3 something was found, 1 the examination failed, 2 a mistake in the configuration or \
            the data.
            """)

    @Argument(
        help: "A configuration in YAML, or the folder of a run, whose configuration is examined anew.",
        completion: .file(extensions: ["yaml", "yml", "json"]))
    var config: String?

    @OptionGroup var options: TrainingOptions

    @Flag(name: .long, help: "Try remedies and prove which one helps.")
    var treat = false

    @Flag(name: .long, help: "Only the checks that need no training.")
    var before = false

    @Option(name: .long, help: "The most steps to watch.")
    var steps: Int?

    @Option(name: .long, help: "The folder for the report (a run's own folder, or checkups/<date>-<name>).")
    var out: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if before && treat { throw ValidationError("--treat needs a training to compare with: leave out --before") }
        if let steps, steps < 1 { throw ValidationError("--steps must be at least 1") }
    }

    func run() throws {
        guard config != nil || options.data != nil && options.model != nil else {
            throw UsageError(
                "doctor needs a configuration, a run's folder, or --data and --model\n"
                    + "  example: fathom doctor --data digits --model 'dense 64 sigmoid, dense 64 sigmoid, dense 10'")
        }
        let isRun = config.map { FileSystem.isFolder($0) } ?? false
        let file = isRun ? config.map { FileSystem.join($0, "config.yaml") } : config
        let patient = try Patient(try options.configuration(file: file, name: nil), folders: DataFolders.all)
        let stop = Signals.stopOnRequest()
        var settings = Doctor.Settings()
        if let steps { settings.maxSteps = steps }
        let doctor = Doctor(settings)
        let progress = DoctorProgress(isQuiet: output.quiet || output.json)
        var diagnosis = try doctor.examine(patient, watching: !before, stop: stop) { progress.show($0) }
        if treat, !diagnosis.isHealthy, !stop.isRequested {
            diagnosis.treatment = try doctor.treat(diagnosis, stop: stop) { progress.show($0) }
        }
        progress.clear()
        let document = DiagnosisDocument(diagnosis)
        let folder =
            try out ?? (isRun ? config : nil) ?? RunFolder.createEmpty(in: "checkups", name: patient.name)
        let treated = document.treatment?.winner == nil ? nil : FileSystem.join(folder, "treated.yaml")
        let next = treated.map { "fathom train \($0)" }
        // What was described on the command line gets a file, so that the next command has something to name.
        let written = options.isEmpty ? config : nil
        let subject = written ?? FileSystem.join(folder, "examined.yaml")
        let files = try write(document, folder, subject, next, isOnFile: written != nil)
        if output.json {
            Terminal.output(try document.json() + "\n")
        } else {
            Terminal.output(
                document.text(
                    width: Terminal.width, color: Terminal.hasColor && Terminal.isOutputTerminal, command: subject,
                    next: next))
            if !output.quiet { for file in files { Terminal.message("wrote \(file)") } }
        }
        if !diagnosis.isHealthy { throw ExitCode(3) }
    }

    /// Writes the report and what goes with it.
    private func write(
        _ document: DiagnosisDocument, _ folder: String, _ subject: String, _ next: String?, isOnFile: Bool
    ) throws -> [String] {
        try FileSystem.createFolders(folder)
        var files: [String] = []
        func write(_ name: String, _ text: String) throws {
            let path = FileSystem.join(folder, name)
            try AtomicFile.write(text, to: path)
            files.append(path)
        }
        try write("report.html", try document.html(command: subject, next: next))
        try write("diagnosis.json", try document.json() + "\n")
        if !isOnFile { try write("examined.yaml", document.subject.configuration) }
        if let winner = document.treatment?.winner { try write("treated.yaml", winner.configuration) }
        return files
    }
}

/// Shows how far an examination has come on standard error, where a person is watching.
final class DoctorProgress {
    private let isQuiet: Bool
    private let clock = ContinuousClock()
    private var lastDrawn: ContinuousClock.Instant?
    private var isShown = false

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    func show(_ progress: Doctor.Progress) {
        guard !isQuiet else { return }
        switch progress {
        case .started(let name, let steps):
            clear()
            Terminal.message("watching \(Format.safe(name)) for \(steps) steps")
        case .step(let step, let steps, let loss):
            let isDue = lastDrawn.map { clock.now - $0 > .milliseconds(100) } ?? true
            guard Terminal.isErrorTerminal, isDue else { return }
            lastDrawn = clock.now
            let room = 30
            let full = min(room, room * step / max(1, steps))
            let bar = "[" + String(repeating: "=", count: full) + String(repeating: " ", count: room - full) + "]"
            FileOutput.standardError.write("\r\u{1B}[2Kstep \(step)/\(steps) \(bar) loss \(Format.brief(loss))")
            isShown = true
        case .note(let text):
            clear()
            Terminal.message(text)
        }
    }

    func clear() {
        guard isShown else { return }
        FileOutput.standardError.write("\r\u{1B}[2K")
        isShown = false
    }
}
