#define FK_ISA base
#define FK_LANES 4
#include "simd.inc"
#include "vmath.inc"
#include "vmath_entry.inc"
