// kt_cpu_fast -- the CPU executor's own kernels, compiled once per instruction set. Values in "rows" are dense
// [rows][channels]: a feature map with its channels last. Pure functions of their arguments; any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Elementwise operations. FULL, SCALAR and CHANNEL say what the second operand of a binary operation is.
typedef enum kt_ew_kind {
    KT_EW_RELU,
    KT_EW_CLIP,
    KT_EW_SIGMOID,
    KT_EW_TANH,
    KT_EW_SILU,
    KT_EW_GELU,
    KT_EW_HSIGMOID,
    KT_EW_HSWISH,
    KT_EW_EXP,
    KT_EW_LOG,
    KT_EW_SQRT,
    KT_EW_POW,
    KT_EW_AFFINE,
    KT_EW_ADD,
    KT_EW_SUB,
    KT_EW_MUL,
    KT_EW_DIV,
    KT_EW_SCALE,  // y = x * operand + operand2, per channel
    KT_EW_PRELU,
    KT_EW_KINDS,
} kt_ew_kind_t;

typedef enum kt_ew_operand { KT_EW_NONE, KT_EW_FULL, KT_EW_SCALAR, KT_EW_CHANNEL } kt_ew_operand_t;

typedef struct kt_ew_op {
    kt_ew_kind_t    kind;
    kt_ew_operand_t operand;
    bool            swapped;  // SUB, DIV: operand - x, operand / x
    float           a, b;     // CLIP: low, high; HSIGMOID, AFFINE: alpha, beta; POW: exponent
    const float    *p, *q;
} kt_ew_op_t;

// A convolution of one input channel whose result is reduced to its maximum over rows or columns, without a feature map
// in memory: y[o] = max over positions of relu(x * w + bias) * scale + shift. Input: rows of `pitch` values, padded.
enum { KT_FRONT_GROUP = 4 };  // taps of a row that one VNNI instruction takes
typedef struct kt_front {
    int            rows, cols;            // positions of the kernel
    int            pitch;                 // values of a row of the padded input
    int            segments, taps;        // rows and columns of the kernel
    int            outputs, blocks;       // blocks of `front_block` outputs
    bool           over_rows, relu;       // over_rows: one result per column, else per row
    const void    *w;                     // [blocks][segments][taps][block], or [..][taps / 4][block][4] in 8 bits
    const float   *bias, *scale, *shift;  // [blocks * block]; 8 bits: scale of the weights is in w_scale
    const float   *w_scale;
    const int32_t *w_sum;  // 8 bits: sum of the weights of each output
} kt_front_t;

// Puts the results of convolutions of small maps in their places of a large one: y[r][c] = x[r][c] + bias + for each
// map its row r / factor, column c / factor, at the kinds of r % factor and c % factor: 0 the first, 1 the last, 2
// between.
enum { KT_UPSAMPLED_MAPS = 4 };
typedef struct kt_upsampled {
    int          rows, columns, channels, n;
    int          factor[KT_UPSAMPLED_MAPS], kinds[KT_UPSAMPLED_MAPS];
    const float *maps[KT_UPSAMPLED_MAPS];  // [rows / factor][columns / factor][kinds][kinds][channels]
    const float *bias;                     // NULL: none
    bool         relu;
} kt_upsampled_t;

// Pooling of [rows in][channels] to [channels]; windows are given as ranges.
typedef struct kt_pool {
    int     in[3], out[3], kernel[3], stride[3], before[3];
    int64_t channels;
    bool    max, include_pad;
} kt_pool_t;

typedef struct kt_cpu_fast {
    const char *name;
    int         lanes;        // floats of a vector
    int         front_block;  // outputs of a block of weights
    int         lstm_block;   // columns of a block of weights
    // y may be x. channels: of the operand CHANNEL; n is then a multiple of it. i: index of x[0] in the whole value.
    void (*elementwise)(const kt_ew_op_t *op, float *y, const float *x, size_t n, size_t channels, size_t i);
    // x [outer][count][inner] -> y [outer][inner]
    void (*reduce_max)(float *y, const float *x, size_t outer, size_t count, size_t inner);
    void (*reduce_sum)(float *y, const float *x, size_t outer, size_t count, size_t inner, float factor);
    // rows of n values
    void (*softmax)(float *y, const float *x, size_t rows, size_t n);
    void (*l2_normalise)(float *y, const float *x, size_t rows, size_t n, float epsilon);
    void (*layer_norm)(float *y, const float *x, size_t rows, size_t n, const float *scale, const float *shift,
                       float epsilon);
    void (*pool)(const kt_pool_t *pool, float *y, const float *x);
    void (*upsampled)(const kt_upsampled_t *u, float *y, const float *x);
    // Depthwise convolution over time: y[t][c] = bias[c] + sum_k x[t + k - before][c] w[k][c] (+ plus[t][c]); x outside
    // 0..frames is zero. w is [taps][channels]; bias and plus may be NULL; y is neither x nor overlaps it.
    void (*time_conv)(float *y, const float *x, size_t frames, size_t channels, const float *w, int taps, int before,
                      const float *bias, const float *plus);
    // One LSTM layer over time. gates: [frames][4 * hidden], the input's part with bias; r:
    // [blocks][hidden][lstm_block]; state h and c [hidden] are read and written; work: 4 * hidden values, rounded up to
    // blocks of lstm_block columns.
    void (*lstm)(float *y, const float *gates, size_t frames, size_t hidden, const float *r, float *h, float *c,
                 float *work);
    void (*front)(const kt_front_t *front, const float *x, float *y);
    // x in 8 bits: value = scale * (x - zero). NULL: no VNNI in this set.
    void (*front_8bit)(const kt_front_t *front, const uint8_t *x, float scale, int zero, float *y);
    // Least and greatest of n values, and 0; values to 8 bits.
    void (*range)(const float *x, size_t n, float *low, float *high);
    void (*quantise)(uint8_t *y, const float *x, size_t n, float scale, int zero);
} kt_cpu_fast_t;

extern const kt_cpu_fast_t kt_cpu_fast_base, kt_cpu_fast_avx2, kt_cpu_fast_avx512;

// By the name of an instruction set; NULL: unknown, or this processor lacks it. NULL, "" or "auto": the best.
const kt_cpu_fast_t *kt_cpu_fast(const char *isa);
bool                 kt_cpu_has_vnni(void);  // of the set avx512
