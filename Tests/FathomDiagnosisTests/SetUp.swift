import FathomData
import FathomDiagnosis
import FathomNN
import FathomTraining
import Testing

/// A small training set-up for the rules' tests: real data, a real network, examined by the doctor.
struct SetUp: Sendable, CustomTestStringConvertible {
    enum Rows: Sendable {
        case circles, spirals, digits, gaussian, moons
        /// y = x³ − x and its kin, standardised but for scale and shift.
        case numbers(scale: Double = 1, shift: Double = 0)
        /// 0 or 1 by the signs of two inputs, as numbers.
        case yesOrNo(low: Float = 0, high: Float = 1)
        /// Two classes, the first so many times as frequent as the other.
        case unbalanced(Int)
        /// Rows of one class alone.
        case oneClass
    }

    var rows = Rows.circles
    var model: String
    var loss: RunConfiguration.Choice?
    var optimizer = RunConfiguration.Choice("adam")
    var batch = 32
    var epochs = 60
    /// x ← scale · x + shift, after they were standardised.
    var inputScale: Float = 1
    var inputShift: Float = 0

    init(_ model: String, _ rows: Rows = .circles) { (self.model, self.rows) = (model, rows) }

    func with(_ change: (inout SetUp) -> Void) -> SetUp {
        var copy = self
        change(&copy)
        return copy
    }

    var testDescription: String { "\(model) on \(rows)" }

    func patient() throws -> Patient {
        let data = try data()
        var source = DataConfiguration(.named(data.train.name, folder: nil))
        source.validation = 0
        var configuration = RunConfiguration(data: source, model: try ModelSpec(model))
        configuration.loss = loss
        configuration.optimization.optimizer = optimizer
        configuration.training.batch = batch
        configuration.training.epochs = epochs
        configuration.training.threads = 1
        return Patient(testDescription, configuration: configuration, data: data)
    }

    private func data() throws -> DataSplit {
        let all: Dataset
        switch rows {
        case .circles: all = try SyntheticSets.circles()
        case .spirals: all = try SyntheticSets.spirals()
        case .moons: all = try SyntheticSets.moons()
        case .gaussian: all = try SyntheticSets.gaussianClasses(count: 400)
        case .digits:
            let whole = try DatasetCatalog.load("digits", options: .init()).train
            all = try whole.gather(rows: 0..<500)
        case .numbers(let scale, let shift):
            let x = (0..<400).map { Float(($0 * 37) % 400) / 100 - 2 }
            let y = x.map { Float(scale) * ($0 * $0 * $0 - $0) / 2 + Float(shift) }
            all = try Dataset(
                name: "numbers", inputs: DataArray(values: x, shape: [400, 1]),
                targets: .values(DataArray(values: y, shape: [400, 1])),
                provenance: .init(source: "computed", licence: "none"))
        case .yesOrNo(let low, let high):
            let xor = try SyntheticSets.xor()
            all = try Dataset(
                name: "yesOrNo", inputs: xor.inputs,
                targets: .values(
                    DataArray(values: (xor.labels ?? []).map { $0 == 1 ? high : low }, shape: [xor.rowCount, 1])),
                provenance: xor.provenance)
        case .unbalanced(let ratio):
            let whole = try SyntheticSets.gaussianClasses(count: 800)
            let labels = whole.labels ?? []
            let rare = labels.indices.filter { labels[$0] == 1 }.prefix(max(1, 400 / max(ratio, 1)))
            all = try whole.gather(rows: labels.indices.filter { labels[$0] == 0 } + rare)
        case .oneClass:
            let whole = try SyntheticSets.gaussianClasses(count: 400)
            all = try whole.gather(rows: (whole.labels ?? []).indices.filter { whole.labels?[$0] == 0 })
        }
        let scaled = try all.replacing(
            inputs: DataArray(values: all.inputs.values.map { $0 * inputScale + inputShift }, shape: all.inputs.shape))
        return try scaled.split(fraction: 0.8, stratified: scaled.classCount != nil, seed: 0)
    }

    /// What one rule says.
    func findings(_ rule: String, watching: Bool = false) throws -> [Finding] {
        var settings = Doctor.Settings()
        settings.oneBatchSteps = 0
        let evidence = try Doctor(settings).evidence(of: patient(), watching: watching)
        let judge = try #require(Rule.named(rule), "no rule \(rule)").judge
        switch judge(evidence) {
        case .healthy, .notYet: return []
        case .findings(let list): return list
        }
    }
}
