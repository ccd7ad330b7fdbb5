extension Work {
    /// Sizes for listings and profiles.
    func summary(_ batch: Int) -> String {
        switch self {
        case .gemm(_, _, _, let bias, let m, let n, let k, let ta, let tb, let batches):
            let sizes = "\(m.resolved(batch))×\(n.resolved(batch))×\(k.resolved(batch))"
            return (batches.map { "\($0.resolved(batch)) of " } ?? "") + sizes + (ta ? " ta" : "") + (tb ? " tb" : "")
                + (bias == nil ? "" : " + bias")
        case .region(let r):
            let reduction = r.reduction == .none ? "" : r.reduction == .rows ? " over rows" : " over columns"
            return "\(r.rows.resolved(batch))×\(r.columns.resolved(batch)) \(r.ops.count) operations\(reduction)"
        case .copy(_, _, let extents, _, _, _, _, _):
            return extents.map { "\($0.resolved(batch))" }.joined(separator: "×")
        case .indexed(_, _, _, _, let outer, let extent, let inner, _, _, _):
            return "\(outer.resolved(batch))×\(extent.resolved(batch))×\(inner.resolved(batch))"
        case .crossEntropy(_, _, _, _, _, _, let rows, let classes): return "\(rows.resolved(batch))×\(classes)"
        }
    }
}

extension Cut {
    func summary(_ batch: Int) -> String {
        switch self {
        case .rows(let n, _): "rows \(n.resolved(batch))"
        case .columns(let n, _): "columns \(n.resolved(batch))"
        case .units(let n, _): "units \(n.resolved(batch))"
        case .none: "alone"
        }
    }
}
