// Inside of models/backend/ref: one function per operator.
#pragma once

#include "models/backend/ref/ref.h"

typedef struct kt_ref_call {
    kt_op_t              op;
    const kt_op_attrs_t *attrs;
    int                  n_in;
    const float *const  *in;
    float *const        *out;
    const kt_shape_of_t *in_shape[KT_NODE_INPUTS], *out_shape[KT_NODE_OUTPUTS];
} kt_ref_call_t;

// A tensor around one axis: [outer][size][inner].
typedef struct kt_ref_axis {
    int64_t outer, size, inner;
} kt_ref_axis_t;
kt_ref_axis_t kt_ref_axis(const kt_shape_of_t *shape, int axis);

// Spatial dimensions as three, of which the first are 1 where there are fewer; values is [s].
typedef struct kt_ref_space {
    int64_t n[3];
} kt_ref_space_t;
kt_ref_space_t kt_ref_space(const int64_t *values, int spatial, int64_t missing);

void kt_ref_strides(const kt_shape_of_t *shape, int64_t strides[KT_GRAPH_RANK]);  // dense
// Offset of element `index` of the first `rank` dimensions.
int64_t kt_ref_offset(int64_t index, int rank, const int64_t *dims, const int64_t *strides);

void kt_ref_conv(const kt_ref_call_t *call);
void kt_ref_deconv(const kt_ref_call_t *call);
void kt_ref_dense(const kt_ref_call_t *call);
void kt_ref_matmul(const kt_ref_call_t *call);
void kt_ref_lstm(const kt_ref_call_t *call);
void kt_ref_channel(const kt_ref_call_t *call);
void kt_ref_unary(const kt_ref_call_t *call);
void kt_ref_pair(const kt_ref_call_t *call);
void kt_ref_concat(const kt_ref_call_t *call);
void kt_ref_reshape(const kt_ref_call_t *call);
void kt_ref_transpose(const kt_ref_call_t *call);
void kt_ref_slice(const kt_ref_call_t *call);
void kt_ref_pad(const kt_ref_call_t *call);
void kt_ref_resize(const kt_ref_call_t *call);
void kt_ref_pool(const kt_ref_call_t *call);
void kt_ref_reduce(const kt_ref_call_t *call);
void kt_ref_softmax(const kt_ref_call_t *call);
void kt_ref_l2_normalise(const kt_ref_call_t *call);
void kt_ref_layer_norm(const kt_ref_call_t *call);
void kt_ref_noisy_or(const kt_ref_call_t *call);
void kt_ref_max_of(const kt_ref_call_t *call);
void kt_ref_band(const kt_ref_call_t *call);
void kt_ref_histogram(const kt_ref_call_t *call);
