// All GPUs of a process: their choice and their sums.
#include "kernels/gpu/gpus.h"

#include "common/assert.h"
#include "common/log.h"
#include "kernels/gpu/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MIB = 1 << 20 };
static const char BLANKS[] = " \t\r\n,";

struct kt_gpus {
    size_t    n;
    kt_gpu_t *at[KT_GPUS_MAX];
};

// The device that a word of the setting, an index or the beginning of a UUID, names; -1: none.
static int
device_named(const kt_gpu_backend_t *backend, int n, const char *word, size_t length)
{
    kt_gpu_about_t about;
    char           number[16];
    for (int i = 0; i < n; i++) {
        if (backend->describe(i, &about) != KT_OK)
            continue;
        snprintf(number, sizeof number, "%d", i);
        if ((strlen(number) == length && strncmp(number, word, length) == 0) ||
            (!isdigit((unsigned char)*word) && strncasecmp(about.uuid, word, length) == 0))
            return i;
    }
    return -1;
}

static kt_err_t
gpus_add(kt_gpus_t *self, const kt_gpu_opts_t *opts, int device, char why[KT_GPU_WHY])
{
    if (self->n == KT_GPUS_MAX)
        return KT_OK;
    kt_err_t err = kt_gpu_open(&self->at[self->n], opts, device, why);
    if (err) {
        kt_log_warn("GPU-UNUSABLE", "device=%d err=%s why=\"%s\"", device, kt_err_name(err), why);
        return err;
    }
    const kt_gpu_about_t *about = &self->at[self->n]->about;
    kt_log_info("GPU-OPEN", "device=%d name=\"%s\" uuid=%s arch=%s memory_mb=%llu", device, about->name, about->uuid,
                about->arch, (unsigned long long)(about->memory_bytes / MIB));
    self->n++;
    return KT_OK;
}

// Opens the devices that the setting names, in its order and each once; an unknown name is an error of the setting. A
// device that cannot be opened is skipped as long as another can.
static kt_err_t
gpus_open_all(kt_gpus_t *self, const kt_gpu_opts_t *opts, int n, char why[KT_GPU_WHY])
{
    // If MIG instances are named, CUDA enumerates those alone.
    bool        all  = !opts->devices || strstr(opts->devices, "MIG-");
    const char *at   = all ? "" : opts->devices + strspn(opts->devices, BLANKS);
    uint64_t    seen = 0;
    kt_err_t    err  = KT_ENOTFOUND;
    for (int i = 0; i < n && !*at; i++)
        err = gpus_add(self, opts, i, why);
    while (*at) {
        size_t length = strcspn(at, BLANKS);
        int    device = device_named(opts->backend, n, at, length);
        if (device < 0) {
            snprintf(why, KT_GPU_WHY, "ANALYZER_GPU_DEVICES names '%.*s', which is not among the %d here",
                     (int)(length < KT_GPU_TEXT ? length : KT_GPU_TEXT), at, n);
            return KT_ENOTFOUND;
        }
        if (device < 64 && !(seen >> device & 1))
            err = gpus_add(self, opts, device, why);
        seen |= device < 64 ? 1ULL << device : 0;
        at += length;
        at += strspn(at, BLANKS);
    }
    return self->n ? KT_OK : err;
}

kt_err_t
kt_gpus_open(kt_gpus_t **self_p, const kt_gpu_opts_t *opts, char why[KT_GPU_WHY])
{
    int           n    = 0;
    kt_gpu_opts_t own  = *opts;
    kt_gpus_t    *self = calloc(1, sizeof *self);
    why[0]             = '\0';
    kt_err_t err       = !self ? KT_ENOMEM : own.backend ? KT_OK : kt_gpu_load(&own.backend, why);
    if (!err)
        err = own.backend->count(own.devices ? own.devices : "", &n, why);
    if (!err)
        err = gpus_open_all(self, &own, n, why);
    if (err) {
        (void)kt_gpus_close(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

bool
kt_gpus_close(kt_gpus_t **self_p)
{
    kt_gpus_t *self    = *self_p;
    bool       answers = true;
    if (!self)
        return true;
    for (size_t i = 0; i < self->n; i++)
        answers &= kt_gpu_close(&self->at[i]);
    free(self);
    *self_p = NULL;
    return answers;
}

kt_err_t
kt_gpus_warm_up(kt_gpus_t *self, const kt_plan_t *plan)
{
    return kt_gpu_warm_up(self->at, self->n, plan);
}

void
kt_gpus_info(const kt_gpus_t *self, kt_gpus_info_t *out)
{
    int percents = 0, n_percents = 0;
    *out = (kt_gpus_info_t){.percent = -1, .celsius = -1};
    for (size_t i = 0; i < self->n; i++) {
        kt_gpu_t             *gpu   = self->at[i];
        const kt_gpu_state_t *state = &gpu->state;
        pthread_mutex_lock(&gpu->lock);
        out->opened++;
        out->lost += gpu->lost;
        out->celsius = state->celsius > out->celsius ? state->celsius : out->celsius;
        percents += state->percent >= 0 ? state->percent : 0;
        n_percents += state->percent >= 0;
        out->memory_used_mb += state->memory_used_bytes / MIB;
        out->memory_total_mb += state->memory_total_bytes / MIB;
        out->pool_bytes += gpu->pool_bytes;
        out->batches += gpu->batches;
        out->parts += gpu->parts;
        out->frames += gpu->frames;
        out->on_cpu += gpu->on_cpu;
        out->files += gpu->files;
        out->cpu_files += gpu->cpu_files;
        out->in_bytes += gpu->in_bytes;
        out->out_bytes += gpu->out_bytes;
        pthread_mutex_unlock(&gpu->lock);
    }
    out->percent = n_percents ? percents / n_percents : -1;
}

void
kt_gpus_expire(kt_gpus_t *self)
{
    for (size_t i = 0; i < self->n; i++) {
        pthread_mutex_lock(&self->at[i]->lock);
        kt_gpu_expire(self->at[i]);
        pthread_mutex_unlock(&self->at[i]->lock);
    }
}

bool
kt_gpus_usable(const kt_gpus_t *self)
{
    kt_gpus_info_t info;
    kt_gpus_info(self, &info);
    return info.lost < info.opened;
}

const char *
kt_gpus_name(const kt_gpus_t *self, char *out, size_t size)
{
    const char *resamples = self->at[0]->opts.resamples ? ", resampling" : "";
    if (self->n > 1)
        snprintf(out, size, "cuda: %s x%zu%s", self->at[0]->about.name, self->n, resamples);
    else
        snprintf(out, size, "cuda: %s%s", self->at[0]->about.name, resamples);
    return out;
}

kt_gpu_t *
kt_gpus_pinned(kt_gpus_t *self, const void *memory)
{
    size_t i = 0;
    while (i < self->n && !kt_gpu_is_pinned(self->at[i], memory))
        i++;
    return i < self->n ? self->at[i] : NULL;
}

kt_gpu_t *
kt_gpus_attach(kt_gpus_t *self)
{
    kt_gpu_t *best = NULL;
    uint32_t  load = UINT32_MAX;
    for (size_t i = 0; i < self->n; i++) {
        kt_gpu_t *gpu = self->at[i];
        pthread_mutex_lock(&gpu->lock);
        uint32_t here = gpu->lost ? UINT32_MAX - 1 : gpu->attached;
        pthread_mutex_unlock(&gpu->lock);
        if (here < load) {
            best = gpu;
            load = here;
        }
    }
    kt_assert(best);  // kt_gpus_open fails without a GPU
    pthread_mutex_lock(&best->lock);
    best->attached++;
    pthread_mutex_unlock(&best->lock);
    return best;
}

void
kt_gpus_detach(kt_gpu_t *gpu)
{
    pthread_mutex_lock(&gpu->lock);
    gpu->attached--;
    pthread_mutex_unlock(&gpu->lock);
}
