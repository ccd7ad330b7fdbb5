import FathomGraph

// Smooth functions and their piecewise linear stand-ins.

/// x Φ(x), with the normal distribution function Φ (Hendrycks & Gimpel 2016).
///
/// Φ comes from the complementary error function, so the left tail keeps its digits: in single precision the relative
/// error at x < 0 is about x² · 1e−7, where (1 + erf) would be all rounding error below −5.
public func gelu(_ x: Tensor) -> Tensor { x * (erfc(x * -0.7071067811865476) * 0.5) }

/// x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), an approximation of ``gelu(_:)`` with an error up to 5e−4.
///
/// Written with the sigmoid, (1 + tanh u)/2 = σ(2u), which keeps the left tail's digits.
public func geluTanh(_ x: Tensor) -> Tensor { x * sigmoid((x + x * x * x * 0.044715) * 1.5957691216057308) }

/// x σ(βx); β = 1 is SiLU (Elfwing et al. 2017), other β Swish (Ramachandran et al. 2017).
public func silu(_ x: Tensor, beta: Double = 1) -> Tensor { x * sigmoid(beta == 1 ? x : x * beta) }

/// x tanh(ln(1 + eˣ)) (Misra 2019).
public func mish(_ x: Tensor) -> Tensor { x * tanh(softplus(x)) }

/// x / (1 + |x|): like tanh, but approaching ±1 slowly.
public func softsign(_ x: Tensor) -> Tensor { x / (abs(x) + 1) }

/// ln σ(x), stable for every x.
public func logSigmoid(_ x: Tensor) -> Tensor { -softplus(-x) }

/// a · tanh(b x); with LeCun's 1.7159 and 2/3, f(±1) = ±1 and the second derivative is largest there (LeCun et al. 1998).
public func scaledTanh(_ x: Tensor, scale: Double = 1.7159, slope: Double = 2.0 / 3) -> Tensor {
    tanh(x * slope) * scale
}

/// e^(−x²).
public func gaussian(_ x: Tensor) -> Tensor { exp(-(x * x)) }

/// clamp(x + 3, 0, 6) / 6.
public func hardSigmoid(_ x: Tensor) -> Tensor { clamp(x + 3, 0, 6) / 6 }

/// clamp(x, −1, 1).
public func hardTanh(_ x: Tensor) -> Tensor { clamp(x, -1, 1) }

/// x · ``hardSigmoid(_:)`` (Howard et al. 2019).
public func hardSwish(_ x: Tensor) -> Tensor { x * hardSigmoid(x) }

/// x moved toward 0 by `amount`, 0 within ±`amount`.
public func softShrink(_ x: Tensor, amount: Double = 0.5) -> Tensor { x - clamp(x, -amount, amount) }

/// x outside ±`amount`, else 0.
public func hardShrink(_ x: Tensor, amount: Double = 0.5) -> Tensor { select(abs(x) .<= amount, x.scalar(0), x) }

/// x − tanh x. Near 0, where it is x³/3, the difference leaves few digits in single precision.
public func tanhShrink(_ x: Tensor) -> Tensor { x - tanh(x) }
