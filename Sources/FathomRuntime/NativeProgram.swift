import CFathomKernels

/// An elementwise program that has a loop of its own in C, because it runs over all parameters at every step.
///
/// A program is known by its operations and how they are wired, not by who wrote it; the loop rounds as the tile
/// interpreter does. Operands are numbered in the order of their first use: constants `k`, scalars `s`, arrays `r`.
struct NativeProgram {
    /// Programs → the loop that runs them.
    private static let table: [String: fk_native_program] = [
        "t0 = mulAdd k0 r0 r1 > w0; t1 = rsubMul s0 t0 r2 > w1": FK_MOMENTUM,
        "t0 = mul k0 r0; t1 = mulAdd k1 r1 t0 > w0; t2 = mul r0 r0; t3 = mul k2 t2; t4 = mulAdd k3 r2 t3 > w1; "
            + "t5 = sqrt t4; t6 = mulAdd t5 s0 k4; t7 = div t1 t6; t8 = rsubMul s1 t7 r3 > w2": FK_ADAM,
    ]

    private let program: fk_native_program
    private var constants: [Float] = []
    private var scalars: [Int] = []
    private var reads: [Int] = []
    private var writes: [Int] = []

    /// `nil` when there is no loop for the region's program.
    init?(_ region: Region) {
        var names: [Int: String] = [:]
        var literal: [Int: Float] = [:]
        for op in region.ops where op.opcode == FK_CONST {
            guard case .literal(let bits) = op.value else { return nil }
            literal[op.dst] = Float(bitPattern: bits)
        }
        var lines: [String] = []
        var results = 0
        for op in region.ops where op.opcode != FK_CONST {
            guard op.extent == .full, let verb = Region.verbs[op.opcode.rawValue] else { return nil }
            for r in op.operands where names[r] == nil {
                if let value = literal[r] {
                    names[r] = "k\(constants.count)"
                    constants.append(value)
                } else if let buffer = region.registers[r].buffer, region.registers[r].kind == .read {
                    if region.registers[r].extent == .scalar {
                        names[r] = "s\(scalars.count)"
                        scalars.append(buffer)
                    } else {
                        names[r] = "r\(reads.count)"
                        reads.append(buffer)
                    }
                } else {
                    return nil
                }
            }
            names[op.dst] = "t\(results)"
            var line = "t\(results) = \(verb) " + op.operands.compactMap { names[$0] }.joined(separator: " ")
            results += 1
            if region.registers[op.dst].kind == .write, let buffer = region.registers[op.dst].buffer {
                line += " > w\(writes.count)"
                writes.append(buffer)
            }
            lines.append(line)
        }
        guard let known = Self.table[lines.joined(separator: "; ")] else { return nil }
        program = known
    }

    /// - Parameter gradient: of an update at the end of a product: the product, which has no memory.
    func instruction(gradient: Int? = nil, _ pointer: (Int) -> UnsafeMutablePointer<Float>) -> fk_native {
        var x = fk_native()
        x.program = Int32(program.rawValue)
        x.arrays = Int32(reads.count)
        x.gradient = Int32(gradient.flatMap { reads.firstIndex(of: $0) } ?? -1)
        withUnsafeMutableBytes(of: &x.k) { k in
            for (i, value) in constants.enumerated() { k.storeBytes(of: value, toByteOffset: 4 * i, as: Float.self) }
        }
        func place(_ buffers: [Int], _ into: UnsafeMutableRawBufferPointer) {
            for (i, b) in buffers.enumerated() {
                into.storeBytes(of: pointer(b), toByteOffset: 8 * i, as: UnsafeMutablePointer<Float>.self)
            }
        }
        withUnsafeMutableBytes(of: &x.s) { place(scalars, $0) }
        withUnsafeMutableBytes(of: &x.r) { place(reads, $0) }
        withUnsafeMutableBytes(of: &x.w) { place(writes, $0) }
        return x
    }
}
