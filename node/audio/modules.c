#include "node/audio/modules.h"

const kt_module_t *const kt_modules[KT_MODULES] = {
    &kt_module_spectral, &kt_module_loudness, &kt_module_models,     &kt_module_rhythm,
    &kt_module_key,      &kt_module_quality,  &kt_module_perceptual, &kt_module_similarity,
};
