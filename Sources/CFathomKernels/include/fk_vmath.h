#ifndef FK_VMATH_H
#define FK_VMATH_H
#include <stdbool.h>
#include <stdint.h>

// Elementary functions over arrays, one instruction set at a time: for tests and benchmarks of `vmath.inc`, whose
// inline functions the kernels use directly.

enum {
    FK_VMATH_EXP, FK_VMATH_EXPM1, FK_VMATH_LOG, FK_VMATH_LOG1P, FK_VMATH_TANH, FK_VMATH_SIGMOID, FK_VMATH_SOFTPLUS,
    FK_VMATH_ERF, FK_VMATH_ERFC, FK_VMATH_SIN, FK_VMATH_COS, FK_VMATH_SQRT, FK_VMATH_RSQRT, FK_VMATH_FLOOR,
    FK_VMATH_CEIL, FK_VMATH_ROUND, FK_VMATH_SIGN,
    FK_VMATH_UNIFORM,                         // of the bits of x
    FK_VMATH_POW, FK_VMATH_MAX, FK_VMATH_MIN  // of x and y
};

enum { FK_VMATH_BASE = 0, FK_VMATH_AVX2 = 1, FK_VMATH_AVX512 = 2 };

/// out[i] = function(x[i]) or function(x[i], y[i]); y is read by the binary functions only. False, with nothing
/// written, where this machine lacks the instruction set. out may be x or y.
bool fk_vmath_apply(int isa, int function, const float *x, const float *y, float *out, int64_t n);

/// Elements [first, first + n) of the stream of Philox4x32-10 words with key (seed_lo, seed_hi): element i is word
/// i % 4 of the counter (low and high half of i / 4, step, stream). The same on every instruction set.
bool fk_vmath_random_bits(int isa, int32_t *out, uint64_t first, int64_t n, uint32_t seed_lo, uint32_t seed_hi,
                          uint32_t step, uint32_t stream);

/// Normal numbers of mean 0 and variance 1, two from each pair of random words; an instruction set may round otherwise than
/// another. False, with nothing written, where this machine lacks it.
bool fk_vmath_normals(int isa, const int32_t *words, double *cosines, double *sines, int64_t pairs);
#endif
