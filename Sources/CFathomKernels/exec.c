// One thread's share of one instruction.
#include "exec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tile.h"

static const struct {
    void (*region)(const fk_region *, int64_t, int64_t, int64_t, int64_t, float *, bool);
    void (*reduce)(const fk_indexed *, int64_t, int64_t);
    void (*xent)(const fk_xent *, bool, int64_t, int64_t);
    void (*native)(const fk_native *, int64_t, int64_t, int64_t, int64_t, const float *, int64_t);
    void (*observe)(const fk_observation *, int64_t, int64_t);
    double (*peak)(int64_t);
    int64_t lanes;
} kernels[] = {
    {fk_region_run_base, fk_reduce_run_base, fk_xent_run_base, fk_native_run_base, fk_observe_run_base, fk_peak_run_base, 4},
#if defined(__x86_64__)
    {fk_region_run_avx2, fk_reduce_run_avx2, fk_xent_run_avx2, fk_native_run_avx2, fk_observe_run_avx2, fk_peak_run_avx2, 8},
    {fk_region_run_avx512, fk_reduce_run_avx512, fk_xent_run_avx512, fk_native_run_avx512, fk_observe_run_avx512, fk_peak_run_avx512, 16},
#endif
};

double fk_peak_flops(void) {
    double best = 0;
    for (int i = 0; i < 5; i++) {
        uint64_t start = fk_now();
        double flops = kernels[fk_isa()].peak(40000);
        double rate = flops / (double)(fk_now() - start) * 1e9;
        if (rate > best) best = rate;
    }
    return best;
}

double fk_peak_bytes(void) {
    enum { N = 1 << 20 };       // floats of each of two arrays: past the second-level cache
    float *a = calloc(2 * N, sizeof *a);
    if (!a) return 0;
    double best = 0;
    for (int i = 0; i < 6; i++) {
        uint64_t start = fk_now();
        memcpy(a, a + N, N * sizeof *a);
        __asm__ volatile("" : : "r"(a) : "memory");     // somebody may look at the copy
        double rate = 2.0 * N * sizeof *a / (double)(fk_now() - start) * 1e9;
        if (i > 0 && rate > best) best = rate;
    }
    free(a);
    return best;
}

int64_t fk_lanes(void) { return kernels[fk_isa()].lanes; }

static void share_of(int64_t extent, int64_t granule, int t, int threads, int64_t *lo, int64_t *hi) {
    int64_t units = (extent + granule - 1) / granule;
    *lo = units * t / threads * granule;
    *hi = units * (t + 1) / threads * granule;
    if (*hi > extent) *hi = extent;
    if (*lo > *hi) *lo = *hi;
}

static void share(const fk_instr *x, int t, int threads, int64_t *lo, int64_t *hi) {
    share_of(x->extent, x->granule, t, threads, lo, hi);
}

// A thread's shares of what comes after a product.
static int fetches(const fk_instr *x, int t, int threads, fk_fetch *into) {
    for (int k = 0; k < x->upcoming_count; k++) {
        const fk_upcoming *u = &x->upcoming[k];
        fk_fetch *f = &into[k];
        *f = (fk_fetch){u->p, u->rows, u->columns, u->ld, u->writes};
        int64_t *extent = u->cut == FK_CUT_ROWS ? &f->rows : &f->columns, lo = 0, hi = *extent;
        if (u->granule) share_of(*extent, u->granule, t, threads, &lo, &hi);
        f->p += u->cut == FK_CUT_ROWS ? lo * u->ld : lo;
        *extent = hi - lo < u->most ? hi - lo : u->most;
    }
    return (int)x->upcoming_count;
}

static fk_gemm_args gemm_share(const fk_instr *x, int64_t lo, int64_t hi) {
    fk_gemm_args g = x->u.gemm;
    if (x->cut == FK_CUT_ROWS) {
        g.a += g.ta ? lo : lo * g.lda;
        g.c += lo * g.ldc;
        g.m = hi - lo;
    } else if (x->cut == FK_CUT_COLS) {
        g.b += g.packed ? lo * g.k : g.tb ? lo * g.ldb : lo;
        g.c += lo;
        if (g.bias) g.bias += lo;
        g.n = hi - lo;
    }
    return g;
}

static void ndcopy(const fk_ndcopy *x, int64_t lo, int64_t hi) {
    int64_t index[FK_MAX_RANK] = {0};
    int last = x->rank - 1;
    if (x->rank == 0) {
        if (lo < hi) *x->dst = x->src ? *x->src : x->value;
        return;
    }
    for (int d = 1; d < x->rank; d++) if (x->extent[d] == 0) return;
    if (lo >= hi) return;
    int64_t n = last == 0 ? hi - lo : x->extent[last], ds = x->dst_stride[last], ss = x->src_stride[last];
    float *dst = x->dst + lo * x->dst_stride[0];
    const float *src = x->src ? x->src + lo * x->src_stride[0] : NULL;
    for (;;) {
        if (!src) for (int64_t i = 0; i < n; i++) dst[i * ds] = x->value;
        else if (ds == 1 && ss == 1) memcpy(dst, src, (size_t)n * 4);
        else for (int64_t i = 0; i < n; i++) dst[i * ds] = src[i * ss];
        if (last == 0) return;
        int d = last - 1;
        for (; d >= 0; d--) {
            index[d]++;
            dst += x->dst_stride[d];
            if (src) src += x->src_stride[d];
            if (index[d] < (d == 0 ? hi - lo : x->extent[d])) break;
            dst -= index[d] * x->dst_stride[d];
            if (src) src -= index[d] * x->src_stride[d];
            index[d] = 0;
        }
        if (d < 0) return;
    }
}

// An index out of range reads as NaN, so that it shows as a non-finite value rather than as somebody else's data.
static void gather(const fk_indexed *x, int64_t lo, int64_t hi) {
    if (x->along) {
        for (int64_t o = lo; o < hi; o++)
            for (int64_t i = 0; i < x->taken; i++)
                for (int64_t j = 0; j < x->inner; j++) {
                    int64_t at = (o * x->taken + i) * x->inner + j;
                    int32_t k = x->indices[at];
                    x->dst[at] = k >= 0 && k < x->extent ? x->src[(o * x->extent + k) * x->inner + j] : NAN;
                }
        return;
    }
    for (int64_t u = lo; u < hi; u++) {
        int64_t o = u / x->taken;
        int32_t k = x->indices[u % x->taken];
        float *dst = x->dst + u * x->inner;
        if (k >= 0 && k < x->extent) memcpy(dst, x->src + (o * x->extent + k) * x->inner, (size_t)x->inner * 4);
        else for (int64_t j = 0; j < x->inner; j++) dst[j] = NAN;
    }
}

// Shares are ranges of the outer index or of the inner one, so that no two threads add to one element.
static void scatter(const fk_indexed *x, int64_t o0, int64_t o1, int64_t j0, int64_t j1) {
    for (int64_t o = o0; o < o1; o++) {
        for (int64_t k = 0; k < x->extent; k++)
            memset(x->dst + (o * x->extent + k) * x->inner + j0, 0, (size_t)(j1 - j0) * 4);
        for (int64_t i = 0; i < x->taken; i++) {
            const float *src = x->src + (o * x->taken + i) * x->inner;
            if (x->along) {
                for (int64_t j = j0; j < j1; j++) {
                    int32_t k = x->indices[(o * x->taken + i) * x->inner + j];
                    if (k >= 0 && k < x->extent) x->dst[(o * x->extent + k) * x->inner + j] += src[j];
                }
            } else {
                int32_t k = x->indices[i];
                if (k < 0 || k >= x->extent) continue;
                float *dst = x->dst + (o * x->extent + k) * x->inner;
                for (int64_t j = j0; j < j1; j++) dst[j] += src[j];
            }
        }
    }
}

static void cumsum(const fk_indexed *x, int64_t lo, int64_t hi) {
    for (int64_t o = lo; o < hi; o++)
        for (int64_t j = 0; j < x->inner; j++) {
            double total = 0;
            for (int64_t k = 0; k < x->extent; k++) {
                int64_t i = x->mode ? x->extent - 1 - k : k, at = (o * x->extent + i) * x->inner + j;
                total += x->src[at];
                x->dst[at] = (float)total;
            }
        }
}

static void argmax(const fk_indexed *x, int64_t lo, int64_t hi) {
    for (int64_t u = lo; u < hi; u++) {
        const float *p = x->src + u / x->inner * x->extent * x->inner + u % x->inner;
        int32_t best = 0;
        for (int64_t i = 1; i < x->extent; i++) {
            float v = p[i * x->inner], b = p[best * x->inner];
            if (v > b || (v != v && b == b)) best = (int32_t)i;
        }
        ((int32_t *)x->dst)[u] = best;
    }
}

static bool comes_before(float u, float v, int descending) {
    if (descending) { float w = u; u = v; v = w; }
    if (u != u || v != v) return u == u;
    return u < v;
}

static void argsort(const fk_indexed *x, int64_t lo, int64_t hi, int32_t *a) {
    int64_t n = x->extent;
    int32_t *b = a + n;
    for (int64_t u = lo; u < hi; u++) {
        int64_t o = u / x->inner, j = u % x->inner;
        const float *p = x->src + o * n * x->inner + j;
        for (int64_t i = 0; i < n; i++) a[i] = (int32_t)i;
        for (int64_t run = 1; run < n; run *= 2) {          // stable merge sort, bottom up
            for (int64_t s = 0; s < n; s += 2 * run) {
                int64_t mid = s + run < n ? s + run : n, end = s + 2 * run < n ? s + 2 * run : n, l = s, r = mid, k = s;
                while (k < end)
                    b[k++] = r >= end || (l < mid && !comes_before(p[a[r] * x->inner], p[a[l] * x->inner], x->mode)) ? a[l++] : a[r++];
            }
            int32_t *t = a; a = b; b = t;
        }
        for (int64_t i = 0; i < n; i++) ((int32_t *)x->dst)[(o * n + i) * x->inner + j] = a[i];
    }
}

int64_t fk_first_row(int64_t every, const int32_t *step) { return step ? (int64_t)((uint32_t)*step % (uint32_t)every) : 0; }

void fk_sample_range(const fk_sample *x, const float *src, int64_t flat, int64_t n) {
    int64_t w = x->width, first = fk_first_row(x->every, x->step);
    if (w == 0 || n <= 0) return;
    int64_t row = flat / w, q = row <= first ? 0 : (row - first + x->every - 1) / x->every;
    for (;; q++) {
        int64_t r = first + q * x->every, at = r * w;
        if (r >= x->rows || at >= flat + n) return;
        int64_t lo = at > flat ? at : flat, hi = at + w < flat + n ? at + w : flat + n;
        memcpy(x->dst + q * w + (lo - at), src + (lo - flat), (size_t)(hi - lo) * 4);
    }
}

void fk_sample_rows(const fk_sample *s, const float *src, int64_t ld, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    const int64_t first = fk_first_row(s->every, s->step);
    int64_t q = row <= first ? 0 : (row - first + s->every - 1) / s->every;
    for (int64_t r = first + q * s->every; r < row + rows; r += s->every, q++)
        memcpy(s->dst + q * s->width + column, src + (r - row) * ld, (size_t)columns * 4);
}

// A share of rows or columns as the instruction that made the value cut it.
static void sample(const fk_instr *x, int64_t lo, int64_t hi) {
    const fk_sample *s = &x->u.sample;
    int64_t total = s->rows * s->width;
    if (x->cut == FK_CUT_ROWS) {
        int64_t c = total / x->extent;
        fk_sample_range(s, s->src + lo * c, lo * c, (hi - lo) * c);
    } else if (x->cut == FK_CUT_COLS && x->extent == s->width) {
        fk_sample_rows(s, s->src + lo, s->width, 0, s->rows, lo, hi - lo);
    } else if (x->cut == FK_CUT_COLS) fk_sample_range(s, s->src + lo, lo, hi - lo);     // one row
    else fk_sample_range(s, s->src, 0, total);
}

// A product whose elements are a gradient that only an update reads.
typedef struct {
    const fk_native *native;
    int64_t at, ld;             // the share's first element, from row to row
    int isa;
    const fk_sample *samples;
    int64_t sample_count;
} update_share;

static void update_tile(const void *context, const float *tile, int64_t ld, int64_t i, int64_t j, int64_t rows, int64_t columns) {
    const update_share *u = context;
    for (int64_t k = 0; k < u->sample_count; k++)
        fk_sample_rows(&u->samples[k], tile, ld, u->at / u->ld + i, rows, u->at % u->ld + j, columns);
    kernels[u->isa].native(u->native, u->at + i * u->ld + j, u->ld, rows, columns, tile, ld);
}

static fk_gemm_end update_end(const update_share *u) {
    fk_gemm_end end = {.finish = update_tile, .context = u};
    for (int k = 0; k < u->native->arrays; k++)
        if (k != u->native->gradient) end.beside[end.arrays++] = u->native->r[k] + u->at;
    return end;
}

size_t fk_instr_scratch(const fk_instr *x, int threads) {
    size_t most = 0;
    switch (x->kind) {
    case FK_I_GEMM:
    case FK_I_BATCH_GEMM:
        for (int n = 1; n <= threads; n++)
            for (int t = 0; t < n; t++) {
                int64_t lo, hi;
                share(x, t, n, &lo, &hi);
                fk_gemm_args g = gemm_share(x, lo, hi);
                if (x->update) g.end = &(fk_gemm_end){0};
                size_t bytes = fk_gemm_scratch(&g);
                if (bytes > most) most = bytes;
            }
        return most;
    case FK_I_REGION: {
        const fk_region *r = &x->u.region;
        int64_t l = fk_lanes(), w = r->tile_cols < r->cols ? r->tile_cols : r->cols, h = r->tile_rows < r->rows ? r->tile_rows : r->rows;
        w = (w + l - 1) / l * l;
        return (size_t)(4 * (r->slots[FK_FULL] * h * w + r->slots[FK_PER_ROW] * ((h + l - 1) / l * l) + r->slots[FK_PER_COL] * w + r->slots[FK_SCALAR] * l));
    }
    case FK_I_CONV: return fk_conv_scratch(&x->u.conv);
    case FK_I_ARGSORT: return (size_t)x->u.indexed.extent * 8;
    default: return 0;
    }
}

static void run_share(const fk_instr *x, int64_t lo, int64_t hi, int t, int threads, void *scratch, bool watching) {
    int isa = fk_isa();
    switch (x->kind) {
    case FK_I_GEMM: {
        fk_gemm_args g = gemm_share(x, lo, hi);
        fk_fetch after[FK_MOST_UPCOMING];
        if (x->upcoming_count) g.fetches = after, g.fetch_count = fetches(x, t, threads, after);
        if (x->update) {
            update_share own = {x->update, x->cut == FK_CUT_ROWS ? lo * g.ldc : x->cut == FK_CUT_COLS ? lo : 0, g.ldc, isa,
                                x->samples, watching ? x->sample_count : 0};
            fk_gemm_end end = update_end(&own);
            g.end = &end;
            fk_gemm(&g, scratch);
        } else {
            fk_gemm(&g, scratch);
        }
        break;
    }
    case FK_I_BATCH_GEMM:
        for (int64_t i = lo; i < hi; i++) {
            fk_gemm_args g = x->u.gemm;
            g.a += i * x->stride_a, g.b += i * x->stride_b, g.c += i * x->stride_c;
            fk_gemm(&g, scratch);
        }
        break;
    case FK_I_REGION: {
        const fk_region *r = &x->u.region;
        if (x->cut == FK_CUT_COLS) kernels[isa].region(r, 0, r->rows, lo, hi, scratch, watching);
        else kernels[isa].region(r, x->cut == FK_CUT_NONE ? 0 : lo, x->cut == FK_CUT_NONE ? r->rows : hi, 0, r->cols, scratch, watching);
        break;
    }
    case FK_I_NDCOPY: ndcopy(&x->u.copy, lo, hi); break;
    case FK_I_GATHER: gather(&x->u.indexed, lo, hi); break;
    case FK_I_SCATTER:
        if (x->cut == FK_CUT_COLS) scatter(&x->u.indexed, 0, x->u.indexed.outer, lo, hi);
        else scatter(&x->u.indexed, lo, hi, 0, x->u.indexed.inner);
        break;
    case FK_I_REDUCE: kernels[isa].reduce(&x->u.indexed, lo, hi); break;
    case FK_I_CUMSUM: cumsum(&x->u.indexed, lo, hi); break;
    case FK_I_ARGMAX: argmax(&x->u.indexed, lo, hi); break;
    case FK_I_ARGSORT: argsort(&x->u.indexed, lo, hi, scratch); break;
    case FK_I_XENT: kernels[isa].xent(&x->u.xent, false, lo, hi); break;
    case FK_I_XENT_GRAD: kernels[isa].xent(&x->u.xent, true, lo, hi); break;
    case FK_I_CONV: fk_conv_run(&x->u.conv, lo, hi, scratch); break;
    case FK_I_NATIVE: kernels[isa].native(&x->u.native, lo, 0, 1, hi - lo, NULL, 0); break;
    case FK_I_SAMPLE: sample(x, lo, hi); break;
    case FK_I_OBSERVE: kernels[isa].observe(x->u.observations, lo, hi); break;
    default: break;
    }
}

void fk_instr_run(const fk_instr *x, int t, int threads, void *scratch, bool watching) {
    int64_t lo = 0, hi = x->extent;
    if (x->cut == FK_CUT_NONE) {
        if (t != x->owner * threads / 1024) return;
    } else {
        share(x, t, threads, &lo, &hi);
        if (lo >= hi) return;
    }
    run_share(x, lo, hi, t, threads, scratch, watching);
}

void fk_instrs_run_together(const fk_instr *first, int t, int threads, void *scratch, bool watching) {
    bool more = true;
    for (int64_t turn = 0; more; turn++) {
        more = false;
        for (const fk_instr *x = first; x < first + first->together; x++) {
            if (x->probe && !watching) continue;
            int64_t lo, hi;
            share(x, t, threads, &lo, &hi);
            lo += turn * x->step;
            if (lo >= hi) continue;
            bool last = hi - lo <= x->step;
            run_share(x, lo, last ? hi : lo + x->step, t, threads, scratch, watching);
            more |= !last;
        }
    }
}
