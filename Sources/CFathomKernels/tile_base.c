#define FK_ISA base
#define FK_LANES 4
#include "tile.h"

#include "simd.inc"
#include "vmath.inc"
#include "tile.inc"
