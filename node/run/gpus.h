// Which device a process computes rows on: the GPUs that the settings allow and this host has, or the processor.
// Logged once: GPU-OPEN for each, or GPU-NONE with the reason.
#pragma once

#include "common/settings.h"
#include "kernels/gpu/gpus.h"

// *out stays NULL where there is none to use, with the reason in why. KT_ENOTFOUND then; KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_gpus_of(const kt_settings_t *settings, kt_gpus_t **out, char why[KT_GPU_WHY]);

// The same for callers that continue without: logs the reason.
kt_gpus_t *kt_gpus_or_none(const kt_settings_t *settings);

// "cuda: NVIDIA H200 x2" or "cpu-avx512", into out[64]; returns out.
const char *kt_device_text(const kt_settings_t *settings, const kt_gpus_t *gpus, char out[64]);
