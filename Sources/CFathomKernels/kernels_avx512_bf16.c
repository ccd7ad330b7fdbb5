// The kernels compiled for products of bfloat16 pairs (AVX512-BF16).
#if defined(__x86_64__)
#include <immintrin.h>

#include "isa.h"

#define FK_ISA avx512_bf16
#define FK_LANES 16
#define FK_PAIRS 1
#pragma clang attribute push(__attribute__((target("prfchw,avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#include "simd.inc"
#include "gemm.inc"
#include "conv.inc"
#include "bf16.inc"
#pragma clang attribute pop
#endif
