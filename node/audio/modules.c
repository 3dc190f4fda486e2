#include "node/audio/modules.h"

const kt_module_t *const kt_modules[KT_MODULES] = {
    &kt_module_spectral,
};
