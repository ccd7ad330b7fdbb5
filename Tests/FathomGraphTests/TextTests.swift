import FathomGraph
import FathomTestSupport
import Testing

@Suite struct TextTests {
    /// x·W + b through tanh, the mean square, its gradient and a step downhill.
    private func dense() throws -> Graph {
        var g = Graph()
        let x = try g.add(.input("x"), type: TensorType(.float32, [.batch, 3]))
        g.currentLayer = "dense"
        let w = try g.add(.state("dense.weight"), type: TensorType(.float32, [3, 2]))
        let b = try g.add(.state("dense.bias"), type: TensorType(.float32, [2]))
        let y = try g.unary(.tanh, g.add(g.matmul(x, w), b))
        g.currentLayer = "loss"
        let loss = try g.mean(g.mul(y, y), axes: [0, 1])
        let gradients = try g.gradient(of: loss, withRespectTo: [w, b])
        g.outputs = [("loss", loss)]
        for (path, node) in [("dense.weight", w), ("dense.bias", b)] {
            try g.attributing(layer: "dense", phase: .update) { g throws(GraphError) in
                g.updates.append((path, try g.sub(node, g.mul(gradients[node]!, 0.1))))
            }
        }
        return g
    }

    @Test func denseLayerWithLossAndGradient() throws {
        let graph = try dense().removingDeadNodes()
        try graph.verify()
        #expect(
            graph.text == """
                %0 = input "x" : f32[B, 3]
                %1 = state "dense.weight" : f32[3, 2]  ; dense
                %2 = state "dense.bias" : f32[2]  ; dense
                %3 = matmul %0 %1 : f32[B, 2]  ; dense
                %4 = broadcast %2 : f32[B, 2]  ; dense
                %5 = add %3 %4 : f32[B, 2]  ; dense
                %6 = tanh %5 : f32[B, 2]  ; dense
                %7 = mul %6 %6 : f32[B, 2]  ; loss
                %8 = sum axes=[0, 1] %7 : f32[]  ; loss
                %9 = extent axes=[0, 1] %7 : f32[]  ; loss
                %10 = div %8 %9 : f32[]  ; loss
                %11 = constant 1.0 : f32[]  ; loss backward
                %12 = div %11 %9 : f32[]  ; loss backward
                %13 = reshape %12 : f32[1, 1]  ; loss backward
                %14 = broadcast %13 : f32[B, 2]  ; loss backward
                %15 = mul %14 %6 : f32[B, 2]  ; loss backward
                %16 = add %15 %15 : f32[B, 2]  ; loss backward
                %17 = constant 1.0 : f32[B, 2]  ; dense backward
                %18 = mul %6 %6 : f32[B, 2]  ; dense backward
                %19 = sub %17 %18 : f32[B, 2]  ; dense backward
                %20 = mul %16 %19 : f32[B, 2]  ; dense backward
                %21 = sum axes=[0] %20 : f32[2]  ; dense backward
                %22 = matmul ta %0 %20 : f32[3, 2]  ; dense backward
                %23 = constant 0.1 : f32[3, 2]  ; dense update
                %24 = mul %22 %23 : f32[3, 2]  ; dense update
                %25 = sub %1 %24 : f32[3, 2]  ; dense update
                %26 = constant 0.1 : f32[2]  ; dense update
                %27 = mul %21 %26 : f32[2]  ; dense update
                %28 = sub %2 %27 : f32[2]  ; dense update
                output loss = %10
                update dense.weight = %25
                update dense.bias = %28
                """ + "\n")
    }

    /// Every attribute appears.
    @Test func attributes() throws {
        var g = Graph()
        let x = try g.add(.input("x"), type: TensorType(.float32, [4, .batch(multiple: 2), 3]))
        let seed = try g.add(.input("seed"), type: TensorType(.int32, [2]))
        let step = try g.add(.input("step"), type: TensorType(.int32, .scalar))
        try g.add(.slice(axis: 2, start: 0, end: 3, step: 2), [x])
        try g.add(.slice(axis: 0, start: 1, end: 3, step: 1), [x])
        try g.add(.pad(axis: 0, low: 1, high: 2, interior: 3), [x])
        try g.add(.transpose([2, 0, 1]), [x])
        try g.add(.cast(.bool), [x])
        try g.add(.argSort(axis: 1, descending: true), [x])
        try g.add(.cumulativeSum(axis: 0, reverse: true), [x])
        try g.add(.max(axes: [0, 2]), [x])
        try g.add(.extent(axes: [1]), [x])
        try g.add(.randomBits(stream: 7), [seed, step], type: TensorType(.int32, [5]))
        try g.add(.concat(axis: 2), [x, x])
        try g.add(.call(OpTable.swish(scale: 1.5)), [x])
        let y = try g.matmul(x, x, transposeB: true)
        try g.attributing(layer: "", phase: .probe) { g throws(GraphError) in
            _ = try g.summary(y, every: 4, step: step)
            _ = try g.exponentHistogram(x)
        }
        #expect(
            g.text == """
                %0 = input "x" : f32[4, 2B, 3]
                %1 = input "seed" : i32[2]
                %2 = input "step" : i32[]
                %3 = slice axis=2 0..<3 by 2 %0 : f32[4, 2B, 2]
                %4 = slice axis=0 1..<3 %0 : f32[2, 2B, 3]
                %5 = pad axis=0 low=1 high=2 interior=3 %0 : f32[16, 2B, 3]
                %6 = transpose [2, 0, 1] %0 : f32[3, 4, 2B]
                %7 = cast bool %0 : bool[4, 2B, 3]
                %8 = argSort axis=1 descending %0 : i32[4, 2B, 3]
                %9 = cumulativeSum axis=0 reverse %0 : f32[4, 2B, 3]
                %10 = maxOver axes=[0, 2] %0 : f32[2B]
                %11 = extent axes=[1] %0 : f32[]
                %12 = randomBits stream=7 %1 %2 : i32[5]
                %13 = concat axis=2 %0 %0 : f32[4, 2B, 6]
                %14 = testSwish [1.5] %0 : f32[4, 2B, 3]
                %15 = matmul tb %0 %0 : f32[4, 2B, 2B]
                %16 = summary every=4 %15 %2 : f32[8]  ; probe
                %17 = exponentHistogram %0 : f32[37]  ; probe
                """ + "\n")
        #expect(g.description == g.text)
    }
}
