#include "node/run/gpus.h"

#include "common/log.h"

#include <stdio.h>

// PIECES: that a worker fills and has on their way, on average.
enum { MIB = 1 << 20, PIECES = 3 };

kt_err_t
kt_gpus_of(const kt_settings_t *settings, kt_gpus_t **out, char why[KT_GPU_WHY])
{
    kt_gpu_opts_t opts   = KT_GPU_DEFAULTS;
    opts.devices         = settings->gpu_devices;
    opts.max_bytes       = (uint64_t)settings->gpu_max_memory_mb * MIB;
    opts.growth          = settings->gpu_memory_growth;
    opts.resamples       = settings->gpu_resample;
    const size_t workers = settings->workers > 0 ? (size_t)settings->workers : kt_settings_auto_workers();
    opts.pinned          = PIECES * (uint32_t)workers;
    if (settings->gpu_enabled)
        return kt_gpus_open(out, &opts, why);
    snprintf(why, KT_GPU_WHY, "ANALYZER_GPU_ENABLED is false");
    return KT_ENOTFOUND;
}

kt_gpus_t *
kt_gpus_or_none(const kt_settings_t *settings)
{
    kt_gpus_t *gpus = NULL;
    char       why[KT_GPU_WHY], device[64], quoted[2 * KT_GPU_WHY];
    kt_err_t   err = kt_gpus_of(settings, &gpus, why);
    if (err)
        kt_log_info("GPU-NONE", "device=%s why=\"%s\"", kt_device_text(settings, NULL, device),
                    kt_log_quote(quoted, sizeof quoted, *why ? why : kt_err_text(err)));
    return gpus;
}

const char *
kt_device_text(const kt_settings_t *settings, const kt_gpus_t *gpus, char out[64])
{
    const kt_device_opts_t opts   = {settings->isa};
    kt_device_t           *device = NULL;
    kt_device_info_t       info   = {.kind = "cpu"};
    if (gpus && kt_gpus_usable(gpus))
        return kt_gpus_name(gpus, out, 64);
    if (kt_device_cpu(&device, &opts) == KT_OK)
        kt_device_info(device, &info);
    kt_device_destroy(&device);
    snprintf(out, 64, "%s", info.kind);
    return out;
}
