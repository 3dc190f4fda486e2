#include "tests/unit/kernels/gpu/gpu_double.h"

#include "kernels/audio/plan.h"
#include "kernels/gpu/private.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

gpu_double_t gpu_double = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef struct lane {
    float       *in;
    char        *out;
    kt_pitches_t peaks[KT_GPU_PARTS][KT_GPU_PEAKS];
    uint32_t     rows[KT_GPU_PARTS];  // first row of each part
} lane_t;

struct kt_gpu_context {
    kt_gpu_context_opts_t opts;
    kt_device_t          *cpu;
    lane_t                lanes[KT_GPU_SLOTS_MAX];
};

static kt_gpu_context_t *contexts[KT_GPUS_MAX];

static kt_err_t
count(const char *devices, int *n, char why[KT_GPU_WHY])
{
    (void)devices;
    *n = gpu_double.devices;
    snprintf(why, KT_GPU_WHY, "the double has none");
    return *n > 0 ? KT_OK : KT_ENOTFOUND;
}

static kt_err_t
describe(int device, kt_gpu_about_t *out)
{
    *out = (kt_gpu_about_t){.name = "Double", .arch = "sm_00", .memory_bytes = 1 << 30};
    snprintf(out->uuid, sizeof out->uuid, "GPU-%c0000000", 'a' + device);
    return KT_OK;
}

static kt_err_t
open_context(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, char why[KT_GPU_WHY])
{
    kt_gpu_context_t *self = calloc(1, sizeof *self);
    why[0]                 = '\0';
    cr_assert(self);
    self->opts = *opts;
    cr_assert_eq(kt_device_cpu(&self->cpu), KT_OK);
    for (uint32_t i = 0; i < opts->slots; i++) {
        self->lanes[i].in  = calloc(1, opts->in_bytes);
        self->lanes[i].out = calloc(1, opts->out_bytes);
    }
    contexts[opts->device] = self;
    *self_p                = self;
    return KT_OK;
}

static void
close_context(kt_gpu_context_t **self_p)
{
    kt_gpu_context_t *self = *self_p;
    for (uint32_t i = 0; i < self->opts.slots; i++) {
        free(self->lanes[i].in);
        free(self->lanes[i].out);
        for (size_t p = 0; p < KT_GPU_PARTS; p++)
            for (int k = 0; k < KT_GPU_PEAKS; k++)
                kt_pitches_fini(&self->lanes[i].peaks[p][k]);
    }
    kt_device_destroy(&self->cpu);
    contexts[self->opts.device] = NULL;
    free(self);
    *self_p = NULL;
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.n_closed++;
    pthread_mutex_unlock(&gpu_double.lock);
}

static float *
samples(kt_gpu_context_t *self, uint32_t slot)
{
    return self->lanes[slot].in;
}

static const void *
results(const kt_gpu_context_t *self, uint32_t slot)
{
    return self->lanes[slot].out;
}

static void
compute(kt_gpu_context_t *self, lane_t *lane, const kt_gpu_batch_t *batch, const kt_plan_t *plan, uint32_t i)
{
    const kt_gpu_part_t *part = &batch->parts[i];
    kt_span_t            span = {lane->in + part->pcm, part->frames, part->real_begin, part->real_end};
    kt_rows_t            rows = {0};
    kt_gpu_layout_t      layout;
    kt_gpu_layout(plan, batch->pass, batch->wanted, batch->frames, &layout);
    cr_assert_leq(layout.bytes, self->opts.out_bytes);
    lane->rows[i] = part->row;
    if (batch->pass == KT_GPU_CHROMA) {
        float *out = (float *)(void *)lane->out + (size_t)part->row * plan->opts.n_chroma;
        cr_assert_eq(kt_device_chroma(self->cpu, plan, part->tuning, &span, 1, &out), KT_OK);
        return;
    }
    for (int r = 0; r < KT_ROWS; r++)
        if (batch->wanted & KT_GPU_WANTS(r))
            rows.row[r] = (float *)(void *)(lane->out + layout.row[r]) + part->row * kt_row_width(plan, (kt_row_t)r);
    rows.pitches        = &lane->peaks[i][KT_GPU_PITCHES];
    rows.cqt_pitches    = &lane->peaks[i][KT_GPU_CQT_PITCHES];
    rows.pitches->count = rows.cqt_pitches->count = 0;
    cr_assert_eq(kt_device_frontend(self->cpu, plan, &span, 1, &rows), KT_OK);
}

static kt_err_t
submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch)
{
    kt_plan_t *plan = NULL;
    kt_err_t   err  = KT_OK;
    pthread_mutex_lock(&gpu_double.lock);
    err               = gpu_double.lose == 1 + self->opts.device ? KT_ESTATE : gpu_double.refuse;
    gpu_double.refuse = KT_OK;
    if (!err && gpu_double.n_batches < GPU_DOUBLE_BATCHES) {
        gpu_double.batches[gpu_double.n_batches].parts  = batch->n_parts;
        gpu_double.batches[gpu_double.n_batches].frames = batch->frames;
        gpu_double.batches[gpu_double.n_batches].device = self->opts.device;
        gpu_double.n_batches++;
    }
    pthread_cond_broadcast(&gpu_double.changed);
    pthread_mutex_unlock(&gpu_double.lock);
    if (err)
        return err;
    cr_assert_leq(batch->samples * sizeof(float), self->opts.in_bytes);
    cr_assert_eq(kt_plan_new(&plan, &batch->opts), KT_OK);
    for (uint32_t i = 0; i < batch->n_parts; i++)
        compute(self, &self->lanes[slot], batch, plan, i);
    kt_plan_destroy(&plan);
    return KT_OK;
}

static kt_err_t
poll_slot(kt_gpu_context_t *self, uint32_t slot, bool *done)
{
    (void)self;
    (void)slot;
    pthread_mutex_lock(&gpu_double.lock);
    *done = !gpu_double.hold;
    pthread_mutex_unlock(&gpu_double.lock);
    return KT_OK;
}

static kt_err_t
state(kt_gpu_context_t *self, kt_gpu_state_t *out)
{
    (void)self;
    pthread_mutex_lock(&gpu_double.lock);
    *out = (kt_gpu_state_t){.percent = 40, .celsius = 50, .xid = gpu_double.xid, .memory_total_bytes = 1 << 30};
    pthread_mutex_unlock(&gpu_double.lock);
    return KT_OK;
}

static uint64_t
pool_bytes(const kt_gpu_context_t *self)
{
    return self->opts.growth ? 0 : self->opts.max_bytes;
}

static const char *
why_lost(const kt_gpu_context_t *self)
{
    (void)self;
    return "the double was told to";
}

// The part is known by its first row and the lane by its results.
static kt_err_t
peaks(const void *at, const kt_gpu_layout_t *layout, kt_gpu_peaks_t which, const kt_gpu_part_t *part,
      unsigned per_octave, kt_pitches_t *out)
{
    const lane_t *lane = NULL;
    uint32_t      i    = 0;
    (void)layout;
    (void)per_octave;
    for (size_t c = 0; c < KT_GPUS_MAX; c++)
        for (size_t s = 0; s < KT_GPU_SLOTS_MAX && contexts[c]; s++)
            if (contexts[c]->lanes[s].out == at)
                lane = &contexts[c]->lanes[s];
    cr_assert(lane);
    while (lane->rows[i] != part->row)
        i++;
    const kt_pitches_t *from = &lane->peaks[i][which];
    size_t              n    = out->count + from->count;
    out->magnitude           = realloc(out->magnitude, (n + 1) * sizeof *out->magnitude);
    out->bin                 = realloc(out->bin, n + 1);
    if (from->count) {
        memcpy(out->magnitude + out->count, from->magnitude, from->count * sizeof *out->magnitude);
        memcpy(out->bin + out->count, from->bin, from->count);
    }
    out->count = out->capacity = n;
    return KT_OK;
}

const kt_gpu_backend_t *
gpu_double_backend(int devices)
{
    static const kt_gpu_backend_t BACKEND = {.abi        = KT_GPU_ABI,
                                             .name       = "double",
                                             .count      = count,
                                             .describe   = describe,
                                             .open       = open_context,
                                             .close      = close_context,
                                             .samples    = samples,
                                             .results    = results,
                                             .submit     = submit,
                                             .poll       = poll_slot,
                                             .state      = state,
                                             .pool_bytes = pool_bytes,
                                             .why        = why_lost,
                                             .peaks      = peaks};
    gpu_double.devices                    = devices;
    return &BACKEND;
}

void
gpu_double_hold(bool hold)
{
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.hold = hold;
    pthread_mutex_unlock(&gpu_double.lock);
}

void
gpu_double_await(size_t batches)
{
    struct timespec until;
    int             late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&gpu_double.lock);
    while (gpu_double.n_batches < batches && !late)
        late = pthread_cond_clockwait(&gpu_double.changed, &gpu_double.lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&gpu_double.lock);
    cr_assert_eq(late, 0, "no batch number %zu within 20 s", batches);
}
