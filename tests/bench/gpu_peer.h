// gpu_peer -- what the toolkit's libraries offer for a front end, as the peer that ops/bench gpu measures ours against:
// a kernel that frames and windows, a batched real transform by cuFFT, a kernel that squares, a dense product by cuBLAS
// (mel filters or a chroma bank), and for chroma a kernel that scales each frame. One thread, one stream at a time.
#pragma once

#include "common/err.h"

#include <cuda_runtime.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
typedef struct gpu_peer gpu_peer_t;

typedef struct gpu_peer_opts {
    uint32_t n_fft;
    size_t   at_once;    // frames of one transform
    bool     is_double;  // of framing and transform; the product is in float
} gpu_peer_opts_t;

// KT_ENOMEM, KT_EIO.
KT_MUST_USE kt_err_t gpu_peer_new(gpu_peer_t **self_p, const gpu_peer_opts_t *opts);
void                 gpu_peer_destroy(gpu_peer_t **self_p);

// Frame r begins at pcm[first[r]]; matrix is [width][n_fft/2 + 1], out [rows][width]. All on the device. `scaled`: each
// row is divided by its largest value. KT_EIO.
typedef struct gpu_peer_product {
    const float    *pcm, *matrix;
    const uint64_t *first;
    size_t          rows;
    uint32_t        width;
    bool            scaled;
    float          *out;
} gpu_peer_product_t;
KT_MUST_USE kt_err_t gpu_peer_run(gpu_peer_t *self, const gpu_peer_product_t *product, cudaStream_t stream);
#ifdef __cplusplus
}
#endif
