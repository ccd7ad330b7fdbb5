// The kernels compiled for AVX-512.
#if defined(__x86_64__)
#include <immintrin.h>

#include "isa.h"

#define FK_ISA avx512
#define FK_LANES 16
#define FK_HAS_FMA 1
#pragma clang attribute push(__attribute__((target("prfchw,avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "simd.inc"
#include "gemm.inc"
#include "conv.inc"
#pragma clang attribute pop
#endif
