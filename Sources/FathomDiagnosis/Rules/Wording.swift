import Foundation

/// A share as people read it.
func percent(_ x: Double) -> String {
    guard x.isFinite else { return "\(x)" }
    let p = 100 * x
    // Powers of ten as people write them: 1.7×10⁻¹⁷ %.
    return p != 0 && abs(p) < 0.01 ? Words.number(p) + " %" : String(format: abs(p) < 1 ? "%.2g %%" : "%.3g %%", p)
}

/// Three digits, as people write numbers.
func short(_ x: Double) -> String {
    guard x.isFinite else { return x.isNaN ? "NaN" : x > 0 ? "infinity" : "−infinity" }
    let text = String(format: abs(x) >= 1e5 || (x != 0 && abs(x) < 1e-3) ? "%.1e" : "%.3g", x)
    return text.replacingOccurrences(of: "-", with: "−")
}

/// A number with its noun: "1 layer", "3 layers".
func count(_ n: Int, _ noun: String) -> String { n == 1 ? "1 \(noun)" : "\(n) \(noun)s" }

extension Setup {
    /// What the units of a layer are called: filters of a convolution, channels of images, or units.
    func unitName(_ path: String) -> String { layers.first { $0.path == path }?.unitName ?? "unit" }
    func unitsName(_ path: String) -> String { unitName(path) + "s" }
}

/// A path as it stands in a sentence.
func place(_ path: String) -> String { path.isEmpty ? "the model" : path }
