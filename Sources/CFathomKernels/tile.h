// What the instruction-set files of the tile interpreter offer to the executor.
#ifndef FK_TILE_H
#define FK_TILE_H
#include "include/fk_plan.h"

#define FK_DECLARE_TILE(isa)                                                                               \
    void fk_region_run_##isa(const fk_region *, int64_t, int64_t, int64_t, int64_t, float *);              \
    void fk_reduce_run_##isa(const fk_indexed *, int64_t, int64_t);                                        \
    void fk_xent_run_##isa(const fk_xent *, bool, int64_t, int64_t);                                    \
    void fk_native_run_##isa(const fk_native *, int64_t, int64_t);                                         \
    double fk_peak_run_##isa(int64_t rounds);

FK_DECLARE_TILE(base)
#if defined(__x86_64__)
FK_DECLARE_TILE(avx2)
FK_DECLARE_TILE(avx512)
#endif
#endif
