// Correctness and speed of the matrix product kernels (README.md says how to run this).
#include "fk_gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef WITH_DNNL
#include <dnnl.h>
#endif

static uint64_t state = 0x9e3779b97f4a7c15u;
static uint32_t draw(void) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717u) >> 32);
}
static int64_t below(int64_t n) { return (int64_t)(draw() % (uint64_t)n); }
static float uniform(void) { return (float)(int32_t)draw() * 0x1p-31f; }
static float *floats(size_t count) {
    float *p = aligned_alloc(64, ((count + 16) * sizeof(float) + 63) & ~(size_t)63);
    for (size_t i = 0; i < count; i++) { p[i] = uniform(); }
    return p;
}
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const char *isa_name[] = {"base", "avx2", "avx512"};
static bool fused(int isa) {
#if defined(__x86_64__)
    return isa > 0;
#else
    return true;
#endif
}

// ------------------------------------------------------------------------------------------------------ correctness

static float element(const fk_gemm_args *g, const float *c0, int64_t i, int64_t j, bool fma) {
    float acc = g->accumulate ? c0[i * g->ldc + j] : 0;
    if (g->bias) { acc = g->accumulate ? acc + g->bias[j] : g->bias[j]; }
    for (int64_t p = 0; p < g->k; p++) {
        float a = g->ta ? g->a[p * g->lda + i] : g->a[i * g->lda + p];
        float b = g->tb ? g->b[j * g->ldb + p] : g->b[p * g->ldb + j];
        if (fma) {
            acc = fmaf(a, b, acc);
        } else {
            volatile float product = a * b;
            acc = product + acc;
        }
    }
    return g->activation && acc < 0 ? 0 : acc;
}

static void call(fk_gemm_args g) {
    size_t bytes = fk_gemm_scratch(&g);
    char *scratch = aligned_alloc(64, ((bytes + 63) & ~(size_t)63) + 64);
    memset(scratch, 0xff, bytes);
    memset(scratch + bytes, 0x5a, 64);
    fk_gemm(&g, scratch);
    for (int i = 0; i < 64; i++) {
        if (scratch[bytes + (size_t)i] != 0x5a) {
            printf("scratch overrun\n");
            exit(1);
        }
    }
    free(scratch);
}

static int check(int rounds) {
    for (int isa = 0; isa < 3; isa++) {
        if (!fk_force_isa(isa)) { continue; }
        for (int round = 0; round < rounds; round++) {
            int64_t cap = round % 50 == 0 ? 700 : round % 5 == 0 ? 150 : 40;
            fk_gemm_args g = {.m = below(cap), .n = below(cap), .k = below(cap)};
            if (round % 7 == 0) { g.m = 1 + below(5); }
            if (round % 13 == 0) { g.m = 1 + below(4), g.n = 1 + below(4), g.k = below(1500); }
            if (round % 97 == 0) { g.m = 1 + below(2), g.n = 2000 + below(200), g.k = below(20); }
            if (round % 101 == 0) { g.m = 500 + below(600), g.n = 90 + below(40), g.k = 200 + below(100); }
            g.ta = draw() & 1, g.tb = draw() & 1, g.accumulate = draw() & 1, g.activation = draw() & 1;
            g.lda = (g.ta ? g.m : g.k) + below(3) * below(20), g.ldb = (g.tb ? g.k : g.n) + below(3) * below(20);
            g.ldc = g.n + below(3) * below(20);
            if (round % 11 == 0) { g.lda = (g.lda + 512) & ~(int64_t)511; }
            size_t na = (size_t)((g.ta ? g.k : g.m) * g.lda), nb = (size_t)((g.tb ? g.n : g.k) * g.ldb);
            size_t nc = (size_t)(g.m * g.ldc);
            float *a = floats(na + 1), *b = floats(nb + 1), *c = floats(nc + 1), *bias = floats((size_t)g.n + 1);
            float *start = floats(nc + 1);
            memcpy(start, c, nc * sizeof(float));
            g.a = a, g.b = b, g.c = c, g.bias = draw() & 1 ? bias : NULL;
            // one call, or a grid of calls at random cuts
            int64_t rows = draw() & 1 ? g.m : 1 + below(g.m + 1), columns = draw() & 1 ? g.n : 1 + below(g.n + 1);
            for (int64_t i = 0; i < g.m; i += rows) {
                for (int64_t j = 0; j < g.n; j += columns) {
                    fk_gemm_args s = g;
                    s.m = g.m - i < rows ? g.m - i : rows;
                    s.n = g.n - j < columns ? g.n - j : columns;
                    s.a += g.ta ? i : i * g.lda;
                    s.b += g.tb ? j * g.ldb : j;
                    s.c += i * g.ldc + j;
                    if (s.bias) { s.bias += j; }
                    call(s);
                }
            }
            for (int64_t i = 0; i < g.m; i++) {
                for (int64_t j = 0; j < g.ldc; j++) {
                    float want = j < g.n ? element(&g, start, i, j, fused(isa)) : start[i * g.ldc + j];
                    float got = c[i * g.ldc + j];
                    if (memcmp(&want, &got, 4) != 0 && !(want == 0 && got == 0)) {
                        printf("%s m %ld n %ld k %ld ta %d tb %d acc %d bias %d relu %d lda %ld ldb %ld ldc %ld: c[%ld, %ld] is "
                               "%.9g, not %.9g (cuts %ld × %ld)\n",
                               isa_name[isa], (long)g.m, (long)g.n, (long)g.k, g.ta, g.tb, g.accumulate, g.bias != NULL,
                               g.activation, (long)g.lda, (long)g.ldb, (long)g.ldc, (long)i, (long)j, (double)got,
                               (double)want, (long)rows, (long)columns);
                        return 1;
                    }
                }
            }
            free(a), free(b), free(c), free(bias), free(start);
        }
        printf("%s: %d products exact\n", isa_name[isa], rounds);
    }
    return 0;
}

// ------------------------------------------------------------------------------------------------------------ speed

typedef struct {
    const char *name;
    int64_t m, n, k;
    bool ta, tb;
    int64_t lda, ldb, ldc;  // 0: as wide as the matrix
} shape;

static const shape shapes[] = {
    {"one tile", 14, 32, 256, 1, 0, 0, 0, 0},
    {"one tile of rows", 14, 32, 256, 0, 0, 0, 0, 0},
    {"T1 forward 64>32", 32, 32, 64, 0, 0, 0, 0, 0},
    {"T1 forward 32>10", 32, 10, 32, 0, 0, 0, 0, 0},
    {"T1 dW 32>10", 32, 10, 32, 1, 0, 0, 0, 0},
    {"T1 dx 32>10", 32, 32, 10, 0, 1, 0, 0, 0},
    {"T1 dW 64>32", 64, 32, 32, 1, 0, 0, 0, 0},
    {"T2 forward", 64, 128, 128, 0, 0, 0, 0, 0},
    {"T2 dW", 128, 128, 64, 1, 0, 0, 0, 0},
    {"T2 dx", 64, 128, 128, 0, 1, 0, 0, 0},
    {"T2 forward, half columns", 64, 64, 128, 0, 0, 0, 128, 128},
    {"T2 dW, half columns", 128, 64, 64, 1, 0, 0, 128, 128},
    {"T2 dx, half columns", 64, 64, 128, 0, 1, 0, 0, 128},
    {"T2 forward, half rows", 32, 128, 128, 0, 0, 0, 0, 0},
    {"T2 dx, half rows", 32, 128, 128, 0, 1, 0, 0, 0},
    {"T2 dW, half rows", 64, 128, 64, 1, 0, 128, 0, 0},
    {"T5 forward, half rows", 32, 128, 64, 0, 0, 0, 0, 0},
    {"T5 dW, half rows", 32, 128, 64, 1, 0, 64, 0, 0},
    {"T5 dx, half rows", 32, 64, 128, 0, 1, 0, 0, 0},
    {"T4 forward, half columns", 128, 128, 256, 0, 0, 0, 256, 256},
    {"T4 dW, half columns", 256, 128, 128, 1, 0, 0, 256, 256},
    {"T4 dx, half columns", 128, 128, 256, 0, 1, 0, 0, 256},
    {"T4 forward, half rows", 64, 256, 256, 0, 0, 0, 0, 0},
    {"T4 dx, half rows", 64, 256, 256, 0, 1, 0, 0, 0},
    {"T3 forward 784, half columns", 256, 1024, 784, 0, 0, 0, 2048, 2048},
    {"T3 forward 2048, half columns", 256, 1024, 2048, 0, 0, 0, 2048, 2048},
    {"T3 dW 784, half columns", 784, 1024, 256, 1, 0, 0, 2048, 2048},
    {"T3 dW 2048, half columns", 2048, 1024, 256, 1, 0, 0, 2048, 2048},
    {"T3 dx 2048, half columns", 256, 1024, 2048, 0, 1, 0, 0, 2048},
    {"T3 forward 10, half rows", 128, 10, 2048, 0, 0, 0, 0, 0},
    {"T3 dW 10, half rows", 1024, 10, 256, 1, 0, 2048, 0, 0},
    {"T3 dx 10, half rows", 128, 2048, 10, 0, 1, 0, 0, 0},
    {"row 784>2048", 1, 2048, 784, 0, 0, 0, 0, 0},
    {"row 2048>2048", 1, 2048, 2048, 0, 0, 0, 0, 0},
    {"row 2048>2048, half columns", 1, 1024, 2048, 0, 0, 0, 2048, 0},
    {"row 2048>2048, transposed", 1, 2048, 2048, 0, 1, 0, 0, 0},
    {"4 rows 2048>2048", 4, 2048, 2048, 0, 0, 0, 0, 0},
    {"8 rows 2048>2048", 8, 2048, 2048, 0, 0, 0, 0, 0},
    {"6 rows 2048>2048", 6, 2048, 2048, 0, 0, 0, 0, 0},
    {"12 rows 2048>2048", 12, 2048, 2048, 0, 0, 0, 0, 0},
    {"16 rows 2048>2048", 16, 2048, 2048, 0, 0, 0, 0, 0},
    {"24 rows 2048>2048", 24, 2048, 2048, 0, 0, 0, 0, 0},
    {"32 rows 2048>2048", 32, 2048, 2048, 0, 0, 0, 0, 0},
    {"32 rows 256>256", 32, 256, 256, 0, 0, 0, 0, 0},
    {"32 rows 512>512", 32, 512, 512, 0, 0, 0, 0, 0},
    {"64 rows 512>512", 64, 512, 512, 0, 0, 0, 0, 0},
    {"64 rows 2048>2048", 64, 2048, 2048, 0, 0, 0, 0, 0},
    {"128 rows 2048>2048", 128, 2048, 2048, 0, 0, 0, 0, 0},
    {"16 rows 512>512", 16, 512, 512, 0, 0, 0, 0, 0},
    {"8 rows 512>512", 8, 512, 512, 0, 0, 0, 0, 0},
    {"8 rows 256>256", 8, 256, 256, 0, 0, 0, 0, 0},
    {"8 rows 128>128", 8, 128, 128, 0, 0, 0, 0, 0},
    {"8 rows 64>32", 8, 32, 64, 0, 0, 0, 0, 0},
    {"4 rows 64>32", 4, 32, 64, 0, 0, 0, 0, 0},
    {"row 128>128", 1, 128, 128, 0, 0, 0, 0, 0},
    {"2 rows 128>128", 2, 128, 128, 0, 0, 0, 0, 0},
    {"4 rows 128>128", 4, 128, 128, 0, 0, 0, 0, 0},
    {"row 50>512", 1, 512, 50, 0, 0, 0, 0, 0},
    {"2 rows 50>512", 2, 512, 50, 0, 0, 0, 0, 0},
    {"3 rows 50>512", 3, 512, 50, 0, 0, 0, 0, 0},
    {"row 64>64", 1, 64, 64, 0, 0, 0, 0, 0},
    {"2 rows 64>64", 2, 64, 64, 0, 0, 0, 0, 0},
    {"one output, 64 rows of 64", 64, 1, 64, 0, 0, 0, 0, 0},
    {"one output, dW", 64, 1, 64, 1, 0, 0, 0, 0},
    {"row 32>10", 1, 10, 32, 0, 0, 0, 0, 0},
    {"row 64>32", 1, 32, 64, 0, 0, 0, 0, 0},
};

// The least time of one call in ns, over repeats that together take about so many ms.
static double least(const fk_gemm_args *g, bool dnnl, void *scratch, double ms) {
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    int inner = flops < 4e6 ? (int)(4e6 / (flops + 1e4)) + 1 : 1;
    double best = 1e30, begin = now();
    for (int round = 0; round < 5 || now() - begin < ms * 1e6; round++) {
        double t = now();
        for (int i = 0; i < inner; i++) {
            if (!dnnl) {
                fk_gemm(g, scratch);
            } else {
#ifdef WITH_DNNL
                dnnl_sgemm(g->ta ? 'T' : 'N', g->tb ? 'T' : 'N', g->m, g->n, g->k, 1, g->a, g->lda, g->b, g->ldb, 0, g->c,
                           g->ldc);
#endif
            }
        }
        t = (now() - t) / inner;
        if (t < best) { best = t; }
    }
    return best;
}

static void speed(const char *filter, int first) {
    printf("%-32s", "GFLOP/s");
    for (int isa = first; isa < 3; isa++) { printf("%9s", isa_name[isa]); }
    printf("%9s%11s\n", "oneDNN", "best ns");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const shape *h = &shapes[s];
        if (!strstr(h->name, filter)) { continue; }
        fk_gemm_args g = {.m = h->m, .n = h->n, .k = h->k, .ta = h->ta, .tb = h->tb};
        g.lda = h->lda ? h->lda : h->ta ? h->m : h->k;
        g.ldb = h->ldb ? h->ldb : h->tb ? h->k : h->n;
        g.ldc = h->ldc ? h->ldc : h->n;
        float *a = floats((size_t)((g.ta ? g.k : g.m) * g.lda)), *b = floats((size_t)((g.tb ? g.n : g.k) * g.ldb));
        float *c = floats((size_t)(g.m * g.ldc));
        g.a = a, g.b = b, g.c = c;
        double flops = 2.0 * (double)g.m * (double)g.n * (double)g.k, ns = 0;
        printf("%-32s", h->name);
        for (int isa = first; isa < 3; isa++) {
            if (!fk_force_isa(isa)) { continue; }
            void *scratch = aligned_alloc(4096, (fk_gemm_scratch(&g) + 4095) & ~(size_t)4095);
            ns = least(&g, false, scratch, 60);
            printf("%9.1f", flops / ns);
            free(scratch);
        }
#ifdef WITH_DNNL
        printf("%9.1f", flops / least(&g, true, NULL, 60));
#endif
        printf("%11.0f\n", ns);
        fflush(stdout);
        free(a), free(b), free(c);
    }
}

#ifdef WITH_DNNL
// Where oneDNN is clearly faster, over many sizes.
static void sweep(void) {
    static const int64_t sizes[] = {1, 3, 8, 10, 20, 32, 50, 64, 100, 128, 200, 256, 512};
    const int count = sizeof sizes / sizeof *sizes;
    float *a = floats(512 * 512), *b = floats(512 * 512), *c = floats(512 * 512);
    double sum = 0;
    int products = 0;
    for (int s = 0; s < count * count * count * 3; s++) {
        fk_gemm_args g = {.a = a, .b = b, .c = c};
        g.m = sizes[s / 3 % count], g.n = sizes[s / 3 / count % count], g.k = sizes[s / 3 / count / count];
        g.ta = s % 3 == 1, g.tb = s % 3 == 2;
        g.lda = g.ta ? g.m : g.k, g.ldb = g.tb ? g.k : g.n, g.ldc = g.n;
        void *scratch = aligned_alloc(4096, (fk_gemm_scratch(&g) + 4095) & ~(size_t)4095);
        double flops = 2.0 * (double)(g.m * g.n * g.k), ours = least(&g, false, scratch, 0.3);
        double theirs = least(&g, true, NULL, 0.3);
        sum += log(theirs / ours), products++;
        if (theirs < 0.85 * ours) {
            printf("m %4ld n %4ld k %4ld %s: %6.1f GFLOP/s, oneDNN %6.1f\n", (long)g.m, (long)g.n, (long)g.k,
                   g.ta ? "ta" : g.tb ? "tb" : "  ", flops / ours, flops / theirs);
        }
        free(scratch);
    }
    printf("geometric mean of the speed against oneDNN over %d products: %.2f\n", products, exp(sum / products));
}
#endif

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "check") == 0) { return check(argc > 2 ? atoi(argv[2]) : 4000); }
#ifdef WITH_DNNL
    if (argc > 1 && strcmp(argv[1], "sweep") == 0) {
        sweep();
        return 0;
    }
#endif
    bool brief = argc > 1 && strcmp(argv[1], "brief") == 0;
    speed(argc > 1 + brief ? argv[1 + brief] : "", brief ? 2 : 0);
    return 0;
}
