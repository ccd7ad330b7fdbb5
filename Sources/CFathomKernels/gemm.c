// Dispatch of the matrix product to the widest instruction set this processor has (see gemm.inc for the kernels).
#include "isa.h"

#include <stdatomic.h>

typedef struct {
    size_t (*scratch)(const fk_gemm_args *);
    void (*run)(const fk_gemm_args *, void *);
} gemm_kernels;

static const gemm_kernels kernels[] = {
    {fk_gemm_scratch_base, fk_gemm_run_base},
#if defined(__x86_64__)
    {fk_gemm_scratch_avx2, fk_gemm_run_avx2},
    {fk_gemm_scratch_avx512, fk_gemm_run_avx512},
    {fkb_gemm_scratch_avx512_bf16, fkb_gemm_run_avx512_bf16},
#endif
};

static int best_isa(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return 2;
    }
    if (avx2) { return 1; }
#endif
    return 0;
}

// 0 until resolved, then the instruction set plus one. Racing first calls write the same value.
static _Atomic int current;

int fk_isa(void) {
    int isa = atomic_load_explicit(&current, memory_order_relaxed);
    if (__builtin_expect(isa == 0, 0)) {
        isa = best_isa() + 1;
        atomic_store_explicit(&current, isa, memory_order_relaxed);
    }
    return isa - 1;
}

bool fk_force_isa(int isa) {
    int best = best_isa();
    if (isa > best) { return false; }
    atomic_store_explicit(&current, (isa < 0 ? best : isa) + 1, memory_order_relaxed);
    return true;
}

size_t fk_gemm_scratch_on(int isa, const fk_gemm_args *args) { return kernels[isa].scratch(args); }

void fk_gemm_on(int isa, const fk_gemm_args *args, void *scratch) { kernels[isa].run(args, scratch); }

// Factors of half precision are a row of their own.
static int row_of(const fk_gemm_args *args) { return args->bf16 ? 3 : fk_isa(); }

size_t fk_gemm_scratch(const fk_gemm_args *args) { return fk_gemm_scratch_on(row_of(args), args); }

void fk_gemm(const fk_gemm_args *args, void *scratch) { fk_gemm_on(row_of(args), args, scratch); }

bool fk_has_bf16(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return fk_isa() == 2 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}
