#ifndef FK_GEMM_H
#define FK_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Single-precision matrix products, one thread per call.
//
//     C[m, n] = act(op(A)[m, k] · op(B)[k, n] + bias[n])        or, accumulating,        C = act(C + bias + op(A) · op(B))
//
// All matrices are row-major with a leading dimension at least their stored width. Every element of C is one chain:
//
//     acc = 0, bias, C or C + bias (in this order of preference);  acc = fma(a[i, p], b[p, j], acc) for p = 0, 1, … k − 1
//
// (a product and a sum with two roundings where the processor has no fused multiply-add). An element's bits therefore
// depend on its row of A, its column of B, its start and the instruction set alone: never on how a caller cuts m and n
// among calls and threads. C must overlap neither A nor B nor the bias.
//
// With `bf16`, which needs a processor that `fk_has_bf16`, elements of A and B are rounded to bfloat16 first, to the nearest and of two
// equally near to the even one, and a step of the chain takes two of k at once, each product rounded as it is added; numbers too small
// to be normal count as 0. Bits still depend on nothing but the element's row, column and start.
//
// With an end, C is not touched. Its elements are handed over instead, in tiles of rows × columns from element (i, j) on,
// while they are in cache.
typedef struct {
    void (*finish)(const void *context, const float *tile, int64_t ld, int64_t i, int64_t j, int64_t rows, int64_t columns);
    const void *context;
    const float *beside[4];     // arrays laid out as C that `finish` reads: fetched while the products are computed
    int arrays;
} fk_gemm_end;

// Memory that is read or written after the product, and fetched into the second-level cache while it is computed.
typedef struct {
    const float *p;
    int64_t rows, columns, ld;
    bool writes;                // what is written next: others give it up
} fk_fetch;

typedef struct {
    int64_t m, n, k;
    const float *a;     // op(A) is m × k
    int64_t lda;
    bool ta;            // A is stored [k, m]: element (i, p) is a[p * lda + i]
    const float *b;     // op(B) is k × n
    int64_t ldb;
    bool tb;            // B is stored [n, k]: element (p, j) is b[j * ldb + p]
    bool packed;        // B lies in panels of 16 columns, [n / 16, k, 16]: n is a multiple of 16, and ldb says nothing
    float *c;           // m × n
    int64_t ldc;
    const float *bias;  // a row vector of n, or NULL
    bool accumulate;    // start from what C holds
    int activation;     // applied to the finished element: 0 none, 1 ReLU (max(x, 0); NaN stays NaN)
    bool bf16;          // factors of half precision
    const fk_gemm_end *end;     // NULL, or who takes the elements: then A is transposed, B is not, and sums start at 0
    const fk_fetch *fetches;    // as many as fit into the product's time
    int fetch_count;
} fk_gemm_args;

// The bytes `fk_gemm` needs in `scratch` for these sizes (0 for many small products). Pointers are not read.
size_t fk_gemm_scratch(const fk_gemm_args *args);

// The product. `scratch` holds `fk_gemm_scratch` bytes, is aligned to 64, and is used by this call alone.
void fk_gemm(const fk_gemm_args *args, void *scratch);

// The same on one instruction set, which this processor must have (see `fk_isa`); 3: with factors rounded to bfloat16.
size_t fk_gemm_scratch_on(int isa, const fk_gemm_args *args);
void fk_gemm_on(int isa, const fk_gemm_args *args, void *scratch);

// The instruction set in use: 0 baseline (SSE2 or NEON), 1 AVX2 with FMA, 2 AVX-512.
int fk_isa(void);

// Whether this processor multiplies pairs of bfloat16 (AVX512-BF16), and the instruction set in use is its best.
bool fk_has_bf16(void);

// For tests and benchmarks: use another instruction set from now on. Returns false, and changes nothing, where this
// processor does not have it; a negative value returns to the best one. Not to be called while kernels run.
bool fk_force_isa(int isa);

#endif
