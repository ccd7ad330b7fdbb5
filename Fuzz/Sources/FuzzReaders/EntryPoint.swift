import FathomData

/// Called by libFuzzer with one input after the other.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> Int32 {
    let bytes = UnsafeRawBufferPointer(start: count == 0 ? nil : start, count: count).bytes
    do throws(FormatError) { try reader(bytes) } catch { _ = error.description }
    return 0
}
