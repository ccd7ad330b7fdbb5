import Fathom
import FathomLab

/// A range test as a picture: the loss over the rate on a logarithmic axis, the suggestion marked.
struct RangePlot {
    let test: RangeTest

    init(_ test: RangeTest) { self.test = test }

    var svg: String {
        let points = test.points.filter(\.loss.isFinite)
        // Losses far above the start say only that the sweep diverged.
        let first = points.first?.loss ?? 1
        let low = points.map(\.loss).min() ?? 0
        let high = max(min(points.map(\.loss).max() ?? 1, first + 2 * abs(first - low) + 1e-9), low + 1e-9)
        var chart = Chart(x: .init("learning rate", .logarithmic), y: .init("loss", in: low...high))
        chart.line("loss", x: points.map(\.rate), y: points.map { min($0.loss, high) })
        if let rate = test.suggestion?.rate { chart.rule(x: rate, "suggested: \(Format.brief(rate))") }
        return Chart.document([chart], title: "Learning rate range test")
    }
}
