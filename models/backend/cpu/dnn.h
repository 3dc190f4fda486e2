// One oneDNN primitive as a step. oneDNN runs in the calling thread alone: kt_dnn_enter() sets the number of OpenMP
// threads of the calling thread to one, so that libgomp starts none and fork stays safe.
#pragma once

#include "models/backend/cpu/build.h"

void kt_dnn_enter(void);
// Limits oneDNN to an instruction set; the first call in a process decides for all.
void kt_dnn_limit_isa(const char *name);

enum { KT_DNN_ARGS = 6 };
typedef struct kt_dnn_arg {
    int           id;      // DNNL_ARG_*
    int           place;   // of the step; -1: `memory`
    dnnl_memory_t memory;  // constant, owned
} kt_dnn_arg_t;

typedef struct kt_dnn_op {
    dnnl_primitive_t   primitive;
    int                n_args;
    kt_dnn_arg_t       args[KT_DNN_ARGS];
    dnnl_memory_desc_t descs[KT_DNN_ARGS];
} kt_dnn_op_t;

// Takes over `desc` and destroys it. The places of the step are set by the caller: 0 result, 1 input, ...
typedef struct kt_dnn_operand {
    int                       id;
    int                       place;     // >= 0
    const float              *constant;  // place < 0: in the layout of `plain`, packed as the primitive prefers
    const dnnl_memory_desc_t *plain;
} kt_dnn_operand_t;

// The first implementation of the operation; KT_EOPERATOR: only a slow one. Attributes: user scratchpad and these
// post-operations (may be NULL).
KT_MUST_USE kt_err_t kt_dnn_choose(kt_builder_t *b, const_dnnl_op_desc_t desc, const_dnnl_post_ops_t post,
                                   dnnl_primitive_desc_t *out);
// Appends the step. Destroys pd in any case. The step's scratch place is added here.
KT_MUST_USE kt_err_t kt_dnn_step(kt_builder_t *b, dnnl_primitive_desc_t pd, const kt_dnn_operand_t *operands,
                                 int n_operands, kt_cpu_step_t *step);
// Appends the post-operation of a chain's item. false: oneDNN has none.
bool kt_dnn_post(dnnl_post_ops_t post, const kt_ew_op_t *op);
