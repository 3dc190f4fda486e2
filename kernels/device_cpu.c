// kt_device on the CPU: runs inline on the calling thread, with the kernels of one instruction set.
#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"
#include "kernels/device_ops.h"
#include "kernels/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Scratch for the largest plan so far, and the chroma bank and constant-Q transform of the last call. No state of a
// stream.
typedef struct cpu_device {
    kt_device_t        device;
    void              *scratch;
    size_t             scratch_bytes;
    float             *bank;
    kt_frontend_opts_t bank_opts;
    double             bank_tuning;
    kt_cqt_t          *cqt;
    uint32_t           cqt_rate_hz, cqt_hop;
} cpu_device_t;

static cpu_device_t *
cpu_of(kt_device_t *device)
{
    return (cpu_device_t *)(void *)device;
}

static void
cpu_destroy(kt_device_t *device)
{
    cpu_device_t *self = cpu_of(device);
    free(self->scratch);
    free(self->bank);
    kt_cqt_destroy(&self->cqt);
    free(self);
}

static kt_err_t
scratch_reserve(cpu_device_t *self, const kt_plan_t *plan)
{
    const size_t bytes = (self->device.isa->rows->scratch_bytes(plan) + 63) / 64 * 64;
    if (bytes <= self->scratch_bytes)
        return KT_OK;
    void *scratch = aligned_alloc(64, bytes);
    if (!scratch)
        return KT_ENOMEM;
    free(self->scratch);
    self->scratch       = scratch;
    self->scratch_bytes = bytes;
    return KT_OK;
}

static kt_err_t
cpu_frontend(kt_device_t *device, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    cpu_device_t  *self = cpu_of(device);
    const kt_err_t err  = scratch_reserve(self, plan);
    return err ? err : self->device.isa->rows->frontend(plan, self->scratch, spans, n, out);
}

static kt_err_t
cpu_chroma(kt_device_t *device, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
           float *const *out)
{
    cpu_device_t  *self = cpu_of(device);
    const kt_err_t err  = scratch_reserve(self, plan);
    if (err)
        return err;

    // The bank depends on the options and the tuning only, and a file is cut into many spans: the last one is kept.
    if (!self->bank || self->bank_tuning != tuning || memcmp(&self->bank_opts, &plan->opts, sizeof plan->opts) != 0) {
        float *bank = calloc((size_t)plan->bins * plan->opts.n_chroma, sizeof *bank);
        if (!bank)
            return KT_ENOMEM;
        kt_chroma_bank(plan, tuning, bank);
        free(self->bank);
        self->bank        = bank;
        self->bank_opts   = plan->opts;
        self->bank_tuning = tuning;
    }
    self->device.isa->rows->chroma(plan, self->bank, self->scratch, spans, n, out);
    return KT_OK;
}

static kt_err_t
cpu_chroma_cqt(kt_device_t *device, const kt_plan_t *plan, double tuning, const float *pcm, size_t n, size_t frames,
               float *out)
{
    cpu_device_t *self = cpu_of(device);
    if (!self->cqt || self->cqt_rate_hz != plan->opts.rate_hz || self->cqt_hop != plan->opts.hop) {
        kt_cqt_destroy(&self->cqt);
        const kt_err_t err = kt_cqt_new(&self->cqt, self->device.isa->rows, plan->opts.rate_hz, plan->opts.hop);
        if (err)
            return err;
        self->cqt_rate_hz = plan->opts.rate_hz;
        self->cqt_hop     = plan->opts.hop;
    }
    return kt_cqt_chroma(self->cqt, tuning, pcm, n, frames, out);
}

static void
cpu_images(kt_device_t *device, const kt_image_span_t *span, kt_image_stats_t *out)
{
    const size_t          bytes = kt_image_bytes(span->width, span->height);
    const kt_image_ops_t *ops   = device->isa->image;
    for (size_t i = 0; i < span->n && span->light; i++)
        ops->light(span->rgb + i * bytes, span->width, span->height, &out[i]);
    for (size_t i = 0; i < span->n && !span->light; i++)
        ops->stats(span->rgb + i * bytes, i > 0 ? span->rgb + (i - 1) * bytes : span->before, span->width, span->height,
                   &out[i]);
}

static kt_err_t
cpu_columns(kt_device_t *device, const kt_column_set_t *columns, kt_column_moments_t *moments, float *quantile)
{
    (void)device;
    return kt_column_set_ref(columns, moments, quantile);
}

static void
cpu_info(const kt_device_t *device, kt_device_info_t *out)
{
    const cpu_device_t *self  = (const cpu_device_t *)(const void *)device;
    const long          pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    *out = (kt_device_info_t){.name = "CPU", .memory_bytes = pages > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0};

    FILE *file = fopen("/proc/cpuinfo", "re");
    char  line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, "model name", 10) != 0)
            continue;
        value += strspn(value, ": \t");
        snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (file)
        fclose(file);
    snprintf(out->kind, sizeof out->kind, "cpu-%s", self->device.isa->name);
}

static const kt_device_ops_t CPU_DEVICE = {.frontend   = cpu_frontend,
                                           .chroma     = cpu_chroma,
                                           .chroma_cqt = cpu_chroma_cqt,
                                           .columns    = cpu_columns,
                                           .images     = cpu_images,
                                           .info       = cpu_info,
                                           .destroy    = cpu_destroy};

kt_err_t
kt_device_cpu(kt_device_t **self_p, const kt_device_opts_t *opts)
{
    const kt_isa_t *isa = kt_isa(opts ? opts->isa : NULL);
    if (!isa)
        return KT_ESETTING;
    cpu_device_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device.ops = &CPU_DEVICE;
    self->device.isa = isa;
    *self_p          = &self->device;
    return KT_OK;
}
