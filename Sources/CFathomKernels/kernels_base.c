// The kernels compiled for what every processor of the architecture has: SSE2 or NEON.
#include "isa.h"

#define FK_ISA base
#define FK_LANES 4
#include "simd.inc"
#include "gemm.inc"
#include "conv.inc"
