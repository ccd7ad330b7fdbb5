#ifndef CFATHOM_KERNELS_H
#define CFATHOM_KERNELS_H
#include "fk_gemm.h"
#endif
