// kt_device on a GPU: posts requests to its threads; the CPU computes what the GPU does not support or failed at.
#include "kernels/device_ops.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/private.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct gpu_device {
    kt_device_t  device;
    kt_gpus_t   *gpus;  // borrowed
    kt_gpu_t    *gpu;   // one of them
    kt_device_t *cpu;
    uint64_t     replaced;  // kt_device_info_t
} gpu_device_t;

static gpu_device_t *
gpu_of(kt_device_t *device)
{
    return (gpu_device_t *)(void *)device;
}

// After the loss of a GPU the next request goes to another one, if one is left.
static kt_err_t
gpu_run_or_move(gpu_device_t *self, const kt_gpu_kind_t *kind, const void *work, size_t items)
{
    const kt_gpu_request_t request = {kind, work, items};
    const kt_err_t         err     = kt_gpu_run(self->gpu, &request);
    self->replaced += err != KT_OK;
    if (err == KT_ESTATE) {
        kt_gpus_detach(self->gpu);
        self->gpu = kt_gpus_attach(self->gpus);
    }
    return err;
}

static kt_err_t
gpu_frontend(kt_device_t *device, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    gpu_device_t *self = gpu_of(device);
    kt_err_t      err  = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        kt_spectral_peaks_t  *peaks = out[i].peaks, *cqt_peaks = out[i].cqt_peaks;
        const size_t          had = peaks ? peaks->count : 0, had_cqt = cqt_peaks ? cqt_peaks->count : 0;
        const kt_gpu_frames_t frames = {.plan = plan, .span = &spans[i], .rows = &out[i]};
        if (gpu_run_or_move(self, &kt_gpu_frontend_kind, &frames, spans[i].frames) == KT_OK)
            continue;
        // Peaks are appended: those of the failed attempt are removed first.
        if (peaks)
            peaks->count = had;
        if (cqt_peaks)
            cqt_peaks->count = had_cqt;
        err = kt_device_frontend(self->cpu, plan, &spans[i], 1, &out[i]);
    }
    return err;
}

static kt_err_t
gpu_chroma(kt_device_t *device, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
           float *const *out)
{
    gpu_device_t *self = gpu_of(device);
    kt_err_t      err  = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        const kt_gpu_frames_t frames = {.plan = plan, .span = &spans[i], .tuning = tuning, .chroma = out[i]};
        if (gpu_run_or_move(self, &kt_gpu_chroma_kind, &frames, spans[i].frames))
            err = kt_device_chroma(self->cpu, plan, tuning, &spans[i], 1, &out[i]);
    }
    return err;
}

static kt_err_t
gpu_chroma_cqt(kt_device_t *device, const kt_plan_t *plan, double tuning, const float *pcm, size_t n, size_t frames,
               float *out)
{
    return kt_device_chroma_cqt(gpu_of(device)->cpu, plan, tuning, pcm, n, frames, out);
}

static void
gpu_images(kt_device_t *device, const kt_image_span_t *span, kt_image_stats_t *out)
{
    gpu_device_t         *self   = gpu_of(device);
    const kt_gpu_images_t images = {span, out};
    // The caller waits for two copies, a launch and three threads: longer than a core counts one picture (40 us of
    // 160 x 90).
    if (span->n == 1 || gpu_run_or_move(self, &kt_gpu_image_kind, &images, span->n))
        self->cpu->ops->images(self->cpu, span, out);
}

static void
gpu_info(const kt_device_t *device, kt_device_info_t *out)
{
    const gpu_device_t *self = (const gpu_device_t *)(const void *)device;
    *out =
        (kt_device_info_t){.kind = "cuda", .memory_bytes = self->gpu->about.memory_bytes, .replaced = self->replaced};
    snprintf(out->name, sizeof out->name, "%s", self->gpu->about.name);
}

static void
gpu_destroy(kt_device_t *device)
{
    gpu_device_t *self = gpu_of(device);
    kt_gpus_detach(self->gpu);
    kt_device_destroy(&self->cpu);
    free(self);
}

static const kt_device_ops_t GPU_DEVICE = {gpu_frontend, gpu_chroma, gpu_chroma_cqt, gpu_images, gpu_info, gpu_destroy};

kt_err_t
kt_device_gpu(kt_device_t **self_p, kt_gpus_t *gpus, const kt_device_opts_t *opts)
{
    gpu_device_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    kt_err_t err = kt_device_cpu(&self->cpu, opts);
    if (err) {
        free(self);
        return err;
    }
    self->device.ops = &GPU_DEVICE;
    self->device.isa = kt_device_isa(self->cpu);
    self->gpus       = gpus;
    self->gpu        = kt_gpus_attach(gpus);
    *self_p          = &self->device;
    return KT_OK;
}
