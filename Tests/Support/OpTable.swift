import FathomGraph

/// One case of an operation, for every batch size it is tried with.
public struct OpCase: Sendable {
    public let name: String
    public let tolerance: Tolerance
    public let isDifferentiable: Bool
    public let linearIn: [[Int]]
    public let isFinite: Bool
    /// Declares the operands and returns the node of the result.
    public let build: @Sendable (inout CaseBuilder) throws(GraphError) -> NodeID

    init(
        _ name: String, _ tolerance: Tolerance = .exact, differentiable: Bool = true, linearIn: [[Int]] = [],
        finite: Bool = true, _ build: @escaping @Sendable (inout CaseBuilder) throws(GraphError) -> NodeID
    ) {
        self.name = name
        self.tolerance = tolerance
        isDifferentiable = differentiable
        self.linearIn = linearIn
        isFinite = finite
        self.build = build
    }
}

/// The table of operations: one row each, and every row generates the tests of its operation.
public enum OpTable {
    /// Every case at every batch size that it depends on (1, 3 and 7 for a symbolic one).
    public static let problems: [OpProblem] = OpKind.allCases.flatMap { kind in problems(for: kind) }

    /// The problems of one operation.
    public static func problems(for kind: OpKind) -> [OpProblem] {
        rows(for: kind).flatMap { row -> [OpProblem] in
            let first = problem(kind, row, batch: 1)
            let isSymbolic = first.graph.nodes.contains { $0.type.shape.isSymbolic }
            return [first] + (isSymbolic ? [problem(kind, row, batch: 3), problem(kind, row, batch: 7)] : [])
        }
    }

    private static func problem(_ kind: OpKind, _ row: OpCase, batch: Int) -> OpProblem {
        var builder = CaseBuilder(name: kind.rawValue + row.name, batch: batch)
        do {
            let output = try row.build(&builder)
            builder.graph.outputs = [("y", output)]
            return OpProblem(
                kind: kind, name: row.name, batch: batch, graph: builder.graph, output: output, feeds: builder.feeds,
                tolerance: row.tolerance, isDifferentiable: row.isDifferentiable, linearIn: row.linearIn,
                isFinite: row.isFinite)
        } catch {
            fatalError("\(kind) \(row.name): \(error)")  // a mistake in the table itself
        }
    }

    /// The row of an operation.
    public static func rows(for kind: OpKind) -> [OpCase] {
        switch kind {
        case .input: leafCases(isState: false)
        case .state: leafCases(isState: true)
        case .constant: constantCases
        case .iota: iotaCases
        case .randomBits: randomBitsCases
        case .extent: extentCases
        case .unary: unaryCases
        case .binary: binaryCases
        case .compare: compareCases
        case .select: selectCases
        case .cast: castCases
        case .broadcast: broadcastCases
        case .reshape: reshapeCases
        case .transpose: transposeCases
        case .slice: sliceCases
        case .pad: padCases
        case .concat: concatCases
        case .gather: gatherCases
        case .scatterAdd: scatterAddCases
        case .gatherAlong: gatherAlongCases
        case .scatterAddAlong: scatterAddAlongCases
        case .sum: sumCases
        case .max: extremumCases { .max(axes: $0) }
        case .min: extremumCases { .min(axes: $0) }
        case .argMax: argMaxCases
        case .argSort: argSortCases
        case .cumulativeSum: cumulativeSumCases
        case .matmul: matmulCases
        case .convolution: convolutionCases { .convolution($0, groups: $1) }
        case .convolutionInputGradient: convolutionCases { .convolutionInputGradient($0, groups: $1) }
        case .convolutionWeightGradient: convolutionCases { .convolutionWeightGradient($0, groups: $1) }
        case .windowSum: windowCases { .windowSum($0) }
        case .windowSpread: windowCases { .windowSpread($0) }
        case .windowArgMax: windowCases { .windowArgMax($0) }
        case .windowGather: windowCases { .windowGather($0) }
        case .windowScatterAdd: windowCases { .windowScatterAdd($0) }
        case .summary: observationCases { .summary(every: $0) }
        case .exponentHistogram: observationCases { .exponentHistogram(every: $0) }
        case .call: callCases
        }
    }

    /// Scalar, odd, size-1, empty and batched shapes, which every operation that does not care must take.
    static let shapes: [Shape] = [[], [1], [17], [2, 1, 3], [0], [3, 0, 2], [.batch, 5], [3, .batch(multiple: 2)]]
}

// MARK: Leaves

extension OpTable {
    static func leafCases(isState: Bool) -> [OpCase] {
        shapes.map { shape in
            OpCase("\(shape)", linearIn: [[0]]) { b throws(GraphError) in try b.operand(shape, isState: isState) }
        } + [
            OpCase("i32[5]", differentiable: false) { b throws(GraphError) in
                try b.operand([5], .bits, isState: isState)
            }
        ]
    }

    static let constantCases: [OpCase] = shapes.map { shape in
        OpCase("0.1 \(shape)") { b throws(GraphError) in try b.graph.constant(0.1, shape) }
    }

    static let iotaCases: [OpCase] =
        ([
            ([5], 0), ([2, 3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], 2), ([0, 3], 1), ([.batch, 3], 0), ([.batch, 3], 1),
        ]
        as [(Shape, Int)]).map { shape, axis in
            OpCase("\(shape) axis \(axis)", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.iota(axis: axis), type: TensorType(.int32, shape))
            }
        }

    static let randomBitsCases: [OpCase] =
        ([([], 0), ([1], 0), ([3], 1), ([4], 1), ([5], 7), ([0], 0), ([17, 2], 4_000_000_000), ([.batch, 3], 2)]
        as [(Shape, UInt32)]).map { shape, stream in
            OpCase("\(shape) stream \(stream)", differentiable: false) { b throws(GraphError) in
                let seed = try b.operand([2], .bits)
                let step = try b.operand(.scalar, .bits)
                return try b.graph.add(.randomBits(stream: stream), [seed, step], type: TensorType(.int32, shape))
            }
        }

    static let extentCases: [OpCase] =
        ([
            ([2, 3, 4], []), ([2, 3, 4], [0]), ([2, 3, 4], [2, 0]), ([0, 3], [0]), ([.batch, 3], [0]),
            ([.batch, 3], [0, 1]), ([], []),
        ]
        as [(Shape, [Int])]).map { shape, axes in
            OpCase("\(shape) axes \(axes)") { b throws(GraphError) in
                try b.graph.add(.extent(axes: axes), [b.operand(shape)])
            }
        }
}

// MARK: Elementwise

extension OpTable {
    /// Where the function is smooth and its result moderate; `linear` functions say so.
    private static func properties(of f: Op.Unary) -> (domain: Domain, tolerance: Tolerance, isLinear: Bool) {
        switch f {
        case .neg: (.uniform(-2, 2), .exact, true)
        case .exp, .expm1, .tanh, .sigmoid, .softplus, .erf, .erfc, .sin, .cos: (.uniform(-2, 2), .rounding, false)
        case .log, .log1p, .rsqrt: (.uniform(0.3, 3), .rounding, false)
        case .sqrt: (.uniform(0.3, 3), .exact, false)
        case .abs, .sign, .floor, .ceil, .round: (.grid(offset: 0.125), .exact, false)
        case .uniformFromBits: (.bits, .exact, false)
        }
    }

    static let unaryCases: [OpCase] = Op.Unary.allCases.flatMap { f -> [OpCase] in
        let (domain, tolerance, isLinear) = properties(of: f)
        var cases = shapes.map { shape in
            OpCase("\(f) \(shape)", tolerance, differentiable: f != .uniformFromBits, linearIn: isLinear ? [[0]] : []) {
                b throws(GraphError) in try b.graph.unary(f, b.operand(shape, domain))
            }
        }
        if f != .uniformFromBits {
            // The periodic ones lose all meaning at 3e38, where neighbouring floats are many periods apart.
            let values =
                f == .sin || f == .cos
                ? Domain.specials.filter { !(Swift.abs($0) > 1e3 && $0.isFinite) } : Domain.specials
            cases.append(
                OpCase("\(f) specials", tolerance, differentiable: false, finite: false) { b throws(GraphError) in
                    try b.graph.unary(f, b.operand([.fixed(values.count)], .cycle(values)))
                })
        }
        return cases
    }

    private static func properties(
        of f: Op.Binary
    ) -> (a: Domain, b: Domain, tolerance: Tolerance, linearIn: [[Int]]) {
        switch f {
        case .add, .sub: (.uniform(-2, 2), .uniform(-2, 2), .exact, [[0, 1]])
        case .mul: (.uniform(-2, 2), .uniform(-2, 2), .exact, [[0], [1]])
        case .div: (.uniform(-2, 2), .uniform(0.4, 2), .exact, [[0]])
        case .pow: (.uniform(0.6, 2), .uniform(-1.5, 2.5), .rounding, [])
        case .max, .min: (.grid(offset: 0), .grid(offset: 0.125), .exact, [])
        }
    }

    /// Operand shapes that meet by broadcasting.
    static let broadcasts: [(Shape, Shape)] = [
        ([3, 1], [1, 4]), ([], [.batch, 3]), ([.batch, 3], [3]), ([.batch, 1], [.batch, 3]), ([2, 3, 1], [3, 5]),
        ([0], [1]),
        ([1, 65], [17, 1]),
    ]

    static let binaryCases: [OpCase] = Op.Binary.allCases.flatMap { f -> [OpCase] in
        let (da, db, tolerance, linearIn) = properties(of: f)
        let pairs: [(Shape, Shape)] = shapes.map { ($0, $0) } + broadcasts
        var cases = pairs.map { x, y in
            OpCase("\(f) \(x) \(y)", tolerance, linearIn: linearIn) { b throws(GraphError) in
                try b.graph.binary(f, b.operand(x, da), b.operand(y, db))
            }
        }
        cases.append(
            // Every pair of special values.
            OpCase("\(f) specials", tolerance, differentiable: false, finite: false) { b throws(GraphError) in
                let n = Domain.specials.count
                let x = try b.operand([.fixed(n), 1], .cycle(Domain.specials))
                return try b.graph.binary(f, x, b.operand([1, .fixed(n)], .cycle(Domain.specials)))
            })
        switch f {
        case .add, .sub, .mul, .div:
            cases.append(
                OpCase("\(f) of one operand twice", tolerance) { b throws(GraphError) in
                    let x = try b.operand([3, 5], .uniform(0.5, 2))
                    return try b.graph.binary(f, x, x)
                })
        case .pow:
            for exponent in [-1, 0, 0.5, 1, 2, 3] as [Double] {
                cases.append(
                    OpCase("pow \(exponent)", tolerance) { b throws(GraphError) in
                        let x = try b.operand([3, 5], .uniform(0.6, 2))
                        return try b.graph.binary(.pow, x, b.graph.constant(exponent, like: x))
                    })
            }
            for exponent in [0, 1, 2, 3] as [Double] {
                // Whole powers are smooth through 0.
                cases.append(
                    OpCase("pow \(exponent) around 0", tolerance) { b throws(GraphError) in
                        let x = try b.operand([5], .cycle([0, -1.5, 0.5, -0.25, 2]))
                        return try b.graph.binary(.pow, x, b.graph.constant(exponent))
                    })
            }
        case .max, .min:
            cases.append(
                OpCase("\(f) ties", tolerance, differentiable: false) { b throws(GraphError) in
                    try b.graph.binary(f, b.operand([33], .coarse), b.operand([33], .coarse))
                })
        }
        return cases
    }

    static let compareCases: [OpCase] = Op.Comparison.allCases.flatMap { f -> [OpCase] in
        (shapes.map { ($0, $0) } + broadcasts).map { x, y in
            OpCase("\(f) \(x) \(y)", differentiable: false) { b throws(GraphError) in
                try b.graph.compare(f, b.operand(x, .coarse), b.operand(y, .coarse))
            }
        } + [
            OpCase("\(f) i32[33]", differentiable: false) { b throws(GraphError) in
                try b.graph.compare(f, b.operand([33], .integers), b.operand([33], .integers))
            },
            OpCase("\(f) bool[33]", differentiable: false) { b throws(GraphError) in
                try b.graph.compare(f, b.operand([33], .flags), b.operand([33], .flags))
            },
            OpCase("\(f) bool[.batch, 5], false", differentiable: false) { b throws(GraphError) in
                let x = try b.operand([.batch, 5], .flags)
                return try b.graph.compare(f, x, b.graph.add(.constant(0), type: TensorType(.bool, [.batch, 5])))
            },
            OpCase("\(f) specials", differentiable: false) { b throws(GraphError) in
                let n = Domain.specials.count
                let x = try b.operand([.fixed(n), 1], .cycle(Domain.specials))
                return try b.graph.compare(f, x, b.operand([1, .fixed(n)], .cycle(Domain.specials)))
            },
        ]
    }

    static let selectCases: [OpCase] =
        shapes.map { shape in
            OpCase("\(shape)", linearIn: [[1, 2]]) { b throws(GraphError) in
                try b.graph.select(b.operand(shape, .flags), b.operand(shape), b.operand(shape))
            }
        } + [
            OpCase("i32[9]", differentiable: false) { b throws(GraphError) in
                try b.graph.select(b.operand([9], .flags), b.operand([9], .bits), b.operand([9], .bits))
            },
            // Both and either of two conditions.
            OpCase("bool[.batch, 5], both", differentiable: false) { b throws(GraphError) in
                let (x, y) = (try b.operand([.batch, 5], .flags), try b.operand([.batch, 5], .flags))
                return try b.graph.select(x, y, x)
            },
            OpCase("bool[.batch, 5], either", differentiable: false) { b throws(GraphError) in
                let (x, y) = (try b.operand([.batch, 5], .flags), try b.operand([.batch, 5], .flags))
                return try b.graph.select(x, x, y)
            },
            OpCase("one value twice", linearIn: [[1]]) { b throws(GraphError) in
                let c = try b.operand([9], .flags)
                let x = try b.operand([9])
                return try b.graph.select(c, x, x)
            },
            // The value not chosen must not shine through.
            OpCase("not a number beside it", differentiable: false) { b throws(GraphError) in
                let x = try b.operand([4], .cycle([.nan, 1, .infinity, -1]))
                let ok = try b.graph.compare(.less, b.graph.unary(.abs, x), b.graph.constant(2, like: x))
                return try b.graph.select(ok, x, b.graph.constant(0, like: x))
            },
        ]

    static let castCases: [OpCase] = {
        let floats: [Float] = [0, -0.5, 0.5, 2.7, -2.7, 1e10, -1e10, .nan, .infinity, -.infinity, 16_777_216, -1]
        var cases: [OpCase] = []
        for element in [ElementType.float32, .int32, .bool] {
            cases += [
                OpCase("f32 to \(element)", differentiable: element == .float32) { b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([.batch, 5], .cycle([0, 1.5, -2.5, 3]))])
                },
                OpCase("extremes to \(element)", differentiable: false, finite: element != .float32) {
                    b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([.fixed(floats.count)], .cycle(floats))])
                },
                OpCase("i32 to \(element)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([3, 5], .integers)])
                },
                OpCase("i32 bits to \(element)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([17], .bits)])
                },
                OpCase("bool to \(element)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([17], .flags)])
                },
                OpCase("empty to \(element)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.cast(element), [b.operand([0], .flags)])
                },
            ]
        }
        return cases
    }()
}

// MARK: Movement

extension OpTable {
    static let broadcastCases: [OpCase] =
        ([
            ([], []), ([], [5]), ([], [.batch, 2]), ([1], [4]), ([1, 1], [3, 4]), ([3], [2, 3]), ([3, 1], [3, 4]),
            ([1, 3], [.batch, 3]), ([3], [.batch, 3]), ([.batch, 1], [.batch, 17]), ([2, 1, 3], [4, 2, 5, 3]),
            ([1], [0]),
            ([1, 0], [3, 0]), ([1, 65], [33, 65]), ([.batch], [5, .batch]),
        ] as [(Shape, Shape)]).map { from, to in
            OpCase("\(from) to \(to)", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.broadcast(b.operand(from), to: to)
            }
        }

    static let reshapeCases: [OpCase] =
        ([
            ([], [1, 1]), ([1], []), ([6], [2, 3]), ([2, 3, 4], [4, 6]), ([0, 3], [0]), ([0], [5, 0, 2]),
            ([.batch, 6], [.batch, 2, 3]),
            ([.batch, 6], [.batch(multiple: 2), 3]), ([.batch], [.batch, 1]),
            ([.batch(multiple: 4), 3], [.batch, 12]),
            ([3, 5], [3, 5]),
        ] as [(Shape, Shape)]).map { from, to in
            OpCase("\(from) to \(to)", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.reshape(b.operand(from), to: to)
            }
        }

    static let transposeCases: [OpCase] =
        ([
            ([], []), ([3], [0]), ([3, 5], [1, 0]), ([33, 65], [1, 0]), ([1, 7], [1, 0]), ([0, 3], [1, 0]),
            ([.batch, 3], [1, 0]),
            ([2, 3, 4], [0, 2, 1]), ([2, 3, 4], [1, 0, 2]), ([2, 3, 4], [1, 2, 0]), ([2, 3, 4], [2, 0, 1]),
            ([2, 3, 4], [2, 1, 0]), ([.batch, 3, 2, 2], [0, 3, 1, 2]), ([.batch, 3, 2, 2], [3, 2, 0, 1]),
        ] as [(Shape, [Int])]).map { shape, axes in
            OpCase("\(shape) \(axes)", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.add(.transpose(axes), [b.operand(shape)])
            }
        } + [
            OpCase("i32[3, 5]", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.transpose([1, 0]), [b.operand([3, 5], .bits)])
            }
        ]

    static let sliceCases: [OpCase] =
        ([
            ([7], 0, 0, 7, 1), ([7], 0, 2, 5, 1), ([7], 0, 0, 7, 2), ([7], 0, 1, 7, 3), ([7], 0, 6, 7, 1),
            ([7], 0, 3, 3, 1),
            ([7], 0, 2, 7, 100), ([1], 0, 0, 1, 1), ([0], 0, 0, 0, 1), ([3, 4, 5], 0, 1, 3, 1),
            ([3, 4, 5], 1, 1, 4, 2),
            ([3, 4, 5], 2, 0, 5, 4), ([.batch, 5], 1, 1, 4, 1), ([.batch, 5], 1, 0, 5, 3),
            ([2, .batch, 3], 0, 1, 2, 1), ([65, 3], 0, 3, 64, 7),
            ([7], 0, 6, 7, .max),
        ] as [(Shape, Int, Int, Int, Int)]).map { shape, axis, start, end, step in
            OpCase("\(shape) axis \(axis) \(start)..<\(end) by \(step)", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.add(.slice(axis: axis, start: start, end: end, step: step), [b.operand(shape)])
            }
        } + [
            OpCase("i32[7]", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.slice(axis: 0, start: 1, end: 6, step: 2), [b.operand([7], .bits)])
            }
        ]

    static let padCases: [OpCase] =
        ([
            ([5], 0, 0, 0, 0), ([5], 0, 2, 0, 0), ([5], 0, 0, 3, 0), ([5], 0, 1, 2, 3), ([1], 0, 1, 1, 4),
            ([0], 0, 1, 2, 3), ([0], 0, 0, 0, 0),
            ([2, 3, 4], 0, 1, 0, 1), ([2, 3, 4], 1, 0, 1, 2), ([2, 3, 4], 2, 2, 2, 0), ([.batch, 3], 1, 1, 1, 1),
            ([17, .batch], 0, 0, 0, 1),
        ] as [(Shape, Int, Int, Int, Int)]).map { shape, axis, low, high, interior in
            OpCase("\(shape) axis \(axis) \(low), \(high), \(interior)", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.add(.pad(axis: axis, low: low, high: high, interior: interior), [b.operand(shape)])
            }
        } + [
            OpCase("i32[4]", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.pad(axis: 0, low: 1, high: 2, interior: 1), [b.operand([4], .bits)])
            }
        ]

    static let concatCases: [OpCase] =
        ([
            ([[3]], 0), ([[3], [4]], 0), ([[1], [1], [1]], 0), ([[0], [2]], 0), ([[0], [0]], 0),
            ([[2, 3], [1, 3], [4, 3]], 0),
            ([[2, 3], [2, 1], [2, 0], [2, 5]], 1), ([[2, 2, 3], [2, 5, 3]], 1), ([[.batch, 2], [.batch, 3]], 1),
            ([[1, .batch], [2, .batch]], 0), ([[33, 16], [33, 17]], 1),
        ] as [([Shape], Int)]).map { parts, axis in
            OpCase("\(parts) axis \(axis)", linearIn: [Array(parts.indices)]) { b throws(GraphError) in
                var inputs: [NodeID] = []
                for part in parts { inputs.append(try b.operand(part)) }
                return try b.graph.add(.concat(axis: axis), inputs)
            }
        } + [
            OpCase("one operand twice", linearIn: [[0]]) { b throws(GraphError) in
                let x = try b.operand([3, 2])
                return try b.graph.add(.concat(axis: 0), [x, x])
            },
            OpCase("i32", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.concat(axis: 0), [b.operand([3], .bits), b.operand([2], .bits)])
            },
        ]

    /// (data, axis, indices); repeated indices are the rule because there are more of them than places.
    private static let gathers: [(Shape, Int, Shape)] = [
        ([5], 0, [9]), ([5], 0, []), ([5], 0, [0]), ([1], 0, [3]), ([4, 3], 0, [7]), ([4, 3], 1, [7]),
        ([4, 3], 0, [2, 5]),
        ([2, 4, 3], 1, [6]), ([2, 4, 3], 2, []), ([17, 5], 0, [.batch]), ([17, 5], 0, [.batch, 3]),
        ([.batch, 4], 1, [5]),
        ([.batch, 4], 0, [5]), ([0, 3], 0, [0]), ([3, 0], 0, [4]),
    ]

    static let gatherCases: [OpCase] =
        gathers.map { data, axis, indices in
            OpCase("\(data) axis \(axis) at \(indices)", linearIn: [[0]]) { b throws(GraphError) in
                let x = try b.operand(data)
                return try b.graph.add(.gather(axis: axis), [x, b.operand(indices, .index(below: data[axis]))])
            }
        } + [
            OpCase("i32[5]", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.gather(axis: 0), [b.operand([5], .bits), b.operand([3], .index(below: 5))])
            },
            OpCase("all one place", linearIn: [[0]]) { b throws(GraphError) in
                try b.graph.add(.gather(axis: 0), [b.operand([3, 2]), b.integers([4], [1, 1, 1, 1])])
            },
        ]

    static let scatterAddCases: [OpCase] = gathers.map { data, axis, indices in
        OpCase("into \(data) axis \(axis) at \(indices)", .reduction, linearIn: [[0]]) { b throws(GraphError) in
            var dims = data.dims
            dims.replaceSubrange(axis...axis, with: indices.dims)
            let updates = try b.operand(Shape(dims))
            let places = try b.operand(indices, .index(below: data[axis]))
            return try b.graph.add(.scatterAdd(axis: axis), [updates, places], type: TensorType(.float32, data))
        }
    }

    /// (data, axis, extent of the indices along it).
    private static let gathersAlong: [(Shape, Int, Dim)] = [
        ([5], 0, 9), ([5], 0, 0), ([1], 0, 3), ([4, 3], 0, 6), ([4, 3], 1, 6), ([2, 4, 3], 1, 2), ([.batch, 4], 1, 1),
        ([.batch, 4], 1, 6), ([3, .batch], 0, 2), ([.batch, 3], 0, 4), ([0, 3], 1, 2),
    ]

    static let gatherAlongCases: [OpCase] =
        gathersAlong.map { data, axis, extent in
            OpCase("\(data) axis \(axis) taking \(extent)", linearIn: [[0]]) { b throws(GraphError) in
                var places = data
                places[axis] = extent
                let x = try b.operand(data)
                return try b.graph.add(.gatherAlong(axis: axis), [x, b.operand(places, .index(below: data[axis]))])
            }
        } + [
            OpCase("i32[5]", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.gatherAlong(axis: 0), [b.operand([5], .bits), b.operand([3], .index(below: 5))])
            }
        ]

    static let scatterAddAlongCases: [OpCase] = gathersAlong.map { data, axis, extent in
        OpCase("into \(data) axis \(axis) from \(extent)", .reduction, linearIn: [[0]]) { b throws(GraphError) in
            var from = data
            from[axis] = extent
            let updates = try b.operand(from)
            let places = try b.operand(from, .index(below: data[axis]))
            return try b.graph.add(.scatterAddAlong(axis: axis), [updates, places], type: TensorType(.float32, data))
        }
    }
}

// MARK: Reductions

extension OpTable {
    /// Every subset of the axes of a rank-3 shape, the batch axis, long and size-1 axes.
    private static let reductions: [(Shape, [Int])] =
        (0..<8).map { subset in ([2, 3, 4], (0..<3).filter { subset >> $0 & 1 == 1 }) } + [
            ([], []), ([1], [0]), ([7], [0]), ([130], [0]), ([33, 65], [0]), ([33, 65], [1]), ([33, 65], [1, 0]),
            ([1, 17], [0]),
            ([1, 17], [1]), ([.batch, 3], [0]), ([.batch, 3], [1]), ([.batch, 3], [0, 1]),
            ([.batch, 2, 3, 2], [0, 2, 3]),
            ([3, .batch], [0]), ([2, 3, 4, 5], [1, 3]), ([2, 3, 4, 5], [2, 0]), ([0, 3], [1]),
        ]

    static let sumCases: [OpCase] = (reductions + [([0], [0]), ([3, 0], [1]), ([0, 3], [0]), ([0, 3], [0, 1])]).map {
        shape, axes in
        OpCase("\(shape) axes \(axes)", .reduction, linearIn: [[0]]) { b throws(GraphError) in
            try b.graph.add(.sum(axes: axes), [b.operand(shape)])
        }
    }

    static func extremumCases(_ op: @escaping @Sendable ([Int]) -> Op) -> [OpCase] {
        reductions.map { shape, axes in
            OpCase("\(shape) axes \(axes)") { b throws(GraphError) in
                try b.graph.add(op(axes), [b.operand(shape, .distinct)])
            }
        } + [
            OpCase("ties", differentiable: false) { b throws(GraphError) in
                try b.graph.add(op([1]), [b.operand([5, 9], .coarse)])
            },
            OpCase("specials", differentiable: false, finite: false) { b throws(GraphError) in
                try b.graph.add(op([1]), [b.operand([9, 2], .cycle(Domain.specials))])
            },
            OpCase("of nothing", differentiable: false, finite: false) { b throws(GraphError) in
                try b.graph.add(op([1]), [b.operand([3, 0])])
            },
        ]
    }

    private static let lines: [(Shape, Int)] = [
        ([1], 0), ([7], 0), ([130], 0), ([3, 5], 0), ([3, 5], 1), ([2, 3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], 2),
        ([.batch, 5], 1),
        ([.batch, 5], 0), ([0, 3], 1), ([33, 17], 1), ([5, 1], 1),
    ]

    static let argMaxCases: [OpCase] =
        lines.flatMap { shape, axis in
            [
                OpCase("\(shape) axis \(axis)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.argMax(axis: axis), [b.operand(shape, .distinct)])
                },
                OpCase("\(shape) axis \(axis) ties", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.argMax(axis: axis), [b.operand(shape, .coarse)])
                },
            ]
        } + [
            OpCase("specials", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.argMax(axis: 1), [b.operand([6, 3], .cycle(Domain.specials))])
            }
        ]

    static let argSortCases: [OpCase] = [false, true].flatMap { descending -> [OpCase] in
        let suffix = descending ? " descending" : ""
        return lines.flatMap { shape, axis in
            [
                OpCase("\(shape) axis \(axis)\(suffix)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.argSort(axis: axis, descending: descending), [b.operand(shape, .distinct)])
                },
                OpCase("\(shape) axis \(axis) ties\(suffix)", differentiable: false) { b throws(GraphError) in
                    try b.graph.add(.argSort(axis: axis, descending: descending), [b.operand(shape, .coarse)])
                },
            ]
        } + [
            OpCase("specials\(suffix)", differentiable: false) { b throws(GraphError) in
                let values = Domain.specials + [.nan, 0, -0.0]
                return try b.graph.add(
                    .argSort(axis: 0, descending: descending), [b.operand([.fixed(values.count)], .cycle(values))])
            }
        ]
    }

    static let cumulativeSumCases: [OpCase] = [false, true].flatMap { reverse in
        (lines + [([0], 0), ([3, 0], 1)]).map { shape, axis in
            OpCase("\(shape) axis \(axis)\(reverse ? " reverse" : "")", .reduction, linearIn: [[0]]) {
                b throws(GraphError) in
                try b.graph.add(.cumulativeSum(axis: axis, reverse: reverse), [b.operand(shape)])
            }
        }
    }
}

// MARK: Products and composites

extension OpTable {
    /// (leading axes, rows, inner, columns): below, at and above the widths of vectors and tiles.
    private static let products: [(lead: [Dim], m: Dim, k: Dim, n: Dim)] = [
        ([], 1, 1, 1), ([], 2, 3, 1), ([], 1, 130, 1), ([], 33, 1, 65), ([], 15, 16, 17), ([], 16, 16, 16),
        ([], 17, 130, 16),
        ([], 130, 65, 33), ([], 3, 2, 130), ([], 65, 17, 15), ([], 1, 33, 130), ([], 0, 3, 2), ([], 2, 0, 3),
        ([], 2, 3, 0),
        ([], .batch, 5, 3), ([], 5, .batch, 3), ([], 3, 5, .batch), ([3], 2, 3, 4), ([.batch], 2, 3, 4),
        ([2, 1, 3], 1, 5, 2),
        ([.batch, 2], 3, 1, 2), ([0], 2, 3, 4), ([5], 17, 16, 3),
    ]

    static let matmulCases: [OpCase] =
        products.flatMap { lead, m, k, n in
            [(false, false), (true, false), (false, true), (true, true)].map { ta, tb in
                let a = Shape(lead + (ta ? [k, m] : [m, k]))
                let c = Shape(lead + (tb ? [n, k] : [k, n]))
                return OpCase("\(a)\(ta ? "ᵀ" : "") \(c)\(tb ? "ᵀ" : "")", .reduction, linearIn: [[0], [1]]) {
                    b throws(GraphError) in
                    try b.graph.matmul(b.operand(a), b.operand(c), transposeA: ta, transposeB: tb)
                }
            }
        } + [
            OpCase("one operand twice", .reduction) { b throws(GraphError) in
                let x = try b.operand([5, 3], .uniform(-1, 1))
                return try b.graph.matmul(x, x, transposeA: true)
            }
        ]

    /// x · sigmoid(scale · x), differentiated through its body.
    public static func swish(scale: Double) -> FusedOp {
        FusedOp("testSwish", parameters: [scale]) { g, x throws(GraphError) in
            try g.mul(x[0], g.unary(.sigmoid, g.mul(x[0], scale)))
        }
    }

    /// a · tanh(b) with a gradient of its own, which is the right one.
    public static let gated = FusedOp(
        "testGated",
        gradient: { g, x, _, upstream throws(GraphError) in
            let t = try g.unary(.tanh, x[1])
            let slope = try g.sub(g.constant(1, like: t), g.mul(t, t))
            return [try g.mul(upstream, t), try g.mul(upstream, g.mul(x[0], slope))]
        }
    ) { g, x throws(GraphError) in try g.mul(x[0], g.unary(.tanh, x[1])) }

    /// a · exp(b), differentiated through its body: two operands.
    public static let scaledExp = FusedOp("testScaledExp") { g, x throws(GraphError) in
        try g.mul(x[0], g.unary(.exp, x[1]))
    }

    /// Rounding with the straight-through estimator: its gradient is deliberately not that of its body.
    public static let straightThrough = FusedOp(
        "testStraightThrough", gradient: { _, _, _, upstream in [upstream] }
    ) { g, x throws(GraphError) in try g.unary(.round, x[0]) }

    /// A composite of composites, reduced over its last axis.
    public static let nested = FusedOp("testNested") { g, x throws(GraphError) in
        let inner = try g.add(.call(swish(scale: 2)), [x[0]])
        let both = try g.add(.call(gated), [inner, x[0]])
        return try g.mean(both, axes: [g.shape(of: both).rank - 1])
    }

    static let callCases: [OpCase] =
        shapes.flatMap { shape in
            [
                OpCase("through the body \(shape)", .rounding) { b throws(GraphError) in
                    try b.graph.add(.call(swish(scale: 1.5)), [b.operand(shape)])
                },
                OpCase("own gradient \(shape)", .rounding) { b throws(GraphError) in
                    try b.graph.add(.call(gated), [b.operand(shape), b.operand(shape)])
                },
                OpCase("two operands \(shape)", .rounding) { b throws(GraphError) in
                    try b.graph.add(.call(scaledExp), [b.operand(shape), b.operand(shape)])
                },
            ]
        } + [
            OpCase("nested [B, 5]", .reduction) { b throws(GraphError) in
                try b.graph.add(.call(nested), [b.operand([.batch, 5])])
            },
            OpCase("one operand twice through the body", .rounding) { b throws(GraphError) in
                let x = try b.operand([5])
                return try b.graph.add(.call(scaledExp), [x, x])
            },
            OpCase("one operand twice, own gradient", .rounding) { b throws(GraphError) in
                let x = try b.operand([5])
                return try b.graph.add(.call(gated), [x, x])
            },
            OpCase("an operand that depends on the other", .rounding) { b throws(GraphError) in
                let x = try b.operand([5])
                return try b.graph.add(.call(scaledExp), [x, b.graph.unary(.tanh, x)])
            },
            OpCase("two uses with other parameters", .rounding) { b throws(GraphError) in
                let x = try b.operand([5])
                let once = try b.graph.add(.call(swish(scale: 1)), [x])
                return try b.graph.add(.call(swish(scale: 3)), [once])
            },
            OpCase("straight through", differentiable: false) { b throws(GraphError) in
                try b.graph.add(.call(straightThrough), [b.operand([9], .grid(offset: 0.125))])
            },
        ]
}

// MARK: Observation

extension OpTable {
    static func observationCases(_ op: @escaping @Sendable (Int) -> Op) -> [OpCase] {
        let long: [Shape] = [[33, 65], [300], [.batch, 4, 9]]
        var cases: [OpCase] = []
        for shape in shapes + long {
            for every in [1, 2, 5] {
                for step in every == 1 ? [nil] : [0, 3, -1] as [Int32?] {
                    cases.append(
                        // Of nothing the extremes are infinite.
                        OpCase(
                            "\(shape) every \(every)\(step.map { " at \($0)" } ?? "")", .reduction,
                            differentiable: false,
                            finite: shape.symbolicCount?.factor != 0
                        ) { b throws(GraphError) in
                            let x = try b.operand(shape)
                            let number = try step.map { step throws(GraphError) in try b.integers(.scalar, [step]) }
                            return try b.graph.add(op(every), [x] + (number.map { [$0] } ?? []))
                        })
                }
            }
        }
        // The sum of two that cancel says only in which order they were added.
        let specials = Domain.specials.filter { !(Swift.abs($0) > 1e10 && $0.isFinite) }
        let magnitudes: [Float] = specials + (-149...127).map { Float(sign: .plus, exponent: $0, significand: 1) }
        cases += [specials, magnitudes, [.nan, .infinity]].map { values in
            OpCase("of \(values.count) extremes", .reduction, differentiable: false, finite: false) {
                b throws(GraphError) in
                try b.graph.add(op(1), [b.operand([.fixed(values.count)], .cycle(values))])
            }
        }
        return cases
    }
}
