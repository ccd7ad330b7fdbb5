#include "include/fk_vmath.h"

#define FK_DECLARE(isa) \
    void fk_vmath_apply_##isa(int function, const float *x, const float *y, float *out, int64_t n); \
    void fk_vmath_random_##isa(int32_t *out, uint64_t first, int64_t n, uint32_t seed_lo, uint32_t seed_hi, \
                               uint32_t step, uint32_t stream); \
    void fk_vmath_normals_##isa(const int32_t *words, double *cosines, double *sines, int64_t pairs);
FK_DECLARE(base)
#if defined(__x86_64__)
FK_DECLARE(avx2)
FK_DECLARE(avx512)
#endif

static bool available(int isa) {
    switch (isa) {
    case FK_VMATH_BASE: return true;
#if defined(__x86_64__)
    case FK_VMATH_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case FK_VMATH_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
#endif
    default: return false;
    }
}

#if defined(__x86_64__)
#define FK_RUN(f, ...) \
    (isa == FK_VMATH_AVX512 ? f##_avx512(__VA_ARGS__) : isa == FK_VMATH_AVX2 ? f##_avx2(__VA_ARGS__) : f##_base(__VA_ARGS__))
#else
#define FK_RUN(f, ...) f##_base(__VA_ARGS__)
#endif

bool fk_vmath_apply(int isa, int function, const float *x, const float *y, float *out, int64_t n) {
    if (!available(isa)) return false;
    FK_RUN(fk_vmath_apply, function, x, y, out, n);
    return true;
}

bool fk_vmath_random_bits(int isa, int32_t *out, uint64_t first, int64_t n, uint32_t seed_lo, uint32_t seed_hi,
                          uint32_t step, uint32_t stream) {
    if (!available(isa)) return false;
    FK_RUN(fk_vmath_random, out, first, n, seed_lo, seed_hi, step, stream);
    return true;
}

bool fk_vmath_normals(int isa, const int32_t *words, double *cosines, double *sines, int64_t pairs) {
    if (!available(isa)) return false;
    FK_RUN(fk_vmath_normals, words, cosines, sines, pairs);
    return true;
}
