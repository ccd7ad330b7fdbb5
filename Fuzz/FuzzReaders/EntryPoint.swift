/// Called by libFuzzer with one input after the other.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> Int32 {
    let bytes = UnsafeRawBufferPointer(start: count == 0 ? nil : start, count: count).bytes
    // The message must be printable as well.
    do { try reader(bytes) } catch { _ = "\(error)" }
    return 0
}
