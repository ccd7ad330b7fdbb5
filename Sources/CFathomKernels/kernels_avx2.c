// The kernels compiled for AVX2 with fused multiply-add.
#if defined(__x86_64__)
#include "isa.h"

#define FK_ISA avx2
#define FK_LANES 8
#define FK_HAS_FMA 1
#pragma clang attribute push(__attribute__((target("prfchw,avx2,fma"))), apply_to = function)
#include "simd.inc"
#include "gemm.inc"
#include "conv.inc"
#pragma clang attribute pop
#endif
