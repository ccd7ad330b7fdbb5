#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// ln x of a number; the library's own `log` is a function of tensors.
package func naturalLog(_ x: Double) -> Double { log(x) }
