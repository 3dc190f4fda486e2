#include "node/audio/segment.h"

#include "common/assert.h"
#include "common/clock.h"
#include "kernels/audio/cqt.h"

#include <stdlib.h>
#include <string.h>

// Positions are counted in the padded stream, which begins with n_fft / 2 zeros: frame t covers [t * hop, t * hop +
// n_fft). pcm[0] of segment k is sample k * max_frames * hop, so frame i of the segment begins at pcm[i * hop].
//
// The onset envelope compares a frame with the one before, 1 + n_fft / (2 hop) frames ago (librosa's shift). So every
// matrix has `margin` rows before its first frame, and from the second segment on the mel rows there are the last ones
// of the segment before (`lead` of them). They take part in the segment's top_db floor. Likewise pcm has `before`
// samples before pcm[0].
struct kt_segment {
    const kt_plan_t   *plan;
    kt_device_t       *device;
    kt_frontend_opts_t opts;
    uint32_t           reads;
    size_t             max_frames, max_samples, margin, before;

    float  *pcm;
    size_t  filled, pcm_capacity;
    int64_t origin;   // of pcm[0] in the padded stream
    int64_t end;      // where the real samples end there; INT64_MAX until known
    size_t  leading;  // frames of the segment before that are to come first

    float              *at[KT_MATRICES];
    size_t              room[KT_MATRICES];  // frames, without the margin
    size_t              frames, lead;
    kt_device_job_t    *job;      // rows that are on their way; NULL: none
    kt_device_job_t    *cqt_job;  // constant-Q chroma, likewise
    kt_device_job_t    *derived_job;
    size_t              pending;   // frames of it
    bool                closing;   // between begin_close and begin_derived
    bool                deriving;  // between begin_derived and close
    kt_spectral_peaks_t pitches, cqt_pitches;
    int64_t             spectral_us, chroma_us;
};

enum { FIRST_FRAMES = 1024 };

size_t
kt_segment_max_frames(const kt_frontend_opts_t *opts, uint32_t seconds)
{
    return 1 + (size_t)((uint64_t)seconds * opts->rate_hz / opts->hop);
}

size_t
kt_matrix_width(const kt_plan_t *plan, kt_matrix_t matrix)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    switch (matrix) {
    case KT_MATRIX_MFCC: return opts->n_mfcc;
    case KT_MATRIX_CONTRAST: return kt_row_width(plan, KT_ROW_PEAK);
    case KT_MATRIX_ONSET: return 1;
    case KT_MATRIX_CHROMA: return opts->n_chroma;
    case KT_MATRIX_CHROMA_CQT: return kt_cqt_is_defined(opts->rate_hz, opts->hop) ? KT_CQT_CLASSES : 0;
    case KT_MATRIX_TONNETZ: return kt_cqt_is_defined(opts->rate_hz, opts->hop) ? KT_TONNETZ : 0;
    case KT_MATRIX_BANDS: return kt_derived_bands(opts);
    default: return kt_row_width(plan, (kt_row_t)matrix);
    }
}

// Of the tenth of a second that kt_segment_samples promises, those that no frame needs.
static size_t
samples_before(const kt_frontend_opts_t *opts)
{
    size_t promised = opts->rate_hz / 10, needed = opts->n_fft / 2;
    return promised > needed ? promised - needed : 0;
}

kt_err_t
kt_segment_new(kt_segment_t **self_p, const kt_plan_t *plan, kt_device_t *device, uint32_t seconds, uint32_t reads)
{
    kt_segment_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->plan        = plan;
    self->device      = device;
    self->opts        = *kt_plan_opts(plan);
    self->max_frames  = kt_segment_max_frames(&self->opts, seconds);
    self->max_samples = (self->max_frames - 1) * self->opts.hop + self->opts.n_fft;
    self->margin      = 1 + self->opts.n_fft / (2 * self->opts.hop);
    self->before      = samples_before(&self->opts);
    self->end         = INT64_MAX;

    // A derived matrix needs its sources; one that does not exist at this rate is not read.
    if (reads & (KT_READS(KT_MATRIX_MFCC) | KT_READS(KT_MATRIX_ONSET) | KT_READS(KT_MATRIX_BANDS)))
        reads |= KT_READS(KT_MATRIX_MEL);
    if (reads & KT_READS(KT_MATRIX_CONTRAST))
        reads |= KT_READS(KT_MATRIX_PEAK) | KT_READS(KT_MATRIX_VALLEY);
    if (reads & KT_READS(KT_MATRIX_TONNETZ))
        reads |= KT_READS(KT_MATRIX_CHROMA_CQT);
    for (int m = 0; m < KT_MATRICES; m++)
        if (kt_matrix_width(plan, (kt_matrix_t)m) == 0)
            reads &= ~KT_READS(m);
    self->reads = reads;
    *self_p     = self;
    return KT_OK;
}

void
kt_segment_start(kt_segment_t *self, uint32_t number)
{
    size_t history = (self->before + self->opts.hop - 1) / self->opts.hop;
    size_t leading = history > self->margin ? history : self->margin;
    kt_assert(self->filled == 0 && leading <= self->max_frames);
    self->leading = number > 0 ? leading : 0;
    self->origin  = (int64_t)((number * (uint64_t)self->max_frames - self->leading) * self->opts.hop);
}

uint64_t
kt_segment_from(const kt_segment_t *self)
{
    int64_t from = self->origin - (int64_t)(self->opts.n_fft / 2);
    return from > 0 ? (uint64_t)from : 0;
}

void
kt_segment_destroy(kt_segment_t **self_p)
{
    kt_segment_t *self = *self_p;
    if (!self)
        return;
    kt_device_cancel(self->device, &self->job);
    kt_device_cancel(self->device, &self->cqt_job);
    kt_device_cancel(self->device, &self->derived_job);
    kt_device_forget_samples(self->device);
    for (int m = 0; m < KT_MATRICES; m++)
        free(self->at[m]);
    kt_spectral_peaks_fini(&self->pitches);
    kt_spectral_peaks_fini(&self->cqt_pitches);
    free(self->pcm ? self->pcm - self->before : NULL);
    free(self);
    *self_p = NULL;
}

// Twice as much as before, at least `want`, never more than a segment needs.
static size_t
grown(size_t capacity, size_t want, size_t max)
{
    size_t next = 2 * capacity > want ? 2 * capacity : want;
    return next < max ? next : max;
}

static kt_err_t
grow_pcm(kt_segment_t *self, size_t want)
{
    if (want <= self->pcm_capacity)
        return KT_OK;
    size_t least    = FIRST_FRAMES * (size_t)self->opts.hop + self->opts.n_fft;
    size_t capacity = grown(self->pcm_capacity, want > least ? want : least, self->max_samples);
    float *pcm      = realloc(self->pcm ? self->pcm - self->before : NULL, (self->before + capacity) * sizeof *pcm);
    if (!pcm)
        return KT_ENOMEM;
    if (!self->pcm)
        memset(pcm, 0, self->before * sizeof *pcm);
    self->pcm          = pcm + self->before;
    self->pcm_capacity = capacity;
    return KT_OK;
}

static kt_err_t
grow_matrix(kt_segment_t *self, int matrix, size_t frames)
{
    if (frames <= self->room[matrix])
        return KT_OK;
    size_t room = grown(self->room[matrix], frames > FIRST_FRAMES ? frames : FIRST_FRAMES, self->max_frames);
    size_t row  = kt_matrix_width(self->plan, (kt_matrix_t)matrix) * sizeof(float);
    float *at   = realloc(self->at[matrix], (self->margin + room) * row);
    if (!at)
        return KT_ENOMEM;
    self->at[matrix]   = at;
    self->room[matrix] = room;
    return KT_OK;
}

static float *
matrix_row(const kt_segment_t *self, int matrix, size_t frame)
{
    return self->at[matrix] + (self->margin + frame) * kt_matrix_width(self->plan, (kt_matrix_t)matrix);
}

// Number of frames whose samples are all there.
static size_t
frames_ready(const kt_segment_t *self)
{
    return self->filled < self->opts.n_fft ? 0 : 1 + (self->filled - self->opts.n_fft) / self->opts.hop;
}

static kt_span_t
span_of(const kt_segment_t *self, size_t first, size_t frames)
{
    kt_span_t span   = {.pcm = self->pcm + first * self->opts.hop, .frames = frames};
    int64_t   length = (int64_t)((frames - 1) * self->opts.hop + self->opts.n_fft);
    int64_t   start  = self->origin + (int64_t)(first * self->opts.hop);
    int64_t   begin  = (int64_t)(self->opts.n_fft / 2) - start;
    int64_t   end    = self->end == INT64_MAX ? length : self->end - start;
    span.real_begin  = (size_t)(begin < 0 ? 0 : begin > length ? length : begin);
    span.real_end    = (size_t)(end > length ? length : end);
    return span;
}

// Starts the first pass over the next `frames` frames. is_last: no segment follows that reads rows of this one.
static kt_err_t
begin_frames(kt_segment_t *self, size_t frames, bool is_last)
{
    int64_t   start = kt_clock_us();
    kt_rows_t rows  = {.may_stay = is_last && self->frames == 0 && self->lead == 0 && !(self->reads & KT_READS_VALUES)};
    for (int m = 0; m < KT_ROWS; m++) {
        if (!(self->reads & KT_READS(m)))
            continue;
        kt_err_t err = grow_matrix(self, m, self->frames + frames);
        if (err)
            return err;
        rows.row[m] = matrix_row(self, m, self->frames);
    }
    if (self->reads & KT_READS(KT_MATRIX_CHROMA))
        rows.peaks = &self->pitches;
    if (self->reads & KT_READS(KT_MATRIX_CHROMA_CQT))
        rows.cqt_peaks = &self->cqt_pitches;
    kt_span_t span = span_of(self, self->frames, frames);
    kt_err_t  err  = kt_device_begin_frontend(self->device, self->plan, &span, &rows, &self->job);
    self->pending  = err ? 0 : frames;
    self->spectral_us += kt_clock_us() - start;
    return err;
}

static kt_err_t
end_frames(kt_segment_t *self)
{
    int64_t  start = kt_clock_us();
    kt_err_t err   = kt_device_end(self->device, &self->job);
    self->frames += err ? 0 : self->pending;
    self->pending = 0;
    self->spectral_us += kt_clock_us() - start;
    return err;
}

static kt_err_t
run_frames(kt_segment_t *self, size_t frames)
{
    kt_err_t err = begin_frames(self, frames, false);
    return err ? err : end_frames(self);
}

static kt_err_t
run_batches(kt_segment_t *self, size_t frames)
{
    const size_t most = kt_device_gathers(self->device) ? frames : KT_BATCH_FRAMES;
    kt_err_t     err  = KT_OK;
    for (size_t some; frames > 0 && !err; frames -= some) {
        some = frames < most ? frames : most;
        err  = run_frames(self, some);
    }
    return err;
}

// Appends samples until the buffer holds `most`.
static kt_err_t
take_samples(kt_segment_t *self, const float *samples, size_t n, size_t most, size_t *taken)
{
    size_t   room = most - self->filled, count = n < room ? n : room;
    kt_err_t err = grow_pcm(self, self->filled + count);
    if (err)
        return err;
    if (count > 0)
        memcpy(self->pcm + self->filled, samples, count * sizeof *samples);
    self->filled += count;
    *taken = count;
    return KT_OK;
}

// Drops the first `frames` frames except for what the following ones need of them.
static void
hand_over(kt_segment_t *self, size_t frames)
{
    if (self->reads & KT_READS(KT_MATRIX_MEL)) {
        self->lead = self->margin;
        memmove(self->at[KT_MATRIX_MEL], matrix_row(self, KT_MATRIX_MEL, frames - self->margin),
                self->margin * self->opts.n_mels * sizeof(float));
    }
    kt_device_forget_samples(self->device);
    size_t step = frames * self->opts.hop;
    size_t keep = self->filled - step;
    memmove(self->pcm - self->before, self->pcm + step - self->before, (self->before + keep) * sizeof *self->pcm);
    self->filled = keep;
    self->origin += (int64_t)step;
    self->frames            = 0;
    self->pitches.count     = 0;
    self->cqt_pitches.count = 0;
}

kt_err_t
kt_segment_feed(kt_segment_t *self, const float *samples, size_t n, size_t *taken)
{
    size_t   led = 0, rest = 0;
    kt_err_t err = KT_OK;

    // The last frames of the segment before: only the rows and samples that this one looks back to are kept.
    if (self->leading > 0) {
        size_t most = (self->leading - 1) * self->opts.hop + self->opts.n_fft;
        err         = take_samples(self, samples, n, most, &led);
        if (!err && self->filled >= most && !(err = run_batches(self, self->leading))) {
            hand_over(self, self->leading);
            self->leading = 0;
        }
    }

    if (!err && self->origin == 0 && self->filled == 0) {
        err = grow_pcm(self, self->opts.n_fft / 2);
        if (!err)
            memset(self->pcm, 0, self->opts.n_fft / 2 * sizeof *self->pcm);
        self->filled = err ? 0 : self->opts.n_fft / 2;
    }
    if (!err)
        err = take_samples(self, samples + led, n - led, self->max_samples, &rest);
    const bool gathers = kt_device_gathers(self->device);
    while (!err && !gathers && self->leading == 0 && frames_ready(self) >= self->frames + KT_BATCH_FRAMES)
        err = run_frames(self, KT_BATCH_FRAMES);
    if (err)
        return err;
    *taken = led + rest;
    return KT_OK;
}

void
kt_segment_end(kt_segment_t *self)
{
    self->end = self->origin + (int64_t)self->filled;
}

size_t
kt_segment_padding(const kt_segment_t *self)
{
    return self->opts.n_fft / 2;
}

// The matrix has room already.
static kt_err_t
begin_chroma(kt_segment_t *self)
{
    int64_t   start  = kt_clock_us();
    kt_span_t span   = span_of(self, 0, self->frames);
    double    tuning = kt_spectral_peaks_tuning(&self->pitches);
    kt_err_t  err    = kt_device_begin_chroma(self->device, self->plan, tuning, &span,
                                              matrix_row(self, KT_MATRIX_CHROMA, 0), &self->job);
    self->chroma_us += kt_clock_us() - start;
    return err;
}

static kt_err_t
end_chroma(kt_segment_t *self)
{
    int64_t  start = kt_clock_us();
    kt_err_t err   = kt_device_end(self->device, &self->job);
    self->chroma_us += kt_clock_us() - start;
    return err;
}

// The transform takes the segment's own samples for all there are, so in a longer stream the lowest notes' windows
// (three seconds) are cut at a segment's ends.
static kt_err_t
begin_cqt(kt_segment_t *self)
{
    int64_t      start = kt_clock_us();
    size_t       n;
    const float *samples = kt_segment_samples(self, &n);
    float       *chroma  = matrix_row(self, KT_MATRIX_CHROMA_CQT, 0);
    double       tuning  = kt_spectral_peaks_tuning(&self->cqt_pitches);
    kt_err_t     err =
        kt_device_begin_chroma_cqt(self->device, self->plan, tuning, samples, n, self->frames, chroma, &self->cqt_job);
    self->chroma_us += kt_clock_us() - start;
    return err;
}

static kt_err_t
end_cqt(kt_segment_t *self)
{
    int64_t  start = kt_clock_us();
    kt_err_t err   = kt_device_end(self->device, &self->cqt_job);
    if (!err && self->reads & KT_READS(KT_MATRIX_TONNETZ))
        kt_tonnetz(matrix_row(self, KT_MATRIX_CHROMA_CQT, 0), self->frames, matrix_row(self, KT_MATRIX_TONNETZ, 0));
    self->chroma_us += kt_clock_us() - start;
    return err;
}

static kt_err_t
begin_close(kt_segment_t *self, bool is_last)
{
    const size_t frames = self->leading ? 0 : frames_ready(self) - self->frames;
    self->closing       = true;
    if (frames == 0)
        return KT_OK;
    if (!kt_device_gathers(self->device))
        return run_batches(self, frames);
    kt_device_keep_samples(self->device);
    return begin_frames(self, frames, is_last);
}

kt_err_t
kt_segment_begin_close(kt_segment_t *self)
{
    return begin_close(self, true);
}

bool
kt_segment_watch(kt_segment_t *self, kt_device_done_fn *done, void *context)
{
    return kt_device_watch(self->device, self->job, done, context);
}

static float *
wanted_row(const kt_segment_t *self, int matrix)
{
    return self->reads & KT_READS(matrix) ? matrix_row(self, matrix, 0) : NULL;
}

// The `lead` mel rows of the segment before take part in the decibels and in the onset envelope.
static kt_err_t
begin_rows(kt_segment_t *self)
{
    float *const mel = wanted_row(self, KT_MATRIX_MEL), *const onset = wanted_row(self, KT_MATRIX_ONSET);
    const kt_derived_t rows = {.mel      = mel ? mel - self->lead * self->opts.n_mels : NULL,
                               .peak     = wanted_row(self, KT_MATRIX_PEAK),
                               .valley   = wanted_row(self, KT_MATRIX_VALLEY),
                               .lead     = self->lead,
                               .frames   = self->frames,
                               .mfcc     = wanted_row(self, KT_MATRIX_MFCC),
                               .onset    = onset ? onset - self->lead : NULL,
                               .contrast = wanted_row(self, KT_MATRIX_CONTRAST),
                               .bands    = wanted_row(self, KT_MATRIX_BANDS)};
    return kt_device_begin_derived(self->device, self->plan, &rows, &self->derived_job);
}

kt_err_t
kt_segment_begin_derived(kt_segment_t *self)
{
    kt_err_t err = self->closing ? KT_OK : begin_close(self, false);
    if (!err)
        err = end_frames(self);
    self->closing = false;
    for (int m = KT_ROWS; m < KT_MATRICES && !err; m++)
        if (self->reads & KT_READS(m))
            err = grow_matrix(self, m, self->frames);
    self->deriving = !err;
    if (err || self->frames == 0)
        return err;
    err = begin_rows(self);
    if (!err && self->reads & KT_READS(KT_MATRIX_CHROMA))
        err = begin_chroma(self);
    if (!err && self->reads & KT_READS(KT_MATRIX_CHROMA_CQT))
        err = begin_cqt(self);
    return err;
}

// What a GPU has not is derived here while it computes both kinds of chroma.
kt_err_t
kt_segment_close(kt_segment_t *self)
{
    kt_err_t err   = self->deriving ? KT_OK : kt_segment_begin_derived(self);
    self->deriving = false;
    if (err || self->frames == 0)
        return err;
    err = kt_device_end(self->device, &self->derived_job);
    if (!err)
        err = end_chroma(self);
    return err ? err : end_cqt(self);
}

void
kt_segment_next(kt_segment_t *self)
{
    kt_assert(self->frames == self->max_frames);
    hand_over(self, self->frames);
}

size_t
kt_segment_frames(const kt_segment_t *self)
{
    return self->frames;
}

const float *
kt_segment_matrix(const kt_segment_t *self, kt_matrix_t matrix)
{
    return self->reads & KT_READS(matrix) ? matrix_row(self, matrix, 0) : NULL;
}

size_t
kt_segment_width(const kt_segment_t *self, kt_matrix_t matrix)
{
    return kt_matrix_width(self->plan, matrix);
}

const float *
kt_segment_samples(const kt_segment_t *self, size_t *n)
{
    size_t  first = self->opts.n_fft / 2;
    int64_t real  = self->end - self->origin < (int64_t)self->filled ? self->end - self->origin : (int64_t)self->filled;
    size_t  most  = self->max_frames * self->opts.hop;
    size_t  there = real > (int64_t)first ? (size_t)real - first : 0;
    *n            = there < most ? there : most;
    return self->pcm + first;
}

uint64_t
kt_segment_first(const kt_segment_t *self)
{
    return (uint64_t)self->origin;
}

const kt_plan_t *
kt_segment_plan(const kt_segment_t *self)
{
    return self->plan;
}

void
kt_segment_times(const kt_segment_t *self, int64_t *spectral_us, int64_t *chroma_us)
{
    *spectral_us = self->spectral_us;
    *chroma_us   = self->chroma_us;
}

void
kt_segment_add_times(kt_segment_t *self, const kt_segment_t *before)
{
    self->spectral_us += before->spectral_us;
    self->chroma_us += before->chroma_us;
}

uint64_t
kt_segment_bytes(const kt_frontend_opts_t *opts, size_t frames)
{
    enum { SCALARS = 7, CONTRAST = 3 * 7, CQT = 12 + 6, PITCH_BYTES = 2 * 5 };
    uint64_t mels    = opts->n_mels + kt_derived_bands(opts);
    uint64_t floats  = opts->hop + SCALARS + CONTRAST + CQT + mels + opts->n_mfcc + opts->n_chroma;
    uint64_t bins    = (uint64_t)(4000 - 150) * opts->n_fft / opts->rate_hz;  // a peak takes two of them at least
    uint64_t pitches = (bins < opts->n_fft / 2 ? bins : opts->n_fft / 2) / 2 * PITCH_BYTES;
    return kt_derive_bytes(opts) + frames * (floats * sizeof(float) + pitches) +
           (opts->n_fft + (uint64_t)opts->rate_hz / 10) * sizeof(float);
}
