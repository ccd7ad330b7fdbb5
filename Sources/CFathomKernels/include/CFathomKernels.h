#ifndef CFATHOM_KERNELS_H
#define CFATHOM_KERNELS_H
#include "fk_conv.h"
#include "fk_gemm.h"
#include "fk_plan.h"
#include "fk_vmath.h"
#endif
