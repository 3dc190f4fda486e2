// The calls of the executor's kernels: what each computes, with pointers to device memory. Dense float32; the
// definitions are those of models/backend/ref. Plain C on both sides. Only kt_pair_call_t may work
// in place.
#pragma once

#include "models/graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_KERNEL_SPATIAL = 3, KT_KERNEL_RANK = 8 };

// y = limit(conv(x, w) + residual + bias); transposed: a transposed convolution, whose w is [C, O / groups, kernel].
typedef struct kt_conv_call {
    const float *x, *w, *bias, *residual;  // the last two may be NULL
    float       *y;
    int64_t      count, channels, outputs, groups;
    int64_t      in[KT_KERNEL_SPATIAL], out[KT_KERNEL_SPATIAL], kernel[KT_KERNEL_SPATIAL], stride[KT_KERNEL_SPATIAL],
        before[KT_KERNEL_SPATIAL], dilation[KT_KERNEL_SPATIAL];
    bool  transposed, limited;
    float high;  // limited: to 0..high
} kt_conv_call_t;

typedef struct kt_matmul_call {
    const float *a, *b;
    float       *y;
    int64_t      count, rows, depth, columns, per_row, per_column;  // distances in b of a row and of a column
} kt_matmul_call_t;

typedef struct kt_lstm_call {
    const float *x, *w, *r, *b, *h, *c;
    float       *y, *h_out, *c_out;
    int64_t      items, steps, inputs, size;
} kt_lstm_call_t;

// KT_OP_SCALE, KT_OP_PRELU over an axis [.., size, inner].
typedef struct kt_channel_call {
    const float *x, *factor, *shift;
    float       *y;
    int64_t      count, size, inner;
    kt_op_t      op;
} kt_channel_call_t;

typedef struct kt_unary_call {
    const float *x;
    float       *y;
    int64_t      count;
    kt_op_t      op;
    float        alpha, beta, low, high, exponent;
} kt_unary_call_t;

typedef struct kt_pair_call {
    const float *a, *b;
    float       *y;
    int64_t      count;
    int          rank;
    int64_t      dims[KT_KERNEL_RANK], stride_a[KT_KERNEL_RANK], stride_b[KT_KERNEL_RANK];
    kt_op_t      op;
} kt_pair_call_t;

// Moves `count` values, of these dimensions, between two memories with strides.
typedef struct kt_copy_call {
    const float *x;
    float       *y;
    int64_t      count;
    int          rank;
    int64_t      dims[KT_KERNEL_RANK], from[KT_KERNEL_RANK], to[KT_KERNEL_RANK];
} kt_copy_call_t;

typedef struct kt_pad_call {
    const float *x;
    float       *y;
    int64_t      count, size_in, size_out, inner, before;
    bool         reflect;
} kt_pad_call_t;

typedef struct kt_band_call {
    const float *x;
    float       *y;
    int64_t      count, size, width;
} kt_band_call_t;

typedef struct kt_pool_call {
    const float *x;
    float       *y;
    int64_t      count;
    int64_t      in[KT_KERNEL_SPATIAL], out[KT_KERNEL_SPATIAL], kernel[KT_KERNEL_SPATIAL], stride[KT_KERNEL_SPATIAL],
        before[KT_KERNEL_SPATIAL], after[KT_KERNEL_SPATIAL];
    bool maximum, include_pad;
} kt_pool_call_t;

typedef struct kt_part {
    int     rank;
    int64_t count, dims[KT_KERNEL_RANK], strides[KT_KERNEL_RANK];
} kt_part_t;
typedef struct kt_reduce_call {
    const float *x;
    float       *y;
    kt_part_t    kept, reduced;
    kt_op_t      op;
} kt_reduce_call_t;

// KT_OP_SOFTMAX, KT_OP_L2NORM, KT_OP_LAYERNORM over an axis [.., size, inner]; rows: outer * inner.
typedef struct kt_rows_call {
    const float *x, *scale, *shift;  // the last two may be NULL
    float       *y;
    int64_t      rows, size, inner;
    kt_op_t      op;
    float        epsilon;
} kt_rows_call_t;

// KT_OP_NOISYOR, KT_OP_MAXOF.
typedef struct kt_tags_call {
    const float *x, *w, *floor;  // floor may be NULL
    float       *y;
    int64_t      count, outputs, depth;
    kt_op_t      op;
} kt_tags_call_t;

typedef struct kt_histogram_call {
    const float *x;
    float       *y;
    int64_t      pictures, frames, pixels;
} kt_histogram_call_t;
