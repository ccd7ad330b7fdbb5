import CFathomKernels

extension Region {
    /// What a phase of a region does → the loop that does it in one pass.
    ///
    /// Batch norm, forward and backward, is a few such phases, each of which sums over rows; a gate is one, and sums nothing. A
    /// phase is known by its operations and how they are wired, not by who wrote it: `r` are whole tiles from outside, `c`
    /// numbers for all or, beside sums, per column, in the order of their first use.
    private static let passes: [String: fk_pass] = [
        "t0 = add r0 r1; sum t0": FK_PASS_ADD_SUM,
        "t0 = sub r0 c0; t1 = mul t0 t0; sum t1": FK_PASS_SPREAD,
        "t0 = mulMul r0 c0 c1; t1 = add t0 c2": FK_PASS_SCALE,
        "t0 = mulMul r0 c0 c1; t1 = add t0 c2; t2 = max t1 c3": FK_PASS_SCALE_MAX,
        "t0 = gt r0 c0; t1 = select t0 r1 c0; t2 = subMul r2 c1 c2; sum t1; t3 = mul t1 t2; sum t3":
            FK_PASS_GRADIENT_SUMS,
        "t0 = add r0 r1; t1 = gt r2 c0; t2 = select t1 r3 c0; t3 = subMul t0 c1 c2; sum t2; t4 = mul t2 t3; sum t4":
            FK_PASS_ADD_GRADIENT_SUMS,
        "t0 = sub r0 c0; t1 = rsubMul r1 c1 t0; t2 = mul t1 c2; sum t2": FK_PASS_CENTRE,
        "t0 = sub r0 c0; t1 = rsubMul r1 c1 t0; t2 = mulAdd t1 c2 r2; sum t2": FK_PASS_CENTRE_ADD,
        "t0 = tanh r0; t1 = sigmoid r1; t2 = subMul t0 r2 t1; t3 = add r2 t2": FK_PASS_GATE,
        "t0 = neg r0; t1 = add r1 t0; t2 = add t1 r2; t3 = subMul r3 r4 t2; t4 = mul t2 r5; t5 = subMul c0 r5 r5; "
            + "t6 = mul t3 t5; t7 = rsubMul r3 r3 c0; t8 = mul t4 t7": FK_PASS_GATE_GRADIENT,
        "t0 = max r0 c0; t1 = sigmoid r1; t2 = sub t0 r2; t3 = mulAdd t1 t2 r2": FK_PASS_RELU_GATE,
        "t0 = neg r0; t1 = add r1 t0; t2 = add t1 r2; t3 = mul t2 r3; t4 = subMul c0 r3 r3; t5 = mulMul t2 r4 t4; "
            + "t6 = gt r5 c1; t7 = select t6 t3 c1": FK_PASS_RELU_GATE_GRADIENT,
    ]

    /// The operations of programs that have a loop of their own, as its table names them.
    static let verbs: [UInt32: String] = [
        FK_ADD.rawValue: "add", FK_SUB.rawValue: "sub", FK_MUL.rawValue: "mul", FK_DIV.rawValue: "div",
        FK_MAX.rawValue: "max", FK_SQRT.rawValue: "sqrt", FK_NEG.rawValue: "neg", FK_TANH.rawValue: "tanh",
        FK_SIGMOID.rawValue: "sigmoid",
        FK_GT.rawValue: "gt", FK_SELECT.rawValue: "select", FK_MUL_MUL.rawValue: "mulMul",
        FK_MUL_ADD.rawValue: "mulAdd", FK_SUB_MUL.rawValue: "subMul", FK_RSUB_MUL.rawValue: "rsubMul",
        FK_SUM_ROWS.rawValue: "sum",
    ]

    /// Orders the program by phases, each of which needs the sums over rows of the one before, and marks those that have a
    /// loop of their own. A program that neither sums nor has such a loop stays as it is.
    mutating func findPasses() {
        guard reduction == .rows || reduction == .none else { return }
        let single = ops
        func isReduction(_ op: Op) -> Bool { op.opcode.rawValue >= FK_SUM_COLS.rawValue }
        var phase = [Int](repeating: 0, count: registers.count)
        var narrow: [[Op]] = []
        var wide: [[Op]] = []
        var samples: [[Op]] = []
        for op in ops {
            let at = op.operands.reduce(0) { max($0, phase[$1]) }
            phase[op.dst] = at + (isReduction(op) ? 1 : 0)
            while narrow.count <= at {
                narrow.append([])
                wide.append([])
                samples.append([])
            }
            if op.opcode == FK_SAMPLE {
                samples[at].append(op)
            } else if op.extent == .full || isReduction(op) {
                wide[at].append(op)
            } else {
                narrow[at].append(op)
            }
        }
        ops = []
        for at in narrow.indices {
            ops += narrow[at]
            if let pass = Self.passes[text(of: wide[at])] { wide[at][0].pass = (pass, wide[at].count) }
            ops += wide[at] + samples[at]
        }
        if reduction == .none, !ops.contains(where: { $0.pass != nil }) {
            ops = single
        } else {
            markKept()
        }
    }

    /// The operations of a phase as in the table; empty for what no pass can do.
    private func text(of phase: [Op]) -> String {
        var names: [Int: String] = [:]
        var (tiles, numbers, made) = (0, 0, 0)
        var lines: [String] = []
        for op in phase {
            guard let verb = Self.verbs[op.opcode.rawValue] else { return "" }
            for r in op.operands where names[r] == nil {
                switch registers[r].extent {
                case .full:
                    names[r] = "r\(tiles)"
                    tiles += 1
                case .perColumn where reduction == .none: return ""
                case .perColumn, .scalar:
                    names[r] = "c\(numbers)"
                    numbers += 1
                default: return ""
                }
            }
            let operands = op.operands.compactMap { names[$0] }.joined(separator: " ")
            if op.extent == .full {
                names[op.dst] = "t\(made)"
                lines.append("t\(made) = \(verb) \(operands)")
                made += 1
            } else {
                lines.append("\(verb) \(operands)")
            }
        }
        return lines.joined(separator: "; ")
    }

    /// Which results of passes are stored, and which tiles passes read and write where they lie.
    private mutating func markKept() {
        // The pass of an operation, by its first; what is in none stands alone.
        var owner: [Int?] = []
        var maker = [Int?](repeating: nil, count: registers.count)
        var readers = [Set<Int>](repeating: [], count: registers.count)
        var isOutside = [Bool](repeating: false, count: registers.count)
        var isSampled = [Bool](repeating: false, count: registers.count)
        for i in ops.indices {
            let first = ops[i].pass == nil ? owner.last ?? nil : i
            let own = first.flatMap { i < $0 + (ops[$0].pass?.count ?? 0) ? $0 : nil }
            owner.append(own)
            if let own { maker[ops[i].dst] = own } else { isOutside[ops[i].dst] = true }
            for r in ops[i].operands {
                // A sample finds a tile wherever it lies; a sum reads like a pass.
                if ops[i].opcode == FK_SAMPLE {
                    isSampled[r] = true
                } else if own != nil || ops[i].opcode == FK_SUM_ROWS {
                    readers[r].insert(own ?? i)
                } else {
                    isOutside[r] = true
                }
            }
        }
        for r in registers.indices {
            if let own = maker[r] { readers[r].remove(own) }
            registers[r].isDirect =
                registers[r].extent == .full && registers[r].buffer != nil && !isOutside[r] && readers[r].count <= 2
        }
        for i in ops.indices where owner[i] != nil {
            let dst = ops[i].dst
            let isRead = registers[dst].kind == .write || isOutside[dst] || !readers[dst].isEmpty
            ops[i].kept = isRead ? FK_KEPT : isSampled[dst] ? FK_KEPT_WATCHED : FK_DROPPED
        }
    }
}
