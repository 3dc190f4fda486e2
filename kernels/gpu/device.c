// kt_device on a GPU: posts requests to its threads; the CPU computes what the GPU does not support or failed at.
#include "common/clock.h"
#include "kernels/device_ops.h"
#include "kernels/gpu/bass.h"
#include "kernels/gpu/cents.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/derived.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/private.h"
#include "kernels/gpu/rises.h"
#include "kernels/gpu/source.h"
#include "kernels/isa.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct gpu_device {
    kt_device_t         device;
    kt_gpus_t          *gpus;  // borrowed
    kt_gpu_t           *gpu;   // one of them
    kt_device_t        *cpu;
    uint64_t            computed, replaced, resampled;  // kt_device_info_t
    bool                may_leave;                      // kt_device_begin_file
    const kt_plan_t    *plan;                           // of its first request; NULL: there was none yet
    bool                on_cpu;                         // the GPU left the file to the CPU
    kt_gpu_cqt_tables_t cqt_tables;
    kt_gpu_t           *keeper;          // the GPU of `kept`
    kt_gpu_kept_t      *kept;            // samples of a segment on it; NULL: none
    kt_span_t           samples;         // the span that they are
    bool                keeps, is_kept;  // those of the next first pass are to be kept; they are there
    struct {
        kt_gpu_kept_t       *kept;     // mel rows of that pass on the same GPU; NULL: none
        const kt_plan_t     *plan;     // of them
        kt_rows_t            to;       // where the caller has them
        kt_derived_t         derived;  // and what is derived of them, if `has_all`
        kt_gpu_rows_layout_t layout;
        bool                 stay;  // peaks, valleys and what is derived too, and the caller has none of these
        bool                 is_kept, has_all;  // the rows are there; MFCC and contrast are
    } rows;
    kt_polyphase_t *table;  // of the resampler, for pieces that a GPU failed at; NULL: not yet
    struct {
        kt_gpu_t      *gpu;           // of `kept`
        kt_gpu_kept_t *kept;          // resampled mono of the stream's pieces; NULL: none
        uint64_t       skip;          // samples of it before the stream's first
        uint32_t       flying;        // pieces on their way that name it
        bool           broken, over;  // a piece failed; it is to be dropped when none is on its way
    } stream;
} gpu_device_t;

static gpu_device_t *
gpu_of(kt_device_t *device)
{
    return (gpu_device_t *)(void *)device;
}

// A request of one span. What failed is computed on the CPU (`compute`).
struct kt_device_job {
    gpu_device_t   *self;  // of a piece, and of derived rows
    kt_gpu_t       *gpu;
    kt_gpu_ticket_t ticket;
    kt_err_t (*compute)(kt_device_t *cpu, kt_device_job_t *job);
    kt_gpu_frames_t    frames;  // its plan also of constant-Q
    kt_span_t          span;
    kt_rows_t          rows;
    size_t             had, had_cqt;  // peaks before
    kt_gpu_cqt_t       cqt;
    kt_gpu_rises_t     rises;
    kt_rise_span_t     rise_span;
    kt_gpu_bass_t      bass;
    kt_gpu_cents_t     cents;
    kt_source_opts_t   source_opts;
    kt_gpu_source_t    source;
    kt_gpu_derived_t   derived;
    kt_derived_t       derived_rows;
    kt_gpu_kept_t     *fills;  // the samples that this request keeps; NULL: none
    kt_err_t           err;    // of post: it is not on its way
    bool               here;   // it was not to be: the processor computes it at the end
    kt_device_done_fn *done;
    void              *context;
    kt_gpu_cqt_table_t table[];  // of constant-Q: one
};

// Peaks are appended, so those of an attempt before are removed first.
static void
peaks_back(kt_device_job_t *job)
{
    if (job->rows.peaks)
        job->rows.peaks->count = job->had;
    if (job->rows.cqt_peaks)
        job->rows.cqt_peaks->count = job->had_cqt;
}

static kt_err_t
compute_rows(kt_device_t *cpu, kt_device_job_t *job)
{
    peaks_back(job);
    return kt_device_frontend(cpu, job->frames.plan, &job->span, 1, &job->rows);
}

static kt_err_t
compute_chroma(kt_device_t *cpu, kt_device_job_t *job)
{
    return kt_device_chroma(cpu, job->frames.plan, job->frames.tuning, &job->span, 1, &job->frames.chroma);
}

static kt_err_t
compute_chroma_cqt(kt_device_t *cpu, kt_device_job_t *job)
{
    const kt_gpu_cqt_t *cqt = &job->cqt;
    return cpu->ops->chroma_cqt(cpu, job->frames.plan, cqt->tuning, cqt->pcm, cqt->n, job->ticket.request.items,
                                cqt->chroma);
}

static kt_err_t
compute_rises(kt_device_t *cpu, kt_device_job_t *job)
{
    return kt_device_rises(cpu, job->rises.plan, &job->rise_span, job->rises.out);
}

static kt_err_t
compute_bass(kt_device_t *cpu, kt_device_job_t *job)
{
    (void)cpu;
    kt_bass_rows(job->bass.bass, &job->bass.span, job->bass.out);
    return KT_OK;
}

// What pieces of the failed attempt have added is overwritten.
static kt_err_t
compute_cents(kt_device_t *cpu, kt_device_job_t *job)
{
    (void)cpu;
    kt_cents_count(job->cents.counter, job->cents.pcm, job->cents.n, job->cents.out);
    return KT_OK;
}

// A kt_gpu_done_fn.
static void
job_done(void *context, kt_err_t err)
{
    kt_device_job_t *job = context;
    (void)err;
    job->done(job->context);
}

// After the loss of a GPU the next request goes to another one, if one is left.
static void
gpu_note(gpu_device_t *self, kt_err_t err)
{
    self->replaced += err != KT_OK;
    self->computed += err == KT_OK;
    if (err == KT_ESTATE) {
        kt_gpus_detach(self->gpu);
        self->gpu = kt_gpus_attach(self->gpus);
    }
}

static kt_err_t
compute_piece(kt_device_t *cpu, kt_device_job_t *job)
{
    (void)cpu;
    return kt_source_compute(&job->source_opts, kt_device_isa(cpu)->loudness, &job->self->table, job->source.piece);
}

// The rows that the GPU alone has, to where the caller has them: computed again.
static kt_err_t
rows_return(gpu_device_t *self)
{
    static const kt_row_t STAY[] = {KT_ROW_MEL, KT_ROW_PEAK, KT_ROW_VALLEY};
    kt_rows_t             rows   = {0};
    for (size_t i = 0; i < sizeof STAY / sizeof *STAY; i++)
        rows.row[STAY[i]] = self->rows.to.row[STAY[i]];
    if (!self->rows.stay || !self->rows.is_kept)
        return KT_OK;
    self->rows.is_kept = false;
    const kt_err_t err = kt_device_frontend(self->cpu, self->rows.plan, &self->samples, 1, &rows);
    return err || !self->rows.has_all ? err : kt_derive(self->device.isa, self->rows.plan, &self->rows.derived);
}

static kt_err_t
compute_derived(kt_device_t *cpu, kt_device_job_t *job)
{
    const kt_err_t err = rows_return(job->self);
    return err ? err : kt_derive(kt_device_isa(cpu), job->derived.plan, &job->derived_rows);
}

static void
stream_drop(gpu_device_t *self)
{
    self->stream.over = self->stream.flying > 0;
    if (!self->stream.over)
        kt_gpu_drop(self->stream.gpu, &self->stream.kept);
}

// Ends what is kept; a stream's samples stay as long as pieces are on their way that bring them.
static void
forget_samples(gpu_device_t *self)
{
    self->is_kept      = false;
    self->rows.is_kept = false;
    if (self->kept && self->kept == self->stream.kept)
        self->kept = NULL;
    kt_gpu_drop(self->keeper, &self->kept);
    kt_gpu_drop(self->keeper, &self->rows.kept);
}

static void
gpu_keep_samples(kt_device_t *device, bool keep)
{
    gpu_device_t *self = gpu_of(device);
    forget_samples(self);
    self->keeps = keep;
    if (!keep)
        stream_drop(self);
}

static size_t
span_samples(const kt_plan_t *plan, const kt_span_t *span)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    return (span->frames - 1) * opts->hop + opts->n_fft;
}

// Where the GPU has these samples, if it does.
static kt_gpu_samples_t
kept_samples(const gpu_device_t *self, const float *pcm, size_t n)
{
    const size_t all   = self->is_kept && self->gpu == self->keeper ? self->kept->bytes / sizeof *pcm : 0;
    const size_t first = all && pcm >= self->samples.pcm ? (size_t)(pcm - self->samples.pcm) : all;
    return first < all && n <= all - first ? (kt_gpu_samples_t){.kept = self->kept, .first = first}
                                           : (kt_gpu_samples_t){0};
}

// Whether the span is what the pieces of the stream have brought: those are the samples that are kept, then.
static bool
stream_is_there(gpu_device_t *self, const kt_plan_t *plan, const kt_span_t *span)
{
    const kt_gpu_kept_t *kept = self->stream.kept;
    if (!kept || !kept->memory || self->stream.broken || self->stream.over || self->gpu != self->stream.gpu ||
        span->real_begin != kt_plan_opts(plan)->n_fft / 2 || span_samples(plan, span) > kept->bytes / sizeof(float))
        return false;
    self->keeper  = self->stream.gpu;
    self->kept    = self->stream.kept;
    self->is_kept = true;
    return true;
}

// Rows of a first pass whose samples are kept, as far as that is possible.
static void
keep_rows(gpu_device_t *self, const kt_plan_t *plan, const kt_span_t *span, const kt_rows_t *to)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    self->rows.plan                = plan;
    self->rows.to                  = *to;
    self->rows.has_all             = false;
    self->rows.stay =
        to->may_stay && kt_gpu_derived_fit(plan, span->frames, self->gpu->slot_in_bytes, self->gpu->slot_out_bytes);
    if (!self->kept || !to->row[KT_ROW_MEL] || opts->n_mels % KT_GPU_ITEM_COLUMNS != 0)
        return;
    kt_gpu_rows_layout(opts, span->frames, self->rows.stay, &self->rows.layout);
    self->rows.kept = kt_gpu_keep(self->gpu, self->rows.layout.bytes);
}

// Of a first pass: its samples are kept, and its rows, if that is asked for and possible.
static kt_gpu_samples_t
keep_samples(gpu_device_t *self, const kt_plan_t *plan, const kt_span_t *span, const kt_rows_t *to)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    if (!self->keeps || opts->hop > opts->n_fft)
        return kept_samples(self, span->pcm, span_samples(plan, span));
    self->keeps      = false;
    self->samples    = *span;
    const bool there = stream_is_there(self, plan, span);
    if (!there) {
        self->keeper = self->gpu;
        self->kept   = kt_gpu_keep(self->gpu, span_samples(plan, span) * sizeof(float));
    }
    keep_rows(self, plan, span, to);
    if (there)
        return kept_samples(self, span->pcm, span_samples(plan, span));
    return (kt_gpu_samples_t){.kept = self->kept, .fills = true};
}

static void
gpu_begin_file(kt_device_t *device, bool may_leave)
{
    gpu_device_t *self = gpu_of(device);
    gpu_keep_samples(device, false);
    self->may_leave = may_leave;
    self->plan      = NULL;
    self->on_cpu    = false;
}

// The first request of a file, or before it: it is decided where the file is computed.
static void
file_starts(gpu_device_t *self, const kt_plan_t *plan, size_t frames)
{
    self->plan   = plan;
    self->on_cpu = !kt_gpu_takes_file(self->gpu, frames, self->may_leave);
}

// Ends a request of a file that the GPU left to the CPU, which has computed it. frames: of the file.
static kt_err_t
cpu_ends(gpu_device_t *self, kt_err_t err, int64_t start_us, size_t frames, kt_device_job_t **job_p)
{
    kt_gpu_note_cpu(self->gpu, kt_clock_us() - start_us, frames);
    *job_p = err ? *job_p : NULL;
    return err;
}

static void
job_post(kt_device_job_t *job, const kt_gpu_kind_t *kind, const void *work, size_t items, kt_device_job_t **job_p)
{
    job->ticket = (kt_gpu_ticket_t){.request = {kind, work, items}};
    job->err    = kt_gpu_ticket_post(job->gpu, &job->ticket);
    *job_p      = job;
}

static kt_err_t
job_begin(gpu_device_t *self, const kt_gpu_kind_t *kind, const kt_gpu_frames_t *frames, kt_device_job_t **job_p)
{
    kt_device_job_t *job = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    job->gpu         = self->gpu;
    job->frames      = *frames;
    job->span        = *frames->span;
    job->frames.span = &job->span;
    if (frames->rows) {
        job->rows        = *frames->rows;
        job->frames.rows = &job->rows;
        job->had         = job->rows.peaks ? job->rows.peaks->count : 0;
        job->had_cqt     = job->rows.cqt_peaks ? job->rows.cqt_peaks->count : 0;
    }
    job->compute = frames->rows ? compute_rows : compute_chroma;
    job->fills   = frames->samples.fills ? frames->samples.kept : NULL;
    job_post(job, kind, &job->frames, job->span.frames, job_p);
    return KT_OK;
}

static kt_err_t
gpu_begin_frontend(kt_device_t *device, const kt_plan_t *plan, const kt_span_t *span, const kt_rows_t *out,
                   kt_device_job_t **job_p)
{
    gpu_device_t *self     = gpu_of(device);
    const int64_t start_us = kt_clock_us();
    if (!self->plan)
        file_starts(self, plan, span->frames);
    // The frames of a file are those of its first configuration; the rhythm's finer ones are of another.
    if (self->on_cpu)
        return cpu_ends(self, kt_device_frontend(self->cpu, plan, span, 1, out), start_us,
                        plan == self->plan ? span->frames : 0, job_p);
    const bool             keeps   = self->keeps;
    const kt_gpu_samples_t samples = keep_samples(self, plan, span, out);
    kt_gpu_kept_t *const   kept    = keeps ? self->rows.kept : NULL;
    return job_begin(self, &kt_gpu_frontend_kind,
                     &(kt_gpu_frames_t){.plan    = plan,
                                        .span    = span,
                                        .rows    = out,
                                        .samples = samples,
                                        .kept    = kept,
                                        .stays   = kept && self->rows.stay},
                     job_p);
}

static kt_err_t
gpu_begin_chroma(kt_device_t *device, const kt_plan_t *plan, double tuning, const kt_span_t *span, float *out,
                 kt_device_job_t **job_p)
{
    gpu_device_t *self     = gpu_of(device);
    const int64_t start_us = kt_clock_us();
    if (self->on_cpu)
        return cpu_ends(self, kt_device_chroma(self->cpu, plan, tuning, span, 1, &out), start_us, 0, job_p);
    return job_begin(self, &kt_gpu_chroma_kind,
                     &(kt_gpu_frames_t){.plan    = plan,
                                        .span    = span,
                                        .tuning  = tuning,
                                        .chroma  = out,
                                        .samples = kept_samples(self, span->pcm, span_samples(plan, span))},
                     job_p);
}

// A rate and hop that the kernels do not have are the CPU's (44,100 Hz, say): nothing was refused.
static kt_err_t
gpu_begin_chroma_cqt(kt_device_t *device, const kt_plan_t *plan, double tuning, const float *pcm, size_t n,
                     size_t frames, float *out, kt_device_job_t **job_p)
{
    gpu_device_t             *self     = gpu_of(device);
    const kt_frontend_opts_t *opts     = kt_plan_opts(plan);
    kt_gpu_cqt_tables_t      *tables   = &self->cqt_tables;
    const int64_t             start_us = kt_clock_us();
    if (self->on_cpu)
        return cpu_ends(self, self->cpu->ops->chroma_cqt(self->cpu, plan, tuning, pcm, n, frames, out), start_us, 0,
                        job_p);
    kt_err_t err = n > UINT32_MAX ? KT_EINVAL : kt_gpu_cqt_tables_fill(tables, opts->rate_hz, opts->hop, tuning);
    if (err == KT_EINVAL) {
        err    = self->cpu->ops->chroma_cqt(self->cpu, plan, tuning, pcm, n, frames, out);
        *job_p = err ? *job_p : NULL;
        return err;
    }
    kt_device_job_t *job = err ? NULL : calloc(1, sizeof *job + sizeof *job->table);
    if (!job)
        return KT_ENOMEM;
    job->gpu         = self->gpu;
    job->compute     = compute_chroma_cqt;
    job->frames.plan = plan;
    job->table[0]    = tables->table;
    job->cqt         = (kt_gpu_cqt_t){tables->config, tuning, job->table, pcm, n, out, kept_samples(self, pcm, n)};
    job_post(job, &kt_gpu_cqt_kind, &job->cqt, frames, job_p);
    return KT_OK;
}

// The first frame of a stream is compared with silence, so nothing before it is read.
static kt_err_t
gpu_begin_rises(kt_device_t *device, const kt_plan_t *plan, const kt_rise_span_t *span, uint16_t *out,
                kt_device_job_t **job_p)
{
    gpu_device_t   *self     = gpu_of(device);
    const int64_t   start_us = kt_clock_us();
    const size_t    before   = span->opts.begins ? 0 : KT_RISE_LAG * (size_t)kt_plan_opts(plan)->hop;
    const kt_span_t frames   = {.pcm = span->pcm, .frames = span->frames};
    if (self->on_cpu)
        return cpu_ends(self, kt_device_rises(self->cpu, plan, span, out), start_us, 0, job_p);
    kt_device_job_t *job = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    job->gpu       = self->gpu;
    job->compute   = compute_rises;
    job->rise_span = *span;
    job->rises     = (kt_gpu_rises_t){plan, &job->rise_span, out,
                                      kept_samples(self, span->pcm - before, before + span_samples(plan, &frames))};
    job->rises.samples.first += before;
    job_post(job, &kt_gpu_rises_kind, &job->rises, span->frames, job_p);
    return KT_OK;
}

// Where the rows are here, the processor derives the others when they are needed, beside what the GPU does meanwhile.
static kt_err_t
gpu_begin_derived(kt_device_t *device, const kt_plan_t *plan, const kt_derived_t *rows, kt_device_job_t **job_p)
{
    gpu_device_t *self     = gpu_of(device);
    const int64_t start_us = kt_clock_us();
    if (self->on_cpu)
        return cpu_ends(self, kt_derive(device->isa, plan, rows), start_us, 0, job_p);
    kt_device_job_t *job = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    job->self         = self;
    job->gpu          = self->gpu;
    job->compute      = compute_derived;
    job->derived_rows = *rows;
    job->derived      = (kt_gpu_derived_t){plan, &job->derived_rows, self->rows.kept};
    job->here         = !self->rows.is_kept || !self->rows.stay || rows->mel != self->rows.to.row[KT_ROW_MEL];
    job->err          = job->here || self->gpu != self->keeper ? KT_EINVAL : KT_OK;
    *job_p            = job;
    if (!job->err)
        job_post(job, &kt_gpu_derived_kind, &job->derived, rows->frames, job_p);
    return KT_OK;
}

// Of a request that is over. False: its rows were to stay, and there was no memory for them: the caller has none.
static bool
note_rows(gpu_device_t *self, const kt_device_job_t *job, kt_err_t err)
{
    const kt_gpu_kept_t *kept = job->frames.kept;
    if (kept && kept == self->rows.kept)
        self->rows.is_kept = !err && kept->memory && !kept->refused;
    if (job->compute == compute_derived && !job->here && !err) {
        self->rows.derived = job->derived_rows;
        self->rows.has_all = true;
    }
    return err || !job->frames.stays || !kept->refused;
}

// The same first pass, and its rows come back.
static kt_err_t
rows_again(kt_device_job_t *job)
{
    const kt_gpu_request_t request = job->ticket.request;
    job->frames.kept               = NULL;
    job->frames.stays              = false;
    peaks_back(job);
    return kt_gpu_run(job->gpu, &request);
}

// A file of unknown length counts as one of four minutes.
static bool
gpu_takes_pieces(kt_device_t *device, const kt_plan_t *plan, const kt_source_opts_t *opts, double seconds, bool keeps)
{
    enum { TYPICAL_S = 240, SPARE_S = 1 };
    gpu_device_t             *self = gpu_of(device);
    const kt_frontend_opts_t *to   = kt_plan_opts(plan);
    if (!kt_source_is_defined(opts) ||
        kt_gpu_source_stride(opts) * (kt_source_frame_bytes(opts) + 1) > self->gpu->slot_in_bytes ||
        (opts->channels + 1) * (uint64_t)kt_gpu_source_stride(opts) * sizeof(float) > KT_GPU_SOURCE_PLANES_MOST)
        return false;
    const size_t frames = (size_t)((seconds > 0 ? seconds : TYPICAL_S) * to->rate_hz / to->hop);
    if (self->may_leave && !kt_gpu_takes_pieces(self->gpu, frames))
        return false;
    if (!self->plan)
        file_starts(self, plan, frames);
    if (self->on_cpu || !keeps || !(seconds > 0) || opts->to_hz != to->rate_hz || to->hop > to->n_fft)
        return !self->on_cpu;
    self->stream.gpu    = self->gpu;
    self->stream.broken = false;
    self->stream.kept =
        kt_gpu_keep(self->gpu, ((size_t)((seconds + SPARE_S) * to->rate_hz) + 2 * to->n_fft) * sizeof(float));
    self->stream.skip = to->n_fft / 2;
    return true;
}

static kt_err_t
gpu_begin_piece(kt_device_t *device, const kt_source_opts_t *opts, kt_source_piece_t *piece, kt_device_job_t **job_p)
{
    gpu_device_t    *self = gpu_of(device);
    kt_device_job_t *job  = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    const bool keeps = self->stream.kept && !self->stream.over && self->gpu == self->stream.gpu;
    job->self        = self;
    job->gpu         = self->gpu;
    job->compute     = compute_piece;
    job->source_opts = *opts;
    job->source      = (kt_gpu_source_t){.opts   = &job->source_opts,
                                         .piece  = piece,
                                         .kept   = keeps ? self->stream.kept : NULL,
                                         .skip   = self->stream.skip,
                                         .pinned = kt_gpu_is_pinned(self->gpu, piece->pcm)};
    self->stream.flying += keeps;
    self->stream.broken |= !keeps;
    job_post(job, &kt_gpu_source_kind, &job->source, 1, job_p);
    return KT_OK;
}

static void *
gpu_take_pinned(kt_device_t *device, size_t bytes)
{
    return kt_gpu_take_pinned(gpu_of(device)->gpu, bytes);
}

static void
gpu_give_pinned(kt_device_t *device, void *memory)
{
    kt_gpu_t *gpu = kt_gpus_pinned(gpu_of(device)->gpus, memory);
    if (gpu)
        kt_gpu_give_pinned(gpu, memory);
}

// A piece that named the stream's samples is over.
static void
stream_note(gpu_device_t *self, const kt_device_job_t *job, kt_err_t err)
{
    if (!job->source.kept)
        return;
    self->stream.flying--;
    self->stream.broken |= err || job->source.kept->refused;
    if (self->stream.over && self->stream.flying == 0)
        stream_drop(self);
}

static kt_err_t
gpu_begin_bass(kt_device_t *device, kt_bass_t *bass, const kt_bass_span_t *span, uint16_t *out, kt_device_job_t **job_p)
{
    gpu_device_t *self     = gpu_of(device);
    const int64_t start_us = kt_clock_us();
    if (self->on_cpu || !kt_gpu_bass_has(kt_bass_shape(bass))) {
        kt_bass_rows(bass, span, out);
        if (self->on_cpu)
            kt_gpu_note_cpu(self->gpu, kt_clock_us() - start_us, 0);
        return KT_OK;
    }
    kt_device_job_t *job = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    job->gpu     = self->gpu;
    job->compute = compute_bass;
    job->bass    = (kt_gpu_bass_t){bass, *span, out, kept_samples(self, span->samples, span->n)};
    job_post(job, &kt_gpu_bass_kind, &job->bass, span->rows, job_p);
    return KT_OK;
}

static kt_err_t
gpu_begin_cents(kt_device_t *device, kt_cents_counter_t *counter, const float *samples, size_t n, kt_cents_t *out,
                kt_device_job_t **job_p)
{
    gpu_device_t           *self     = gpu_of(device);
    const kt_cents_shape_t *shape    = kt_cents_counter_shape(counter);
    const int64_t           start_us = kt_clock_us();
    if (self->on_cpu || !kt_gpu_cents_has(shape)) {
        kt_cents_count(counter, samples, n, out);
        if (self->on_cpu)
            kt_gpu_note_cpu(self->gpu, kt_clock_us() - start_us, 0);
        return KT_OK;
    }
    kt_device_job_t *job = calloc(1, sizeof *job);
    if (!job)
        return KT_ENOMEM;
    *out         = (kt_cents_t){0};
    job->gpu     = self->gpu;
    job->compute = compute_cents;
    job->cents   = (kt_gpu_cents_t){counter, samples, n, out, kept_samples(self, samples, n)};
    job_post(job, &kt_gpu_cents_kind, &job->cents, kt_cents_frames(shape, n), job_p);
    return KT_OK;
}

static kt_err_t
gpu_end(kt_device_t *device, kt_device_job_t **job_p)
{
    gpu_device_t    *self = gpu_of(device);
    kt_device_job_t *job  = *job_p;
    kt_err_t         err  = job->err ? job->err : kt_gpu_ticket_await(job->gpu, &job->ticket);
    *job_p                = NULL;
    if (!note_rows(self, job, err))
        err = rows_again(job);
    if (!job->here)
        gpu_note(self, err);
    stream_note(self, job, err);
    self->resampled += job->source_opts.to_hz > 0 && job->source_opts.to_hz != job->source_opts.rate_hz;
    if (job->fills && job->fills == self->kept)
        self->is_kept = !err && job->fills->memory && !job->fills->refused;
    if (err)
        err = job->compute(self->cpu, job);
    free(job);
    return err;
}

static void
gpu_cancel(kt_device_job_t **job_p)
{
    kt_device_job_t *job = *job_p;
    if (!job->err)
        kt_gpu_ticket_cancel(job->gpu, &job->ticket);
    if (job->self)
        stream_note(job->self, job, KT_ECANCELLED);
    free(job);
    *job_p = NULL;
}

static bool
gpu_watch(kt_device_job_t *job, kt_device_done_fn *done, void *context)
{
    job->done    = done;
    job->context = context;
    return job->err || kt_gpu_ticket_watch(job->gpu, &job->ticket, job_done, job);
}

static kt_err_t
gpu_frontend(kt_device_t *device, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    kt_device_job_t *job = NULL;
    kt_err_t         err = KT_OK;
    for (size_t i = 0; i < n && !err; i++)
        if (!(err = gpu_begin_frontend(device, plan, &spans[i], &out[i], &job)))
            err = gpu_end(device, &job);
    return err;
}

static kt_err_t
gpu_chroma(kt_device_t *device, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
           float *const *out)
{
    kt_device_job_t *job = NULL;
    kt_err_t         err = KT_OK;
    for (size_t i = 0; i < n && !err; i++)
        if (!(err = gpu_begin_chroma(device, plan, tuning, &spans[i], out[i], &job)))
            err = gpu_end(device, &job);
    return err;
}

static void
gpu_images(kt_device_t *device, const kt_image_span_t *span, kt_image_stats_t *out)
{
    gpu_device_t          *self     = gpu_of(device);
    const kt_gpu_images_t  images   = {span, out};
    const kt_gpu_request_t request  = {&kt_gpu_image_kind, &images, span->n};
    const bool             is_alone = span->n == 1;
    // The caller waits for two copies, a launch and three threads: longer than a core counts one picture (40 us of
    // 160 x 90).
    const kt_err_t err = is_alone ? KT_OK : kt_gpu_run(self->gpu, &request);
    if (!is_alone)
        gpu_note(self, err);
    if (err || is_alone)
        self->cpu->ops->images(self->cpu, span, out);
}

// On the GPU, with the rows that it has.
static kt_err_t
request_columns(gpu_device_t *self, const kt_column_set_t *columns, kt_column_moments_t *moments, float *quantile)
{
    const kt_gpu_rows_layout_t *layout = &self->rows.layout;
    kt_gpu_kept_t              *kept   = self->rows.kept;
    const kt_derived_t         *more   = &self->rows.derived;
    const kt_gpu_kept_rows_t    rows[] = {
           {self->rows.to.row[KT_ROW_MEL], kept, layout->mel, kt_plan_opts(self->rows.plan)->n_mels},
           {more->mfcc, kept, layout->mfcc, layout->mfcc_floats},
           {more->contrast, kept, layout->contrast, layout->contrast_floats},
    };
    const size_t all = self->rows.has_all ? sizeof rows / sizeof *rows : 1;
    return kt_gpu_columns_run(self->gpu, columns, rows, all, moments, quantile);
}

// A column that does not fit a slot (ten minutes with a hop of 64, little ANALYZER_GPU_MAX_MEMORY) is the CPU's:
// nothing was refused.
static kt_err_t
gpu_columns(kt_device_t *device, const kt_column_set_t *columns, kt_column_moments_t *moments, float *quantile)
{
    gpu_device_t *self     = gpu_of(device);
    const int64_t start_us = kt_clock_us();
    const bool    fits     = kt_gpu_columns_in_bytes(columns->frames) <= self->gpu->slot_in_bytes;
    const bool    on_cpu   = self->on_cpu || !fits;
    const bool    kept     = self->rows.is_kept && self->gpu == self->keeper && columns->frames == self->samples.frames;
    kt_err_t      err      = on_cpu ? KT_ESTATE
                             : kept ? request_columns(self, columns, moments, quantile)
                                    : kt_gpu_columns_run(self->gpu, columns, NULL, 0, moments, quantile);
    if (!on_cpu)
        gpu_note(self, err);
    if (err && !(err = rows_return(self)))
        err = self->cpu->ops->columns(self->cpu, columns, moments, quantile);
    if (self->on_cpu)
        kt_gpu_note_cpu(self->gpu, kt_clock_us() - start_us, 0);
    return err;
}

static void
gpu_info(const kt_device_t *device, kt_device_info_t *out)
{
    const gpu_device_t *self = (const gpu_device_t *)(const void *)device;
    *out                     = (kt_device_info_t){.kind         = "cuda",
                                                  .memory_bytes = self->gpu->about.memory_bytes,
                                                  .computed     = self->computed,
                                                  .replaced     = self->replaced,
                                                  .resampled    = self->resampled};
    snprintf(out->name, sizeof out->name, "%s", self->gpu->about.name);
}

static void
gpu_destroy(kt_device_t *device)
{
    gpu_device_t *self = gpu_of(device);
    gpu_keep_samples(device, false);
    kt_gpus_detach(self->gpu);
    kt_device_destroy(&self->cpu);
    kt_gpu_cqt_tables_fini(&self->cqt_tables);
    kt_polyphase_destroy(&self->table);
    free(self);
}

static const kt_device_ops_t GPU_DEVICE = {.frontend         = gpu_frontend,
                                           .chroma           = gpu_chroma,
                                           .begin_file       = gpu_begin_file,
                                           .begin_frontend   = gpu_begin_frontend,
                                           .begin_chroma     = gpu_begin_chroma,
                                           .begin_chroma_cqt = gpu_begin_chroma_cqt,
                                           .begin_rises      = gpu_begin_rises,
                                           .begin_bass       = gpu_begin_bass,
                                           .begin_cents      = gpu_begin_cents,
                                           .begin_derived    = gpu_begin_derived,
                                           .takes_pieces     = gpu_takes_pieces,
                                           .begin_piece      = gpu_begin_piece,
                                           .take_pinned      = gpu_take_pinned,
                                           .give_pinned      = gpu_give_pinned,
                                           .keep_samples     = gpu_keep_samples,
                                           .end              = gpu_end,
                                           .cancel           = gpu_cancel,
                                           .watch            = gpu_watch,
                                           .columns          = gpu_columns,
                                           .images           = gpu_images,
                                           .info             = gpu_info,
                                           .destroy          = gpu_destroy};

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
    self->device.ops       = &GPU_DEVICE;
    self->device.isa       = kt_device_isa(self->cpu);
    self->gpus             = gpus;
    self->gpu              = kt_gpus_attach(gpus);
    self->device.resamples = self->gpu->opts.resamples;
    *self_p                = &self->device;
    return KT_OK;
}
