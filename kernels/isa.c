#include "kernels/isa.h"

#include <stdbool.h>
#include <string.h>

#define ISA(set)                                                                                                       \
    {                                                                                                                  \
#set, &kt_cpu_ops_##set, &kt_samples_ops_##set, &kt_loudness_ops_##set, &kt_image_ops_##set,                   \
            &kt_block_ops_##set, &kt_mscn_ops_##set, &kt_rgb_ops_##set, &kt_filterbank_ops_##set                       \
    }

static const kt_isa_t BEST_FIRST[] = {
#ifdef KT_HAVE_AVX
    ISA(avx512),
    ISA(avx2),
#endif
    ISA(base),
    ISA(ref),
};

static bool
cpu_has(const char *name)
{
#ifdef KT_HAVE_AVX
    if (strcmp(name, "avx512") == 0)
        return __builtin_cpu_supports("x86-64-v4");
    if (strcmp(name, "avx2") == 0)
        return __builtin_cpu_supports("x86-64-v3");
#endif
    (void)name;
    return true;
}

const kt_isa_t *
kt_isa(const char *name)
{
    const bool any = !name || !*name || strcmp(name, "auto") == 0;
    for (size_t i = 0; i < sizeof BEST_FIRST / sizeof *BEST_FIRST; i++)
        if ((any || strcmp(name, BEST_FIRST[i].name) == 0) && cpu_has(BEST_FIRST[i].name))
            return &BEST_FIRST[i];
    return NULL;
}
