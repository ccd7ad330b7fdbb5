import FathomGraph

extension Lowering {
    /// Lets a product end in the update that alone reads it.
    ///
    /// A weight gradient is then never in memory: each tile of it updates its parameter while it is in cache, and the
    /// parameter and its optimiser slots are fetched while the products are computed. Rows of it that are looked at are kept on
    /// the way. Anything else that reads the gradient (clipping, accumulation, an output) keeps the two apart.
    ///
    /// - Parameters:
    ///   - kept: buffers that are read after the step.
    ///   - least: do so when the gradients have as many values together.
    mutating func joinUpdatesToProducts(keeping kept: Set<Int>, from least: Int) {
        let pairs = productsAndUpdates(keeping: kept)
        let total = pairs.reduce(0) { $0 + ($1.product.m * $1.product.n).resolved(maxBatch) }
        if pairs.isEmpty || total < least { return }
        var dropped: Set<Int> = []
        for (made, update, own, program, samples) in pairs {
            guard case .region(let region) = instructions[update].work else { continue }
            var product = own
            product.update = program
            var looks: [Access] = []
            for i in samples {
                guard case .sample(_, let sample) = instructions[i].work else { continue }
                product.samples.append(sample)
                looks += instructions[i].accesses.filter { $0.buffer != own.c }.map {
                    $0.writes ? Access(buffer: $0.buffer, writes: true, touch: .rows(own.m, granule: 16)) : $0
                }
                dropped.insert(i)
            }
            // By rows: the input gradient reads the weights by rows, so that a thread follows itself.
            let share = Touch.rows(product.m, granule: 16)
            let beside = region.registers.compactMap { r -> Access? in
                guard let buffer = r.buffer, buffer != product.c else { return nil }
                return Access(buffer: buffer, writes: r.kind == .write, touch: r.extent == .full ? share : .all)
            }
            instructions[made].work = .product(product)
            instructions[made].cut = .rows(product.m, granule: 16)
            instructions[made].accesses =
                [
                    Access(buffer: product.a, writes: false, touch: .columns(product.m, granule: 16)),
                    Access(buffer: product.b, writes: false, touch: .all),
                ] + beside + looks
            dropped.insert(update)
        }
        remove(dropped)
        hoistScalars()
    }

    /// Weight gradients that one known update alone reads, and that update, as places in the plan.
    private func productsAndUpdates(keeping kept: Set<Int>) -> [(
        made: Int, update: Int, product: Product, program: NativeProgram, samples: [Int]
    )] {
        var users = [[Int]](repeating: [], count: buffers.count)
        for (i, x) in instructions.enumerated() {
            for access in x.accesses where users[access.buffer].last != i { users[access.buffer].append(i) }
        }
        /// Whether rows of a product, as it lies in memory, are kept for an observation.
        func isSample(_ i: Int, of product: Product) -> Bool {
            guard case .sample(product.c, let sample) = instructions[i].work else { return false }
            return sample.picked.rows == product.m && sample.picked.width == product.n
        }
        var result: [(made: Int, update: Int, product: Product, program: NativeProgram, samples: [Int])] = []
        for (update, x) in instructions.enumerated() where x.phase == .update {
            guard case .region(let region) = x.work, region.reduction == .none,
                region.registers.allSatisfy({ $0.width == nil })
            else { continue }
            let arrays = region.registers.filter { $0.extent == .full && $0.kind == .read }.compactMap(\.buffer)
            guard let gradient = arrays.first(where: { buffers[$0].home == .arena }), !kept.contains(gradient),
                arrays.allSatisfy({ $0 == gradient || buffers[$0].home != .arena }),
                case let users = users[gradient], users.count >= 2, users.last == update,
                case .product(let product) = instructions[users[0]].work, product.c == gradient, product.ta,
                !product.tb, users.dropFirst().dropLast().allSatisfy({ isSample($0, of: product) }),
                product.bias == nil, product.batches == nil,
                product.m.resolved(maxBatch) >= 32, product.n.resolved(maxBatch) >= 32,
                let program = NativeProgram(region)
            else { continue }
            // From the product to the update nothing may touch what the update writes, or write what it reads; numbers
            // that it computes once a step can be moved before.
            let conflict = instructions[users[0]..<update].contains { other in
                !isScalar(other)
                    && other.accesses.contains { a in
                        x.accesses.contains {
                            $0.buffer == a.buffer && $0.buffer != gradient && (a.writes || $0.writes)
                        }
                    }
            }
            if !conflict { result.append((users[0], update, product, program, Array(users.dropFirst().dropLast()))) }
        }
        return result
    }

    /// Whether an instruction computes one number for the updates, such as Adam's bias corrections, from inputs alone.
    private func isScalar(_ x: Instruction) -> Bool {
        x.phase == .update && x.cut == .none
            && x.accesses.allSatisfy { access in
                switch buffers[access.buffer].home {
                case .arena: access.writes && buffers[access.buffer].count == Count()
                case .input: !access.writes
                default: false
                }
            }
    }

    /// Such numbers come first.
    private mutating func hoistScalars() {
        instructions = instructions.filter(isScalar) + instructions.filter { !isScalar($0) }
    }
}
