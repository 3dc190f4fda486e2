// An instruction set by name, or "base" where this processor lacks it.
#pragma once

#include "kernels/isa.h"

static inline const kt_isa_t *
isa_named(const char *name)
{
    const kt_isa_t *isa = kt_isa(name);
    return isa ? isa : kt_isa("base");
}
