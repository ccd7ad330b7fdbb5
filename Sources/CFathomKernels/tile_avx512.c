#if defined(__x86_64__)
#include <immintrin.h>

#include "tile.h"

#define FK_ISA avx512
#define FK_LANES 16
#define FK_HAS_FMA 1
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#include "simd.inc"
#include "vmath.inc"
#include "tile.inc"
#pragma clang attribute pop
#endif
