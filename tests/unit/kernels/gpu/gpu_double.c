#include "tests/unit/kernels/gpu/gpu_double.h"

#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"
#include "kernels/device_ops.h"
#include "kernels/gpu/bass.h"
#include "kernels/gpu/cents.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/private.h"
#include "kernels/gpu/rises.h"
#include "kernels/gpu/source.h"
#include "kernels/isa.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

gpu_double_t gpu_double = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef struct lane {
    char *in, *out;
} lane_t;

struct kt_gpu_context {
    kt_gpu_context_opts_t opts;
    kt_device_t          *cpu;
    lane_t                lanes[KT_GPU_SLOTS_MAX];
    char                 *host;
};

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
open_context(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, kt_gpu_buffers_t *buffers,
             char why[KT_GPU_WHY])
{
    kt_gpu_context_t *self = calloc(1, sizeof *self);
    why[0]                 = '\0';
    cr_assert(self);
    self->opts = *opts;
    cr_assert_eq(kt_device_cpu(&self->cpu, NULL), KT_OK);
    self->host = buffers->host = calloc(1, opts->host_bytes);
    for (uint32_t i = 0; i < opts->slots; i++) {
        self->lanes[i].in   = calloc(1, opts->in_bytes);
        self->lanes[i].out  = calloc(1, opts->out_bytes);
        buffers->input[i]   = self->lanes[i].in;
        buffers->results[i] = self->lanes[i].out;
    }
    *self_p = self;
    return KT_OK;
}

static void
close_context(kt_gpu_context_t **self_p)
{
    kt_gpu_context_t *self = *self_p;
    for (uint32_t i = 0; i < self->opts.slots; i++) {
        free(self->lanes[i].in);
        free(self->lanes[i].out);
    }
    kt_device_destroy(&self->cpu);
    free(self->host);
    free(self);
    *self_p = NULL;
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.n_closed++;
    pthread_mutex_unlock(&gpu_double.lock);
}

// Where a section's values of an item lie.
static void *
item_at(const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout, uint32_t section, uint32_t item)
{
    return lane->out + layout->at[section] + (size_t)item * batch->shape.section[section].item_bytes;
}

// A frequency in the middle of a bin of deviations.
static float
bin_hz(uint8_t bin, unsigned per_octave)
{
    return (float)(440 * exp2((bin * 0.01 - 0.495) / per_octave));
}

// As the kernels leave them, except that the part's first frame has them all.
static void
write_peaks(const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout, const kt_gpu_part_t *part,
            uint32_t which, unsigned per_octave, const kt_spectral_peaks_t *from)
{
    uint32_t      *used = item_at(lane, batch, layout, KT_GPU_SECTION_USED + which, 0);
    kt_gpu_peak_t *peak = item_at(lane, batch, layout, KT_GPU_SECTION_PEAK + which, 0);
    cr_assert_leq((*used + from->count) * sizeof *peak, layout->size[KT_GPU_SECTION_PEAK + which]);
    for (uint32_t i = 0; i < part->items; i++)
        *(kt_gpu_slice_t *)item_at(lane, batch, layout, KT_GPU_SECTION_SLICE + which, part->first + i) =
            (kt_gpu_slice_t){*used, i ? 0 : (uint32_t)from->count};
    for (size_t i = 0; i < from->count; i++)
        peak[(*used)++] = (kt_gpu_peak_t){from->magnitude[i], bin_hz(from->bin[i], per_octave)};
}

static void
compute_frames(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
               const kt_gpu_part_t *part)
{
    kt_gpu_frames_args_t args;
    kt_frontend_opts_t   opts;
    kt_plan_t           *plan  = NULL;
    kt_spectral_peaks_t  peaks = {0}, cqt_peaks = {0};
    kt_rows_t            rows = {0};
    memcpy(&args, part->args, sizeof args);
    memcpy(&opts, batch->config, sizeof opts);
    const kt_span_t span = {(const float *)(void *)(lane->in + part->in), part->items, args.real_begin, args.real_end};
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    if (batch->kind == KT_GPU_CHROMA) {
        float *out = item_at(lane, batch, layout, 0, part->first);
        cr_assert_eq(kt_device_chroma(self->cpu, plan, args.tuning, &span, 1, &out), KT_OK);
    } else {
        for (uint32_t r = 0; r < KT_ROWS; r++)
            rows.row[r] = batch->wanted >> r & 1 ? item_at(lane, batch, layout, r, part->first) : NULL;
        rows.peaks     = batch->wanted >> (KT_GPU_SECTION_PEAK + KT_GPU_POWER_PEAKS) & 1 ? &peaks : NULL;
        rows.cqt_peaks = batch->wanted >> (KT_GPU_SECTION_PEAK + KT_GPU_CQT_PEAKS) & 1 ? &cqt_peaks : NULL;
        cr_assert_eq(kt_device_frontend(self->cpu, plan, &span, 1, &rows), KT_OK);
        if (rows.peaks)
            write_peaks(lane, batch, layout, part, KT_GPU_POWER_PEAKS, opts.n_chroma, &peaks);
        if (rows.cqt_peaks)
            write_peaks(lane, batch, layout, part, KT_GPU_CQT_PEAKS, KT_CQT_PER_OCTAVE, &cqt_peaks);
    }
    kt_spectral_peaks_fini(&peaks);
    kt_spectral_peaks_fini(&cqt_peaks);
    kt_plan_destroy(&plan);
}

static void
compute_images(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
               const kt_gpu_part_t *part)
{
    kt_gpu_image_config_t config;
    kt_gpu_image_args_t   args;
    memcpy(&config, batch->config, sizeof config);
    memcpy(&args, part->args, sizeof args);
    const uint8_t        *before = (const uint8_t *)lane->in + part->in;
    const kt_image_span_t span   = {before + kt_image_bytes(config.width, config.height),
                                  args.has_before ? before : NULL,
                                    part->items,
                                    config.width,
                                    config.height,
                                    false};
    cr_assert_eq(kt_device_images(self->cpu, &span, item_at(lane, batch, layout, 0, part->first)), KT_OK);
}

// A stream that begins where the part's samples do, or where the stream does, on its grid of frames.
static void
compute_cqt(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
            const kt_gpu_part_t *part)
{
    kt_gpu_cqt_config_t config;
    kt_gpu_cqt_args_t   args;
    kt_plan_t          *plan = NULL;
    kt_device_job_t    *job  = NULL;
    memcpy(&config, batch->config, sizeof config);
    memcpy(&args, part->args, sizeof args);
    const kt_frontend_opts_t opts    = {config.rate_hz, 2048, config.hop, 1, 1, KT_CQT_CLASSES};
    const size_t             room    = kt_gpu_cqt_samples(config.n_fft, config.hop, 0, part->items);
    const int64_t            from    = (int64_t)args.first * config.hop - kt_gpu_cqt_reach(config.n_fft, 0);
    const size_t             outside = from < 0 ? (size_t)-from : 0, pad = from > 0 ? (size_t)from % config.hop : 0;
    const size_t             left = (size_t)((int64_t)args.samples - from), end = left < room ? left : room;
    const uint32_t           skip   = from > 0 ? args.first - (uint32_t)((size_t)from / config.hop) : args.first;
    const size_t             frames = skip + part->items;
    float *pcm = calloc(pad + end, sizeof *pcm), *chroma = calloc(frames * KT_CQT_CLASSES, sizeof *chroma);
    cr_assert(pcm && chroma);
    memcpy(pcm + pad, (const float *)(const void *)(lane->in + part->in + sizeof(kt_gpu_cqt_table_t)) + outside,
           (end - outside) * sizeof *pcm);
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    cr_assert_eq(
        kt_device_begin_chroma_cqt(self->cpu, plan, args.tuning, pcm, pad + end - outside, frames, chroma, &job),
        KT_OK);
    memcpy(item_at(lane, batch, layout, 0, part->first), chroma + (size_t)skip * KT_CQT_CLASSES,
           part->items * KT_CQT_CLASSES * sizeof *chroma);
    free(pcm);
    free(chroma);
    kt_plan_destroy(&plan);
}

static void
compute_columns(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
                const kt_gpu_part_t *part)
{
    kt_gpu_columns_config_t config;
    kt_gpu_columns_args_t   args;
    memcpy(&config, batch->config, sizeof config);
    memcpy(&args, part->args, sizeof args);
    const float *item = (const float *)(void *)(lane->in + part->in);
    for (uint32_t i = 0; i * KT_GPU_ITEM_COLUMNS < args.columns; i++) {
        const kt_columns_matrix_t matrix = {item + (size_t)i * config.frames * KT_GPU_ITEM_COLUMNS,
                                            KT_GPU_ITEM_COLUMNS};
        const kt_column_set_t     one    = {&matrix, 1, config.frames, config.quantiles};
        cr_assert_eq(kt_device_columns(self->cpu, &one, item_at(lane, batch, layout, 0, part->first + i),
                                       item_at(lane, batch, layout, 1, part->first + i)),
                     KT_OK);
    }
}

static void
compute_rises(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
              const kt_gpu_part_t *part)
{
    kt_frontend_opts_t  opts;
    kt_gpu_rises_args_t args;
    kt_plan_t          *plan = NULL;
    memcpy(&opts, batch->config, sizeof opts);
    memcpy(&args, part->args, sizeof args);
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    const float         *pcm  = (const float *)(void *)(lane->in + part->in) + KT_RISE_LAG * (size_t)opts.hop;
    const kt_rise_span_t span = {pcm, part->items, {args.floor, args.unit, args.begins}};
    cr_assert_eq(kt_device_rises(self->cpu, plan, &span, item_at(lane, batch, layout, 0, part->first)), KT_OK);
    kt_plan_destroy(&plan);
}

static void
compute_bass(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
             const kt_gpu_part_t *part)
{
    kt_gpu_bass_config_t config;
    kt_bass_t           *bass = NULL;
    memcpy(&config, batch->config, sizeof config);
    cr_assert_eq(kt_bass_new(&bass, kt_device_isa(self->cpu)->rows, config.rate_hz, config.row), KT_OK);
    const kt_bass_shape_t *shape = kt_bass_shape(bass);
    const kt_bass_span_t   span  = {(const float *)(void *)(lane->in + part->in),
                                    kt_gpu_bass_window(shape) + (size_t)(part->items - 1) * shape->row,
                                    (size_t)(shape->points + KT_BASS_STEPS) * shape->step / 2, part->items};
    kt_bass_rows(bass, &span, item_at(lane, batch, layout, 0, part->first));
    kt_bass_destroy(&bass);
}

static void
to_units(const double *from, size_t n, uint64_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] += (uint64_t)(from[i] / KT_GPU_CENTS_UNIT + 0.5);
}

// The first frame has the peaks of all.
static void
compute_cents(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
              const kt_gpu_part_t *part)
{
    kt_gpu_cents_config_t  config;
    kt_gpu_cents_counts_t *out     = item_at(lane, batch, layout, 0, 0);
    kt_cents_counter_t    *counter = NULL;
    static kt_cents_t      cents;
    memcpy(&config, batch->config, sizeof config);
    cr_assert_eq(batch->n_parts, 1);
    cr_assert_eq(kt_cents_counter_new(&counter, kt_device_isa(self->cpu)->rows, config.rate_hz), KT_OK);
    const kt_cents_shape_t *shape = kt_cents_counter_shape(counter);
    kt_cents_count(counter, (const float *)(void *)(lane->in + part->in),
                   (size_t)(part->items - 1) * shape->hop + shape->n_fft, &cents);
    to_units(cents.all, KT_CENTS, out->all);
    to_units(cents.own, KT_CENTS, out->own);
    to_units(cents.deviation, KT_CENTS_SEMITONE, out->deviation);
    uint32_t *peaks = item_at(lane, batch, layout, 1, 0);
    memset(peaks, 0, part->items * sizeof *peaks);
    peaks[0] = (uint32_t)cents.peaks;
    kt_cents_counter_destroy(&counter);
}

static void
compute_source(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch, const kt_gpu_layout_t *layout,
               const kt_gpu_part_t *part)
{
    kt_gpu_source_config_t config;
    kt_gpu_source_args_t   args;
    kt_polyphase_t        *table = NULL;
    memcpy(&config, batch->config, sizeof config);
    memcpy(&args, part->args, sizeof args);
    const kt_source_opts_t opts   = kt_gpu_source_opts(&config);
    const bool             energy = batch->wanted >> KT_GPU_SOURCE_ENERGY & 1;
    kt_source_piece_t      piece  = {
              .pcm    = lane->in + part->in,
              .format = opts.format,
              .first  = args.first,
              .frames = args.frames,
              .had    = kt_gpu_source_had(&opts, args.first),
              .has    = args.has,
              .mono   = opts.to_hz ? item_at(lane, batch, layout, KT_GPU_SOURCE_MONO, part->first) : NULL,
              .energy = energy ? item_at(lane, batch, layout, KT_GPU_SOURCE_ENERGY, part->first) : NULL,
              .peaks  = energy ? item_at(lane, batch, layout, KT_GPU_SOURCE_PEAKS, part->first) : NULL};
    cr_assert_eq(kt_source_compute(&opts, kt_device_isa(self->cpu)->loudness, &table, &piece), KT_OK);
    memcpy(item_at(lane, batch, layout, KT_GPU_SOURCE_NOT_FINITE, part->first), &piece.not_finite, sizeof(uint32_t));
    kt_polyphase_destroy(&table);
}

static void (*const COMPUTE[KT_GPU_KINDS])(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch,
                                           const kt_gpu_layout_t *layout, const kt_gpu_part_t *part) = {
    [KT_GPU_FRONTEND] = compute_frames, [KT_GPU_CHROMA] = compute_frames,   [KT_GPU_IMAGE] = compute_images,
    [KT_GPU_CQT] = compute_cqt,         [KT_GPU_COLUMNS] = compute_columns, [KT_GPU_RISES] = compute_rises,
    [KT_GPU_BASS] = compute_bass,       [KT_GPU_CENTS] = compute_cents,     [KT_GPU_SOURCE] = compute_source,
};

static void
compute(kt_gpu_context_t *self, const lane_t *lane, const kt_gpu_batch_t *batch)
{
    kt_gpu_layout_t layout;
    kt_gpu_layout(batch->shape.section, batch->wanted, batch->items, &layout);
    cr_assert_leq(layout.bytes, self->opts.out_bytes);
    for (uint32_t i = 0; i < KT_GPU_SECTIONS; i++)
        if (batch->shape.section[i].is_zeroed)
            memset(lane->out + layout.at[i], 0, layout.size[i]);
    for (uint32_t i = 0; i < batch->n_parts; i++)
        if (batch->parts[i].pinned)
            memcpy(lane->in + batch->parts[i].in, batch->parts[i].pinned,
                   kt_gpu_part_bytes(&batch->shape, batch->parts[i].items));
    for (uint32_t i = 0; i < batch->n_parts; i++)
        COMPUTE[batch->kind](self, lane, batch, &layout, &batch->parts[i]);
}

// It has room for samples by its size, and none in fact.
static kt_err_t
keep(kt_gpu_context_t *self, size_t bytes, void **memory)
{
    (void)self;
    (void)bytes;
    (void)memory;
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.n_keeps++;
    pthread_mutex_unlock(&gpu_double.lock);
    return KT_ENOMEM;
}

static kt_err_t
submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch)
{
    kt_err_t err = KT_OK;
    pthread_mutex_lock(&gpu_double.lock);
    while (gpu_double.stall)
        pthread_cond_wait(&gpu_double.changed, &gpu_double.lock);
    err               = gpu_double.lose == 1 + self->opts.device ? KT_ESTATE : gpu_double.refuse;
    gpu_double.refuse = KT_OK;
    if (!err && gpu_double.n_batches < GPU_DOUBLE_BATCHES) {
        gpu_double.batches[gpu_double.n_batches].parts  = batch->n_parts;
        gpu_double.batches[gpu_double.n_batches].kind   = batch->kind;
        gpu_double.batches[gpu_double.n_batches].frames = batch->items;
        gpu_double.batches[gpu_double.n_batches].device = self->opts.device;
        gpu_double.n_batches++;
    }
    pthread_cond_broadcast(&gpu_double.changed);
    pthread_mutex_unlock(&gpu_double.lock);
    if (err)
        return err;
    cr_assert_leq(batch->in_bytes, self->opts.in_bytes);
    compute(self, &self->lanes[slot], batch);
    return KT_OK;
}

static kt_err_t
wait_slot(kt_gpu_context_t *self, uint32_t slot, char why[KT_GPU_WHY])
{
    (void)self;
    (void)slot;
    pthread_mutex_lock(&gpu_double.lock);
    while (gpu_double.hold)
        pthread_cond_wait(&gpu_double.changed, &gpu_double.lock);
    const kt_err_t err = gpu_double.fail;
    gpu_double.fail    = KT_OK;
    pthread_mutex_unlock(&gpu_double.lock);
    snprintf(why, KT_GPU_WHY, "the batch failed as the test wants");
    return err;
}

static kt_err_t
state(kt_gpu_context_t *self, kt_gpu_state_t *out, char why[KT_GPU_WHY])
{
    (void)self;
    (void)why;
    pthread_mutex_lock(&gpu_double.lock);
    *out = (kt_gpu_state_t){.percent            = 40,
                            .celsius            = 50,
                            .xid                = gpu_double.xid,
                            .is_fatal           = gpu_double.xid == 79,
                            .memory_total_bytes = 1 << 30};
    gpu_double.looks++;
    pthread_cond_broadcast(&gpu_double.changed);
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
    return "requested by the test";
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
                                             .keep       = keep,
                                             .submit     = submit,
                                             .wait       = wait_slot,
                                             .state      = state,
                                             .pool_bytes = pool_bytes,
                                             .why        = why_lost};
    gpu_double.devices                    = devices;
    return &BACKEND;
}

void
gpu_double_hold(bool hold)
{
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.hold = hold;
    pthread_cond_broadcast(&gpu_double.changed);
    pthread_mutex_unlock(&gpu_double.lock);
}

static void
await(const size_t *value, size_t least, const char *what)
{
    struct timespec until;
    int             late = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&gpu_double.lock);
    while (*value < least && !late)
        late = pthread_cond_clockwait(&gpu_double.changed, &gpu_double.lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&gpu_double.lock);
    cr_assert_eq(late, 0, "no %s number %zu within 20 s", what, least);
}

void
gpu_double_await(size_t batches)
{
    await(&gpu_double.n_batches, batches, "batch");
}

void
gpu_double_await_looks(size_t looks)
{
    await(&gpu_double.looks, looks, "look at the state");
}
