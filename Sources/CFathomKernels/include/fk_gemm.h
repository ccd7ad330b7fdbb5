#ifndef FK_GEMM_H
#define FK_GEMM_H
#include <stdbool.h>
#include <stdint.h>
#endif
