// kt_cuda_program -- a graph on a device for one set of sizes: its plans and kernels in order. Weights, the memory of a
// run and the stream are shared (context.h). Executors for different N share one program, by the graph and the other
// sizes: it computes micro-batches of a fixed number of items, the last one filled up with zeros, so that an item's
// bytes do not depend on the other items. Any thread; one run at a time.
#pragma once

#include "models/backend/backend.h"

typedef struct kt_cuda_program kt_cuda_program_t;

// Items of a micro-batch, fewer if a run would need more than KT_CUDA_ARENA_MAX of device memory or the graph allows
// fewer.
enum { KT_CUDA_BATCH = 8 };
#define KT_CUDA_ARENA_MAX ((size_t)4 << 30)

// The program of these sizes (sizes[0] is not read), prepared if there is none. The graph must outlive it. KT_EDEVICE:
// no library, device or cuDNN, or one of them failed; KT_ENOMEM: of the host or the device; KT_EINVAL, KT_EMODEL.
KT_MUST_USE kt_err_t kt_cuda_program_hold(kt_cuda_program_t **out, const kt_graph_t *graph,
                                          const int64_t sizes[KT_FREE_DIMS], const kt_exec_opts_t *opts,
                                          char why[KT_KTM_WHY]);
void                 kt_cuda_program_release(kt_cuda_program_t **self_p);
size_t               kt_cuda_program_bytes(const kt_cuda_program_t *self);  // that it needs on the device
// `items` items. KT_EDEVICE (logged with CUDA's or cuDNN's error by its name), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cuda_program_run(kt_cuda_program_t *self, int64_t items, const float *const *inputs,
                                         float *const *outputs);
