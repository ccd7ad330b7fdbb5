#ifndef FK_CONV_H
#define FK_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Convolutions and windows over images, one thread per call. An image is [depth, height, width, channels], channels last and
// innermost; a network with fewer axes has leading extents of 1.
//
//     y[o, co] = bias[co] + Σ over taps k and channels ci of x[o · stride + k · dilation − low, ci] · w[k, ci, co]
//
// where taps outside the image count as 0. Weights are [taps, cin / groups, cout]; group g has the channels
// g · cin / groups … of x and g · cout / groups … of y.
//
// Every sum is one chain of fused multiply-adds in a fixed order (taps, then channels; for weights: positions of one image
// after the other), so that its bits depend neither on tiles nor on how images are shared among threads.
typedef struct {
    int64_t in[3], out[3];              // depth, height, width of x and of y
    int64_t kernel[3], stride[3], dilation[3], low[3];
    int64_t groups, cin, cout;          // channels of x and y in all
} fk_window;

enum fk_conv_kind {
    FK_CONV_FORWARD,                    // x, w, bias → y
    FK_CONV_INPUT,                      // y's gradient in `y`, packed weights in `w` → x's gradient in `x`
    FK_CONV_WEIGHT,                     // x, y's gradient → one array like w for every block of images
    FK_CONV_PACK,                       // w → packed, in `x`: as FK_CONV_INPUT reads it
    FK_CONV_PACK_FORWARD,               // w → transformed, in `x`: as FK_CONV_FORWARD reads it
    FK_CONV_UNPACK,                     // transformed gradient in `x` → the weights' gradient in `w`
    FK_WINDOW_SUM,                      // x → y
    FK_WINDOW_SPREAD,                   // y → x: the adjoint of the sum
    FK_WINDOW_MAX,                      // x → y and, where `index` is there, the tap of the first largest element
    FK_WINDOW_ARGMAX,                   // x → index
    FK_WINDOW_GATHER,                   // x, index → y
    FK_WINDOW_SCATTER,                  // y, index → x, added up
};

typedef struct {
    fk_window window;
    int32_t kind;
    // How many outputs of an axis Winograd's transforms make at a time (see winograd.inc), or 0: of 3 × 3 taps 2 or 4, of 5 × 5 taps 2,
    // on images of two axes with stride, dilation and groups of 1, padding less than the taps and channels in multiples of 16. With n
    // = outputs + taps − 1, FK_CONV_FORWARD and FK_CONV_INPUT then read [n², cin, cout] or [n², cout, cin]. FK_CONV_WEIGHT, for
    // 3 × 3 taps and 2 alone, makes [16, cin, cout]. Bits differ from the direct sums'.
    int32_t winograd;
    // FK_CONV_FORWARD and FK_CONV_INPUT with an even number of channels to sum over in every group, not by lines, where the
    // processor has it: factors rounded to bfloat16, as in fk_gemm.h.
    int32_t bf16;
    int32_t by_lines;                   // FK_CONV_FORWARD of one depth: units are lines of outputs instead of images
    int64_t images;                     // in all
    int64_t block, blocks;              // FK_CONV_WEIGHT: images of a block, and the blocks; those without images are 0
    float *x, *w, *y;
    const float *bias;                  // NULL: 0
    int32_t *index;
} fk_conv;

// Bytes of scratch, aligned to 64, for one call.
size_t fk_conv_scratch(const fk_conv *);
// Images [lo, hi), or their lines; taps of FK_CONV_PACK; of transformed weights input channels. A block of the weights' gradient is one caller's, its images in order.
void fk_conv_run(const fk_conv *, int64_t lo, int64_t hi, void *scratch);

#endif
