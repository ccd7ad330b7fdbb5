#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Functions of a number; the library's own `log`, `exp` and `cos` are functions of tensors.

/// ln x.
package func naturalLog(_ x: Double) -> Double { log(x) }
/// eˣ.
package func naturalExponential(_ x: Double) -> Double { exp(x) }
/// cos x.
package func cosine(_ x: Double) -> Double { cos(x) }
/// 2ᵏ.
package func powerOfTwo(_ k: Int) -> Double { Double(sign: .plus, exponent: k, significand: 1) }
