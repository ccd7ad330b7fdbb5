import CFathomKernels
import FathomGraph

/// A value in memory: a row-major array whose size depends on the batch.
struct Buffer {
    enum Home: Hashable {
        /// Working memory, shared over time with other buffers.
        case arena
        /// The training state, at its path.
        case state(String)
        /// Fed before a step, by name.
        case input(String)
        /// What observations found out, kept until the next watched run.
        case observation
        /// Rows kept for an observation.
        case sample
        /// Made from the training state, and kept until that changes.
        case kept
    }
    var count: Count
    var home: Home
    /// A larger buffer this one is a part of.
    var parent: Int? = nil
    /// Floats from the start of the memory it lives in, or from the parent's.
    var offset = 0
}

/// How a thread's share of an instruction touches a buffer.
enum Touch: Hashable {
    /// Some rows, named alike however many belong to one of the batch: an image's pixels go where the image goes.
    static func sharing(_ rows: Count, granule: Int) -> Touch {
        if rows.power == 1, rows.factor > 1, granule % rows.factor == 0 {
            return .rows(Count(power: 1), granule: granule / rows.factor)
        }
        return .rows(rows, granule: granule)
    }

    /// All of it, or an unknown part.
    case all
    /// The thread's rows of `rows` rows.
    case rows(Count, granule: Int)
    /// The thread's columns of every row.
    case columns(Count, granule: Int)
    /// Only one thread, as ``Cut/one(_:)`` has it.
    case one(Int)

    /// Only the first thread.
    static let first = Touch.one(0)
    var isOfOne: Bool { if case .one = self { true } else { false } }
}

struct Access {
    var buffer: Int
    var writes: Bool
    var touch: Touch
}

/// How an instruction's work is shared among the team.
enum Cut: Hashable {
    case rows(Count, granule: Int)
    case columns(Count, granule: Int)
    /// Anything else that can be counted.
    case units(Count, granule: Int)
    /// One thread does all of it: of n threads the number n × so many 1024ths.
    case one(Int)

    /// The first thread does all of it.
    static let none = Cut.one(0)
}

/// One instruction, with sizes for every batch and buffers not yet placed.
struct Instruction {
    var name: String
    var layer: String
    var phase: Phase
    var work: Work
    var cut: Cut
    var accesses: [Access]
    var barrier = Barrier.none
    /// Whether a thread says before this instruction that it has come to the next barrier: what is up to there keeps nobody
    /// waiting.
    var arrives = false
    /// Floating-point operations and bytes moved, for the profile.
    var flops = Count(factor: 0)
}

/// When the team waits for all its members before an instruction.
enum Barrier { case none, always, whenWatched }

enum Work {
    case product(Product)
    case region(Region)
    /// Strided copy; `source` nil fills with the value.
    case copy(
        source: Int?, into: Int, extents: [Count], from: [Stride], to: [Stride], sourceOffset: Stride, offset: Stride,
        value: Value)
    case indexed(
        fk_kind, source: Int, indices: Int?, into: Int, outer: Count, extent: Count, inner: Count, taken: Count,
        mode: Int32, along: Bool)
    case crossEntropy(CrossEntropy)
    case convolution(Convolution)
    /// Keeps rows of `source` for an observation at the end of the step.
    case sample(source: Int, Sample)
    case observe([Observation])

    /// A stride or offset in elements: `factor` × a count.
    typealias Stride = (factor: Int, of: Count)

    /// A number known when the batch is.
    enum Value { case number(Float), host(NodeID) }
}

/// The rows of a value that an observation looks at, and where they are kept.
struct Sample {
    var into: Int
    var picked: Picked
}

/// Rows of a value that `Sampling` picks.
struct Picked: Hashable {
    var rows: Count
    var width: Count
    var every: Int
    /// The buffer of the step's number.
    var step: Int?
}

/// What is found out about a value, or about the difference of two.
struct Observation {
    struct Source {
        var buffer: Int
        /// Whether the buffer holds only the rows looked at.
        var isPacked: Bool
    }
    var x: Source
    /// What is subtracted.
    var y: Source?
    var picked: Picked
    var summary: Int?
    var histogram: Int?
}

/// C = op(A)·op(B) (+ bias), or ReLU of it; `batches` products one after the other in memory.
struct Product {
    var a: Int
    var b: Int
    var c: Int
    var bias: Int?
    var m: Count
    var n: Count
    var k: Count
    var ta: Bool
    var tb: Bool
    var batches: Count?
    var hasReLU = false
    /// Whether B lies in panels, as a forward pass keeps it.
    var isPacked = false
    /// Whether factors are rounded to bfloat16.
    var rounds = false
    /// A program that takes the place of storing C, which is one of its operands.
    var update: NativeProgram?
    /// Rows of C, which then has no memory, that are kept for observations.
    var samples: [Sample] = []
}

/// A cross-entropy of logits and labels, row by row, or its gradient.
struct CrossEntropy {
    var logits: Int
    var labels: Int
    var isGradient: Bool
    /// What the gradient is multiplied by: a buffer of one number a row, or a number for all.
    var gradient: Int?
    var scale: NodeID?
    var into: Int
    /// Where a gradient writes the loss of every row too.
    var loss: Int? = nil
    var rows: Count
    var classes: Int

    mutating func replace(_ swap: (Int) -> Int) {
        (logits, labels, gradient) = (swap(logits), swap(labels), gradient.map(swap))
        (into, loss) = (swap(into), loss.map(swap))
    }
}

/// A convolution, one of its gradients, or pooling; buffers as `fk_conv` names them.
struct Convolution {
    var kind: fk_conv_kind
    var window: Window
    var groups: Int
    var images: Count
    /// Spatial extents and channels of x and of y.
    var input: [Int]
    var output: [Int]
    var x: Int? = nil
    var w: Int? = nil
    var y: Int? = nil
    var bias: Int? = nil
    var index: Int? = nil
    /// How many outputs of an axis Winograd's transforms make at a time (see `winograd.inc`); 0 for direct sums.
    var transform = 0
    /// Whether factors are rounded to bfloat16.
    var rounds = false
    /// Whether threads share out lines of the output instead of images.
    var byLines = false
    /// Images of a block of the weights' gradient, and the blocks in all.
    var block = 1
    var blocks = 1

    init(_ kind: fk_conv_kind, _ window: Window, groups: Int, input: Shape, output: Shape) {
        (self.kind, self.window, self.groups) = (kind, window, groups)
        images = Count([input[0]])
        self.input = input.dims.dropFirst().map { $0.fixedValue ?? 0 }
        self.output = output.dims.dropFirst().map { $0.fixedValue ?? 0 }
    }

    mutating func replace(_ swap: (Int) -> Int) {
        (x, w, y, bias, index) = (x.map(swap), w.map(swap), y.map(swap), bias.map(swap), index.map(swap))
    }
}

/// A program over tiles of a domain.
struct Region {
    struct Op: Hashable {
        var opcode: fk_opcode
        var extent: Extent
        var dst: Int
        var operands: [Int]
        var value: Number = .literal(0)
        var extra: UInt32 = 0
        /// Of the first operation of a pass: its loop, and how many operations it takes the place of.
        var pass: (loop: fk_pass, count: Int)? = nil
        /// Whether a result of a pass is stored.
        var kept = FK_KEPT
        /// The extent and what lies inside it, of an index.
        var index: (inner: Count, extent: Count)? = nil

        static func == (a: Op, b: Op) -> Bool {
            a.opcode == b.opcode && a.extent == b.extent && a.dst == b.dst && a.operands == b.operands
                && a.value == b.value
                && a.extra == b.extra && a.index?.inner == b.index?.inner && a.index?.extent == b.index?.extent
        }
        func hash(into hasher: inout Hasher) {
            hasher.combine(opcode.rawValue)
            hasher.combine(operands)
        }
    }
    enum Number: Hashable {
        case literal(UInt32)
        case host(NodeID)
    }
    struct Register: Hashable {
        enum Kind: Hashable { case scratch, read, write, sample }
        var extent: Extent
        var kind: Kind
        var buffer: Int?
        var isDeferred = false
        /// Read and written by passes alone, where it lies.
        var isDirect = false
        var slot = 0
        /// Some columns of a wider array: the first of them, and the array's width.
        var offset = 0
        var width: Int? = nil
    }
    var rows: Count
    var columns: Count
    var reduction: Group.Reduction
    /// Rows that no tile crosses.
    var block: Count? = nil
    var ops: [Op] = []
    var registers: [Register] = []
    var slots = [0, 0, 0, 0]
    var seed: Int?
    var step: Int?
    /// What `FK_SAMPLE` keeps, by its number.
    var samples: [Sample] = []
    /// Whether the domain is one run of elements that may be cut anywhere.
    var isFlat = false
}

extension Region {
    /// Whether all samples take the same rows of the domain.
    var samplesAlike: Bool {
        guard let first = samples.first?.picked else { return false }
        return first.rows == rows && first.width == columns && samples.allSatisfy { $0.picked == first }
    }

    /// Whether what has the domain's full extent is only read, and each array once.
    var readsOnce: Bool {
        registers.indices.allSatisfy { r in
            registers[r].extent != .full
                || registers[r].kind == .read && ops.count { $0.operands.contains(r) } == 1
        }
    }

    /// How tiles of a block join what register `r` holds: sum, maximum or minimum (as `fk_indexed.mode`).
    func joining(_ r: Int) -> UInt8 {
        switch ops.first(where: { $0.dst == r })?.opcode {
        case FK_MAX_ROWS: 1
        case FK_MIN_ROWS: 2
        default: 0
        }
    }
}
