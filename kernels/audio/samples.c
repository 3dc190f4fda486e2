#include "kernels/audio/samples.h"

#include "kernels/audio/samples_private.h"
#include "kernels/ops.h"

#include <string.h>

const kt_samples_ops_t *
kt_samples_ops(const char *isa)
{
    const kt_cpu_ops_t *usable = kt_cpu_ops(isa);
    if (usable && strcmp(usable->isa, "ref") == 0)
        return &kt_samples_ops_ref;
#ifdef KT_HAVE_AVX
    if (usable && strcmp(usable->isa, "avx512") == 0)
        return &kt_samples_ops_avx512;
    if (usable && strcmp(usable->isa, "avx2") == 0)
        return &kt_samples_ops_avx2;
#endif
    return &kt_samples_ops_base;
}
