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
#endif
};

size_t fk_conv_scratch(const fk_conv *x) { return kernels[fk_isa()].scratch(x); }

void fk_conv_run(const fk_conv *x, int64_t lo, int64_t hi, void *scratch) { kernels[fk_isa()].run(x, lo, hi, scratch); }
