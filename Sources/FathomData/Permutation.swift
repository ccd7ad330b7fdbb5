/// The order of `count` rows in one epoch: a pure function of its arguments, so that a resumed run sees the rows in
/// the order of a run that was never stopped.
///
/// A Fisher–Yates shuffle with unbiased numbers; every permutation is equally likely.
///
/// - Parameters:
///   - count: How many rows there are; below 1 the result is empty.
///   - seed: The seed of the run.
///   - epoch: The epoch, from 0.
public func permutation(count: Int, seed: UInt64, epoch: Int = 0) -> [Int] {
    var generator = SeededGenerator(seed: seed, stream: UInt64(bitPattern: Int64(epoch)))
    var order = Array(0..<max(0, count))
    for index in order.indices.dropFirst().reversed() {
        order.swapAt(index, Int(generator.next(below: UInt64(index) + 1)))
    }
    return order
}
