import FathomNN

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension Loss {
    /// What predictions for this loss say of the classes: softmax, sigmoid or nothing, as the loss would have it.
    ///
    /// - Parameters:
    ///   - outputs: row-major.
    ///   - width: outputs a row.
    /// - Returns: probabilities; the outputs themselves where the loss knows none, as with scores of a margin loss.
    public func probabilities(_ outputs: [Float], width: Int) -> [Float] {
        switch (expects, applies) {
        case (.logSoftmax, _): return outputs.map { Float(exp(Double($0))) }
        case (_, .sigmoid): return outputs.map { Float(1 / (1 + exp(-Double($0)))) }
        case (_, .softmax): break
        default: return outputs
        }
        guard width > 0, outputs.count % width == 0 else { return outputs }
        var result = outputs
        for start in stride(from: 0, to: outputs.count, by: width) {
            let row = outputs[start..<start + width]
            let largest = row.max() ?? 0
            let sum = row.reduce(0.0) { $0 + exp(Double($1 - largest)) }
            for index in row.indices { result[index] = Float(exp(Double(outputs[index] - largest)) / sum) }
        }
        return result
    }
}
