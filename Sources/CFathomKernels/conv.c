// Dispatch of convolutions and windows to the widest instruction set this processor has (see conv.inc for the kernels).
#include "isa.h"

static const struct {
    size_t (*scratch)(const fk_conv *);
    void (*run)(const fk_conv *, int64_t, int64_t, void *);
} kernels[] = {
    {fk_conv_scratch_base, fk_conv_run_base},
#if defined(__x86_64__)
    {fk_conv_scratch_avx2, fk_conv_run_avx2},
    {fk_conv_scratch_avx512, fk_conv_run_avx512},
    {fkb_conv_scratch_avx512_bf16, fkb_conv_run_avx512_bf16},
#endif
};

// Factors of half precision are a row of their own.
static int row_of(const fk_conv *x) { return x->bf16 ? 3 : fk_isa(); }

size_t fk_conv_scratch(const fk_conv *x) { return kernels[row_of(x)].scratch(x); }

void fk_conv_run(const fk_conv *x, int64_t lo, int64_t hi, void *scratch) { kernels[row_of(x)].run(x, lo, hi, scratch); }
