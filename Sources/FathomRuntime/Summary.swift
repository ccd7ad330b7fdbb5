extension Work {
    /// Sizes for listings and profiles.
    func summary(_ batch: Int) -> String {
        switch self {
        case .product(let p):
            let sizes = "\(p.m.resolved(batch))×\(p.n.resolved(batch))×\(p.k.resolved(batch))"
            return (p.batches.map { "\($0.resolved(batch)) of " } ?? "") + sizes + (p.ta ? " ta" : "")
                + (p.tb ? " tb" : "") + (p.isPacked ? " packed" : "")
                + (p.bias == nil ? "" : " + bias") + (p.hasReLU ? " + ReLU" : "") + (p.update == nil ? "" : " + update")
        case .region(let r):
            let reduction =
                switch r.reduction {
                case .none: ""
                case .rows: " over rows"
                case .columns: " over columns"
                case .blocks: " over blocks of \(r.block?.resolved(batch) ?? 1)"
                }
            return "\(r.rows.resolved(batch))×\(r.columns.resolved(batch)) \(r.ops.count) operations\(reduction)"
        case .copy(_, _, let extents, _, _, _, _, _):
            return extents.map { "\($0.resolved(batch))" }.joined(separator: "×")
        case .indexed(_, _, _, _, let outer, let extent, let inner, _, _, _):
            return "\(outer.resolved(batch))×\(extent.resolved(batch))×\(inner.resolved(batch))"
        case .convolution(let c):
            func list(_ extents: [Int]) -> String { extents.map { "\($0)" }.joined(separator: "×") }
            return "\(c.images.resolved(batch)) of \(list(c.input)) to \(list(c.output)), window \(c.window)"
        case .sample(_, let sample):
            return
                "\(sample.picked.rows.resolved(batch))×\(sample.picked.width.resolved(batch)) every \(sample.picked.every)"
        case .observe(let list): return "\(list.count)"
        case .crossEntropy(let x):
            return "\(x.rows.resolved(batch))×\(x.classes)" + (x.loss == nil ? "" : " + loss")
        }
    }
}

extension Cut {
    func summary(_ batch: Int) -> String {
        switch self {
        case .rows(let n, _): "rows \(n.resolved(batch))"
        case .columns(let n, _): "columns \(n.resolved(batch))"
        case .units(let n, _): "units \(n.resolved(batch))"
        case .one: "alone"
        }
    }
}
