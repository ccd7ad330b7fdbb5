// What the instruction-set files of the tile interpreter offer to the executor.
#ifndef FK_TILE_H
#define FK_TILE_H
#include "include/fk_plan.h"

/// Of a value's elements [flat, flat + n), read at `src`, those that a sample keeps.
void fk_sample_range(const fk_sample *, const float *src, int64_t flat, int64_t n);
/// The same of rows [row, row + rows) × columns [column, column + columns) of a value `width` wide; the first lies at `src`, rows `ld` apart.
void fk_sample_rows(const fk_sample *, const float *src, int64_t ld, int64_t row, int64_t rows, int64_t column, int64_t columns);
/// The number of the first row that an observation of every so many rows looks at in this step.
int64_t fk_first_row(int64_t every, const int32_t *step);

#define FK_DECLARE_TILE(isa)                                                                               \
    void fk_region_run_##isa(const fk_region *, int64_t, int64_t, int64_t, int64_t, float *, bool);        \
    void fk_reduce_run_##isa(const fk_indexed *, int64_t, int64_t);                                        \
    void fk_xent_run_##isa(const fk_xent *, bool, int64_t, int64_t);                                    \
    void fk_native_run_##isa(const fk_native *, int64_t, int64_t, int64_t, int64_t, const float *, int64_t); \
    void fk_observe_run_##isa(const fk_observation *, int64_t, int64_t);                                   \
    double fk_peak_run_##isa(int64_t rounds);

FK_DECLARE_TILE(base)
#if defined(__x86_64__)
FK_DECLARE_TILE(avx2)
FK_DECLARE_TILE(avx512)
#endif
#endif
