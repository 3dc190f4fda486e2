#include "models/backend/cpu/fast.h"

#include "kernels/isa.h"

#include <string.h>

static const kt_cpu_fast_t *const BEST_FIRST[] = {
#ifdef KT_HAVE_AVX
    &kt_cpu_fast_avx512,
    &kt_cpu_fast_avx2,
#endif
    &kt_cpu_fast_base,
};

const kt_cpu_fast_t *
kt_cpu_fast(const char *isa)
{
    const bool any = !isa || !*isa || strcmp(isa, "auto") == 0;
    for (size_t i = 0; i < sizeof BEST_FIRST / sizeof *BEST_FIRST; i++)
        if ((any || strcmp(isa, BEST_FIRST[i]->name) == 0) && kt_isa(BEST_FIRST[i]->name))
            return BEST_FIRST[i];
    return NULL;
}

bool
kt_cpu_has_vnni(void)
{
#ifdef KT_HAVE_AVX
    return __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}
