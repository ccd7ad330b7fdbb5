/// What is said beside a case that is being rebuilt: nothing is left out in silence.
struct CaseNotes {
    /// What could not be rebuilt, as `conv2d (layers[0])`.
    private(set) var unsupported: [String] = []
    /// What was chosen or approximated.
    private(set) var notes: [String] = []

    mutating func lack(_ what: String) { if !unsupported.contains(what) { unsupported.append(what) } }
    mutating func note(_ text: String) { if !notes.contains(text) { notes.append(text) } }
}
