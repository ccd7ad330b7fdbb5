// What the instruction-set files offer to the dispatchers (see gemm.c).
#ifndef FK_ISA_H
#define FK_ISA_H

#include "include/fk_conv.h"
#include "include/fk_gemm.h"

#define FK_DECLARE_ISA(isa)                                    \
    size_t fk_gemm_scratch_##isa(const fk_gemm_args *args);    \
    void fk_gemm_run_##isa(const fk_gemm_args *args, void *scratch); \
    size_t fk_conv_scratch_##isa(const fk_conv *);             \
    void fk_conv_run_##isa(const fk_conv *, int64_t, int64_t, void *scratch);

FK_DECLARE_ISA(base)
#if defined(__x86_64__)
FK_DECLARE_ISA(avx2)
FK_DECLARE_ISA(avx512)

size_t fkb_gemm_scratch_avx512_bf16(const fk_gemm_args *args);
void fkb_gemm_run_avx512_bf16(const fk_gemm_args *args, void *scratch);
size_t fkb_conv_scratch_avx512_bf16(const fk_conv *);
void fkb_conv_run_avx512_bf16(const fk_conv *, int64_t, int64_t, void *scratch);
#endif

#endif
