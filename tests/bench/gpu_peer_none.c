// gpu_peer where the toolkit's libraries are not built in: there is no peer.
#include "tests/bench/gpu_peer.h"

kt_err_t
gpu_peer_new(gpu_peer_t **self_p, const gpu_peer_opts_t *opts)
{
    (void)opts;
    *self_p = NULL;
    return KT_ENOTFOUND;
}

void
gpu_peer_destroy(gpu_peer_t **self_p)
{
    *self_p = NULL;
}

kt_err_t
gpu_peer_run(gpu_peer_t *self, const gpu_peer_product_t *product, cudaStream_t stream)
{
    (void)self;
    (void)product;
    (void)stream;
    return KT_ENOTFOUND;
}
