// The plan: a flat array of instructions that a team of threads runs together, and the team.
//
// Every thread runs the same instructions in the same order on its own share of the units (rows, columns or chunks) of
// each. Kernels give an element the same bits whatever share it falls into, so results do not depend on the number of
// threads. A barrier stands only before instructions that read what another thread wrote.
#ifndef FK_PLAN_H
#define FK_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fk_conv.h"
#include "fk_gemm.h"

// ---- Elementwise regions: a short program over tiles that stay in cache -------------------------------------------

// What an element of a register belongs to, in a domain of rows × columns.
enum { FK_FULL = 0, FK_PER_ROW = 1, FK_PER_COL = 2, FK_SCALAR = 3 };

enum fk_opcode {
    // unary, in the order of Op.Unary
    FK_NEG, FK_EXP, FK_EXPM1, FK_LOG, FK_LOG1P, FK_TANH, FK_SIGMOID, FK_SOFTPLUS, FK_ERF, FK_ERFC, FK_SQRT, FK_RSQRT, FK_ABS,
    FK_SIGN, FK_FLOOR, FK_CEIL, FK_ROUND, FK_SIN, FK_COS, FK_UNIFORM,
    // binary, in the order of Op.Binary
    FK_ADD, FK_SUB, FK_MUL, FK_DIV, FK_POW, FK_MAX, FK_MIN,
    // comparisons of floats, then of integers, in the order of Op.Comparison
    FK_LT, FK_LE, FK_GT, FK_GE, FK_EQ, FK_NE,
    FK_LT_I, FK_LE_I, FK_GT_I, FK_GE_I, FK_EQ_I, FK_NE_I,
    FK_SELECT,
    FK_INT_TO_FLOAT, FK_FLOAT_TO_INT, FK_FLOAT_TO_BOOL, FK_INT_TO_BOOL, FK_COPY,
    FK_CONST,            // imm in every element
    FK_IOTA,             // (linear index / extra) % extra2 as an integer
    FK_RANDOM,           // random bits of stream extra
    // three operands, each step rounded: what two instructions would give, in one pass
    FK_MUL_ADD, FK_MUL_SUB, FK_SUB_MUL, FK_MUL_MUL,
    FK_RSUB_MUL,         // c − a·b
    FK_SAMPLE,           // in watched runs: the rows looked at go to sample number extra
    // reductions along the columns (full → per row) or the rows (full → per column)
    FK_SUM_COLS, FK_MAX_COLS, FK_MIN_COLS, FK_SUM_ROWS, FK_MAX_ROWS, FK_MIN_ROWS,
    FK_OPCODES
};

// Operations on whole tiles that follow one another and have a loop of their own, which keeps what is between them in
// registers (see Region.findPasses). An operation's result is stored where it is `kept` (fk_kept); reductions always are.
typedef enum {
    FK_PASS_NONE,
    FK_PASS_ADD_SUM,            // t = a + b; Σt
    FK_PASS_SPREAD,             // t = a − m; Σt·t
    FK_PASS_SCALE,              // (a·c)·d + e
    FK_PASS_SCALE_MAX,          // max((a·c)·d + e, f)
    FK_PASS_GRADIENT_SUMS,      // g = y > z ? d : z; h = (x − m)·s; Σg; Σg·h
    FK_PASS_ADD_GRADIENT_SUMS,  // the same with x = a + b
    FK_PASS_CENTRE,             // t = ((g − m) − h·n)·s; Σt
    FK_PASS_CENTRE_ADD,         // t = ((g − m) − h·n)·s + a; Σt
    FK_PASS_GATE,               // h = tanh a; t = σ(b); (h − x)·t + x
    FK_PASS_GATE_GRADIENT,      // g = (a − b) + c; e = g·t; (h − x)·g·(1 − t)·t; e·(1 − h·h)
    FK_PASS_RELU_GATE,          // h = max(a, f); t = σ(b); d = h − x; d·t + x
    FK_PASS_RELU_GATE_GRADIENT  // g = (a − b) + c; e = g·t; g·d·(1 − t)·t; h > f ? e : f
} fk_pass;

typedef enum {
    FK_DROPPED,
    FK_KEPT,
    FK_KEPT_WATCHED             // in watched runs, for a sample
} fk_kept;

typedef struct {
    uint16_t opcode, kind;      // kind: of the destination
    int16_t dst, a, b, c;       // registers
    uint8_t pass, pass_ops;     // of the first operation of a pass: which (fk_pass), and how many operations
    uint8_t kept;
    float imm;
    uint32_t extra, extra2;
} fk_op;

typedef struct {
    uint8_t kind;               // FK_FULL …
    uint8_t memory;             // 0: scratch; 1: read from memory; 2: written to memory
    uint8_t deferred;           // written to scratch first, stored when the tile is done
    uint8_t direct;             // full, and only used by passes: read or written where it lies, and not gathered
    uint8_t blocked;            // per column, anew for every block of rows; when written: 1 + what joins tiles (as fk_indexed.mode)
    int16_t slot;               // scratch slot among those of its kind
    float *base;
    int64_t ld;                 // elements from row to row (full)
} fk_reg;

// Some rows of a value kept for an observation: those whose number is *step mod every, one after the other at `dst`.
typedef struct {
    const float *src;           // the value, where the program of a region does not make it
    int64_t rows, width;        // of the value
    int64_t every;
    const int32_t *step;        // NULL: 0
    float *dst;
} fk_sample;

typedef struct {
    int64_t rows, cols;         // the domain
    int64_t tile_rows, tile_cols;
    int64_t block;              // rows that no tile crosses; 0: none
    int32_t op_count, reg_count;
    int32_t slots[4];           // scratch slots of each kind
    const fk_op *ops;
    const fk_reg *regs;
    const int32_t *seed, *step; // of FK_RANDOM
    const fk_sample *samples;   // of FK_SAMPLE
    const fk_sample *alike;     // one of them, where all take the same rows of the domain
} fk_region;

// ---- Other instructions --------------------------------------------------------------------------------------------

#define FK_MAX_RANK 8
typedef struct {                // dst[i·ds] = src[i·ss] over an index space; strides in elements
    int32_t rank;
    int64_t extent[FK_MAX_RANK], dst_stride[FK_MAX_RANK], src_stride[FK_MAX_RANK];
    float *dst;
    const float *src;           // NULL: fill with `value`
    float value;
} fk_ndcopy;

typedef struct {                // shared form of the indexed and scanning operations, over [outer, extent, inner]
    int64_t outer, extent, inner;   // of data (gather) or result (scatter)
    int64_t taken;                  // indices (gather, scatter) along the axis
    float *dst;
    const float *src;
    const int32_t *indices;
    int32_t mode;               // reduction: 0 sum, 1 max, 2 min; scans: 1 reverse; sort: 1 descending
    int32_t along;              // one index per element rather than per slice
} fk_indexed;

typedef struct {
    int64_t rows, classes;
    const float *logits;
    const int32_t *labels;
    const float *g;             // gradient: per row, or NULL for `scale` in every row
    float scale;
    float *out;                 // forward: per row; gradient: rows × classes
    float *loss;                // gradient: NULL, or where the loss of every row goes
} fk_xent;

// Elementwise programs with a loop of their own (see NativeProgram): constants, scalars, arrays read and written.
typedef enum { FK_MOMENTUM, FK_ADAM } fk_native_program;
typedef struct {
    int32_t program, arrays;    // arrays read
    int32_t gradient;           // of an update at the end of a product: the array read that the product makes
    float k[8];
    const float *s[2];
    const float *r[4];
    float *w[3];
} fk_native;

// Counts and sums over the rows looked at of a value, or of the difference of two.
enum { FK_SUMMARY = 8, FK_HISTOGRAM = 37 };
typedef struct {
    const float *x, *y;         // y is subtracted; NULL: nothing
    uint8_t x_packed, y_packed; // whether the array holds only the rows looked at
    int64_t rows, width;        // of the value
    int64_t every;
    const int32_t *step;        // NULL: 0
    float *summary, *histogram; // NULL where not wanted
} fk_observation;

enum fk_kind {
    FK_I_GEMM, FK_I_REGION, FK_I_NDCOPY, FK_I_GATHER, FK_I_SCATTER, FK_I_REDUCE, FK_I_CUMSUM, FK_I_ARGMAX, FK_I_ARGSORT,
    FK_I_XENT, FK_I_XENT_GRAD, FK_I_BATCH_GEMM,
    FK_I_NATIVE,
    FK_I_CONV,                  // units are images, or taps
    FK_I_SAMPLE,                // a thread's share of one value
    FK_I_OBSERVE                // units are observations
};
// How an instruction's units are cut: rows or columns of the result, anything else counted in `units`, or one thread.
enum fk_cut { FK_CUT_ROWS, FK_CUT_COLS, FK_CUT_UNITS, FK_CUT_NONE };

// An array that an instruction after a product reads or writes, and that was last used long before; a thread fetches its share.
typedef struct {
    const float *p;
    int64_t rows, columns, ld;
    uint8_t cut;                // rows or columns: what that instruction shares out
    int64_t granule;            // by multiples of it; 0: everybody reads all
    bool writes;                // what is written there follows
    int64_t most;               // of a share's rows or columns the first are enough
} fk_upcoming;
enum { FK_MOST_UPCOMING = 6 };

typedef struct {
    uint8_t kind, cut;
    uint8_t barrier;            // 1: wait for the team before this instruction; 2: in watched runs
    uint8_t arrives;            // 1: others need not wait for this instruction at the next barrier; 2: in runs nobody watches
    uint16_t owner;             // FK_CUT_NONE: of n threads the number n × owner / 1024 runs it
    uint8_t probe;              // left out of runs that nobody watches
    int64_t extent;             // rows, columns or units to share out
    int64_t granule;            // shares are multiples of it
    // Instructions that follow one another without a barrier, each by the same rows of the batch, run together on a few rows at
    // a time, so that one finds in cache what the other wrote. On the first of them: how many; on the others 0. On all of them:
    // the own rows of one turn.
    int64_t together, step;
    union {
        fk_gemm_args gemm;
        fk_region region;
        fk_ndcopy copy;
        fk_indexed indexed;
        fk_xent xent;
        fk_native native;
        fk_conv conv;
        fk_sample sample;
        const fk_observation *observations;
    } u;
    int64_t batches, stride_a, stride_b, stride_c;   // FK_I_BATCH_GEMM
    const fk_native *update;    // FK_I_GEMM: NULL, or what becomes of the product, which is then not stored
    const fk_sample *samples;   // of that product, in watched runs
    int64_t sample_count;
    const fk_upcoming *upcoming;    // FK_I_GEMM: at most FK_MOST_UPCOMING
    int64_t upcoming_count;
} fk_instr;

// ---- The team ------------------------------------------------------------------------------------------------------

typedef struct fk_team fk_team;
/// A team of `threads` including the caller; NULL when threads cannot be made.
fk_team *fk_team_create(int threads);
void fk_team_destroy(fk_team *);
/// Runs the instructions on the first `threads` members; returns when all have finished.
/// scratch: `threads` pointers to 64-byte aligned memory. watching: whether probes run.
/// nanoseconds: NULL, or per instruction, added by thread 0.
void fk_team_run(fk_team *, int threads, const fk_instr *, int64_t count, void *const *scratch, bool watching, uint64_t *nanoseconds);

/// Bytes of scratch one member of a team of `threads` may need for this instruction.
size_t fk_instr_scratch(const fk_instr *, int threads);
int64_t fk_lanes(void);
/// What one thread can do here, measured in a few milliseconds: multiply-adds in registers, and copying 4 MiB.
double fk_peak_flops(void);
double fk_peak_bytes(void);
uint64_t fk_now(void);                          // monotonic nanoseconds
int fk_processors(void);                        // processors this process may run on
#endif
