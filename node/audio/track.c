#include "node/audio/track.h"

#include "common/clock.h"
#include "common/log.h"
#include "kernels/audio/resample.h"
#include "node/audio/modules.h"
#include "node/audio/pieces.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Path of a sample: made finite -> modules that read the source -> mono -> resampled -> segment -> at the segment's
// end the modules. A device that takes the stream in pieces (kt_pieces) computes what modules that know pieces need of
// them; the others read the source here. Mono samples go to the resampler in blocks of fixed length
// and rows are computed in batches of fixed frames, both counted from the stream's start, so the caller's chunks cannot
// change a bit.
//
// Past one segment (ten minutes; of a long film two and a half): tuning and the top_db floor are each segment's own;
// mean, std, min and max are those of all frames; the median is the weighted median of the segments' quantiles
// (kt_summary).
struct kt_analysis {
    kt_analysis_opts_t opts;
    kt_audio_models_t *models;
    void              *module[KT_MODULES];  // states; NULL: not requested
    bool               wanted[KT_MODULES];
    uint32_t           reads;
    kt_segment_t      *segment;          // NULL: no module reads rows
    kt_resample_t     *resample;         // NULL: the file has the analysis rate, or a device resamples
    kt_pieces_t       *pieces;           // NULL: no device takes the stream
    bool               resampled_there;  // by the device, piece by piece
    size_t             segments;
    kt_segment_range_t range;
    uint64_t           pushed;               // frames of the stream, those before the range included
    uint64_t           skip;                 // samples at the analysis rate before those that the segment needs
    uint64_t           left;                 // segments to come; UINT64_MAX: as many as there are
    bool               ended, is_open;       // no sample follows; the last segment is to be closed
    uint64_t           samples, not_finite;  // mono samples at the analysis rate; samples taken as 0
    kt_stage_us_t      stages;
    size_t             block_frames, resampled_capacity;
    size_t             n_mono;
    float             *finite;  // one block, interleaved
    float             *mono;    // one block
    float             *resampled;
};

enum { BLOCK_FRAMES = 4096, RESAMPLED = 8192, RESAMPLED_SPARE = 64 };

static kt_err_t
open_modules(kt_analysis_t *self)
{
    kt_stream_t stream = {self->opts.plan,      self->opts.rate_hz, self->opts.channels,
                          self->opts.segment_s, self->opts.layout,  self->opts.options,
                          self->opts.device,    self->range,        self->models};
    for (size_t m = 0; m < KT_MODULES; m++) {
        if (!(kt_modules[m]->options & self->opts.options))
            continue;
        kt_err_t err = kt_modules[m]->new (&self->module[m], &stream);
        if (err)
            return err;
        self->wanted[m] = true;
        self->reads |= kt_modules[m]->reads;
    }
    return KT_OK;
}

static kt_err_t
open_models(kt_analysis_t *self)
{
    kt_audio_models_opts_t opts = {
        .set         = self->opts.models,
        .absent      = self->opts.models_absent,
        .patches     = self->opts.patches,
        .rate_hz     = self->opts.rate_hz,
        .channels    = self->opts.channels,
        .options     = self->opts.options,
        .from        = self->range.from,
        .own         = self->range.own,
        .end         = self->range.end,
        .segment_own = kt_segment_range_own,
        .plan        = self->opts.plan,
        .segment_s   = self->opts.segment_s,
        .isa         = kt_device_isa(self->opts.device),
    };
    return kt_audio_models_new(&self->models, &opts);
}

static kt_piece_fn add_piece;

// Whole streams alone: a range begins its filters and its segments in the middle of one.
static kt_err_t
open_pieces(kt_analysis_t *self)
{
    const uint32_t   to_hz = kt_plan_opts(self->opts.plan)->rate_hz;
    kt_source_opts_t opts  = {.rate_hz = self->opts.rate_hz, .channels = self->opts.channels};
    if (self->reads && kt_device_resamples(self->opts.device) && kt_polyphase_is_defined(opts.rate_hz, to_hz))
        opts.to_hz = to_hz;
    for (size_t m = 0; m < KT_MODULES; m++) {
        opts.loudness |= self->wanted[m] && kt_modules[m] == &kt_module_loudness;
        opts.facts |= self->wanted[m] && kt_modules[m] == &kt_module_quality;
    }
    const bool whole   = self->opts.first_segment == 0 && self->opts.segments == 0;
    const bool at_once = self->opts.seconds > 0 && self->opts.seconds <= self->opts.segment_s;
    if (!whole || (!opts.to_hz && !opts.loudness && !opts.facts) ||
        !kt_device_takes_pieces(self->opts.device, self->opts.plan, &opts, self->opts.seconds, at_once))
        return KT_OK;
    self->resampled_there = opts.to_hz > 0;
    return kt_pieces_new(&self->pieces, self->opts.device, &opts, add_piece, self);
}

static kt_err_t
open_stream(kt_analysis_t *self)
{
    uint32_t rate_hz = kt_plan_opts(self->opts.plan)->rate_hz;

    // A block is short enough that its resampled samples fit the resampler's output buffer in one call.
    uint64_t fitting         = (uint64_t)self->opts.rate_hz * (RESAMPLED - RESAMPLED_SPARE) / rate_hz;
    self->block_frames       = fitting < 1 ? 1 : fitting > BLOCK_FRAMES ? BLOCK_FRAMES : (size_t)fitting;
    self->resampled_capacity = (size_t)(self->block_frames * rate_hz / self->opts.rate_hz) + RESAMPLED_SPARE;
    if (self->resampled_capacity < RESAMPLED)
        self->resampled_capacity = RESAMPLED;
    self->finite = calloc(self->block_frames * self->opts.channels, sizeof *self->finite);
    if (!self->finite)
        return KT_ENOMEM;
    kt_err_t err = open_pieces(self);
    if (err || !self->reads)
        return err;

    err = kt_segment_new(&self->segment, self->opts.plan, self->opts.device, self->opts.segment_s,
                         self->reads | (self->opts.frames ? KT_READS_VALUES : 0));
    if (!err && !self->resampled_there && rate_hz != self->opts.rate_hz)
        err = kt_resample_new(&self->resample, self->opts.rate_hz, rate_hz);
    if (err)
        return err;
    kt_segment_start(self->segment, self->opts.first_segment);
    self->skip      = kt_segment_from(self->segment) - kt_segment_range_at(&self->range, self->opts.rate_hz, rate_hz);
    self->mono      = calloc(self->block_frames, sizeof *self->mono);
    self->resampled = calloc(self->resampled_capacity, sizeof *self->resampled);
    return self->mono && self->resampled ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_analysis_new(kt_analysis_t **self_p, const kt_analysis_opts_t *opts)
{
    kt_err_t       err  = KT_ENOMEM;
    kt_analysis_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->opts           = *opts;
    self->opts.segment_s = opts->segment_s ? opts->segment_s : KT_SEGMENT_SECONDS;
    self->left           = opts->segments ? opts->segments : UINT64_MAX;
    self->range          = (kt_segment_range_t){0, 0, UINT64_MAX, UINT64_MAX};
    if (opts->first_segment > 0 || opts->segments > 0) {
        err = kt_segment_range_of(opts->plan, self->opts.segment_s, opts->rate_hz, opts->first_segment, opts->segments,
                                  &self->range);
        if (err)
            goto fail;
        self->pushed = self->range.from;
    }
    if (opts->channels > 0 && opts->rate_hz == 0) {
        err = KT_EINVAL;
        goto fail;
    }
    if ((err = open_models(self)) || (err = open_modules(self)))
        goto fail;
    if (opts->channels > 0 && (err = open_stream(self)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_analysis_destroy(&self);
    return err;
}

void
kt_analysis_destroy(kt_analysis_t **self_p)
{
    kt_analysis_t *self = *self_p;
    if (!self)
        return;
    for (size_t m = 0; m < KT_MODULES; m++)
        if (self->module[m])
            kt_modules[m]->destroy(&self->module[m]);
    kt_audio_models_destroy(&self->models);
    kt_pieces_destroy(&self->pieces);
    kt_segment_destroy(&self->segment);
    kt_resample_destroy(&self->resample);
    free(self->finite);
    free(self->mono);
    free(self->resampled);
    free(self);
    *self_p = NULL;
}

static void
output_frames(const kt_analysis_t *self)
{
    for (size_t i = 0; i < kt_frames_rows_count; i++) {
        kt_matrix_t  matrix = kt_frames_rows[i].matrix;
        const float *rows   = kt_segment_matrix(self->segment, matrix);
        if (rows)
            self->opts.frames(self->opts.context, kt_feature_desc(kt_frames_rows[i].feature)->name, rows,
                              kt_segment_frames(self->segment), kt_segment_width(self->segment, matrix));
    }
}

// What modules begin of a segment is computed by a GPU beside what close derives.
static kt_err_t
close_segment(kt_analysis_t *self)
{
    kt_err_t err = kt_segment_begin_derived(self->segment);
    for (size_t m = 0; m < KT_MODULES && !err && kt_segment_frames(self->segment) > 0; m++) {
        int64_t start = kt_clock_us();
        if (self->wanted[m] && kt_modules[m]->begin)
            err = kt_modules[m]->begin(self->module[m], self->segment);
        self->stages.modules[m] += kt_clock_us() - start;
    }
    if (!err)
        err = kt_segment_close(self->segment);
    if (err || kt_segment_frames(self->segment) == 0)
        return err;
    self->segments++;
    if (self->opts.frames && self->opts.each_segment)
        output_frames(self);
    for (size_t m = 0; m < KT_MODULES && !err; m++) {
        int64_t start = kt_clock_us();
        if (self->wanted[m] && kt_modules[m]->segment)
            err = kt_modules[m]->segment(self->module[m], self->segment);
        self->stages.modules[m] += kt_clock_us() - start;
    }
    return err;
}

// Samples at the analysis rate, into one segment after the other.
static kt_err_t
feed_segments(kt_analysis_t *self, const float *samples, size_t n)
{
    size_t before = n < self->skip ? n : (size_t)self->skip;
    self->skip -= before;
    samples += before;
    n -= before;
    for (size_t taken = 0; self->left > 0; samples += taken, n -= taken) {
        kt_err_t err = kt_segment_feed(self->segment, samples, n, &taken);
        if (err || taken == n)
            return err;
        if ((err = close_segment(self)))
            return err;
        self->left -= self->left < UINT64_MAX;
        if (self->left > 0)
            kt_segment_next(self->segment);
    }
    return KT_OK;
}

// A kt_piece_fn: what a device made of a piece.
static kt_err_t
add_piece(void *context, const kt_source_piece_t *piece)
{
    kt_analysis_t *self = context;
    self->not_finite += piece->not_finite;
    for (size_t m = 0; m < KT_MODULES; m++) {
        kt_err_t err = self->wanted[m] && kt_modules[m]->piece ? kt_modules[m]->piece(self->module[m], piece) : KT_OK;
        if (err)
            return err;
    }
    if (!self->resampled_there)
        return KT_OK;
    const uint32_t to_hz = kt_plan_opts(self->opts.plan)->rate_hz;
    const uint64_t end   = kt_polyphase_first(self->opts.rate_hz, to_hz, piece->first + piece->frames);
    const size_t   n     = (size_t)(end - self->samples);
    self->samples        = end;
    return feed_segments(self, piece->mono, n);
}

// Sends the last pieces. Those that were resampled are waited for: kt_resample may count one more sample, which is zero
// then. The others are waited for when the file goes on.
static kt_err_t
close_pieces(kt_analysis_t *self)
{
    if (!self->resampled_there)
        return kt_pieces_close(self->pieces);
    const float  zero  = 0;
    const double ratio = (double)kt_plan_opts(self->opts.plan)->rate_hz / self->opts.rate_hz;
    kt_err_t     err   = kt_pieces_end(self->pieces);
    if (err || self->samples >= (uint64_t)ceil((double)self->pushed * ratio))
        return err;
    self->samples++;
    return feed_segments(self, &zero, 1);
}

// The resampler's output, until it fills no whole buffer (while pushing) or is empty (at the end).
static kt_err_t
drain_resample(kt_analysis_t *self, const float *mono, size_t n, bool last)
{
    for (size_t got;;) {
        int64_t  start = kt_clock_us();
        kt_err_t err   = last
                             ? kt_resample_finish(self->resample, self->resampled, self->resampled_capacity, &got)
                             : kt_resample_push(self->resample, mono, n, self->resampled, self->resampled_capacity, &got);
        self->stages.resample += kt_clock_us() - start;
        if (err)
            return err;
        self->samples += got;
        if (got > 0 && (err = feed_segments(self, self->resampled, got)))
            return err;
        if (last ? got == 0 : got < self->resampled_capacity)
            return KT_OK;
        n = 0;
    }
}

static kt_err_t
flush_mono(kt_analysis_t *self)
{
    size_t n     = self->n_mono;
    self->n_mono = 0;
    if (n == 0)
        return KT_OK;
    if (self->resample)
        return drain_resample(self, self->mono, n, false);
    self->samples += n;
    return feed_segments(self, self->mono, n);
}

// The samples themselves when all can be used, else a copy with zeros. Counts sixteen at a time, so that the compiler
// vectorises: every sample of every file passes here.
static const float *
make_finite(kt_analysis_t *self, const float *pcm, size_t count)
{
    enum { LANES = 16 };
    size_t bad = 0, tail = 0;
    for (; tail + LANES <= count; tail += LANES) {
        uint32_t here = 0;
        for (size_t lane = 0; lane < LANES; lane++)
            here += !(fabsf(pcm[tail + lane]) <= KT_SAMPLE_LIMIT);
        bad += here;
    }
    for (; tail < count; tail++)
        bad += !(fabsf(pcm[tail]) <= KT_SAMPLE_LIMIT);
    if (bad == 0)
        return pcm;
    for (size_t i = 0; i < count; i++)
        self->finite[i] = fabsf(pcm[i]) <= KT_SAMPLE_LIMIT ? pcm[i] : 0.0f;
    self->not_finite += self->pieces ? 0 : bad;  // else the device counts them
    return self->finite;
}

kt_err_t
kt_analysis_push(kt_analysis_t *self, const float *pcm, size_t frames)
{
    if (frames > 0 && self->opts.channels == 0)
        return KT_EINVAL;
    for (size_t some; frames > 0; frames -= some, pcm += some * self->opts.channels) {
        some                = self->block_frames - self->n_mono;  // the block's room
        some                = frames < some ? frames : some;
        const float *finite = make_finite(self, pcm, some * self->opts.channels);
        for (size_t m = 0; m < KT_MODULES; m++) {
            if (!self->wanted[m] || !kt_modules[m]->push || (self->pieces && kt_modules[m]->piece))
                continue;
            int64_t  start = kt_clock_us();
            kt_err_t err   = kt_modules[m]->push(self->module[m], finite, some);
            self->stages.modules[m] += kt_clock_us() - start;
            if (err)
                return err;
        }

        if (self->pieces) {
            int64_t  start = kt_clock_us();
            kt_err_t err   = kt_pieces_push(self->pieces, pcm, some);
            self->stages.resample += kt_clock_us() - start;
            if (err)
                return err;
        }
        if (self->segment && !self->resampled_there) {
            int64_t start = kt_clock_us();
            kt_to_mono(finite, some, self->opts.channels, self->mono + self->n_mono);
            self->n_mono += some;
            self->stages.resample += kt_clock_us() - start;
            kt_err_t err = self->n_mono == self->block_frames ? flush_mono(self) : KT_OK;
            if (err)
                return err;
        }
        self->pushed += some;
    }
    return KT_OK;
}

// The stream's end: the rest in the blocks and the resampler, then the zeros that centred frames reach into.
static kt_err_t
end_stream(kt_analysis_t *self)
{
    self->ended  = true;
    kt_err_t err = self->pieces ? close_pieces(self) : KT_OK;
    if (!err && !self->resampled_there)
        err = flush_mono(self);
    if (err || !self->segment)
        return err;
    if (self->resample)
        err = drain_resample(self, NULL, 0, true);
    if (err || self->samples == 0 || self->left == 0)
        return err;
    kt_segment_end(self->segment);
    memset(self->resampled, 0, RESAMPLED * sizeof *self->resampled);
    for (size_t left = kt_segment_padding(self->segment); left > 0 && !err;) {
        size_t n = left < RESAMPLED ? left : RESAMPLED;
        err      = feed_segments(self, self->resampled, n);
        left -= n;
    }
    self->is_open = !err && self->left > 0;
    return self->is_open ? kt_segment_begin_close(self->segment) : err;
}

// The stream's end, and its last segment's.
static kt_err_t
close_stream(kt_analysis_t *self)
{
    kt_err_t err = self->ended ? KT_OK : end_stream(self);
    if (!err && self->pieces)
        err = kt_pieces_end(self->pieces);
    if (err || !self->is_open)
        return err;
    self->is_open = false;
    return close_segment(self);
}

kt_err_t
kt_analysis_end(kt_analysis_t *self, kt_device_done_fn *done, void *context, bool *pending)
{
    *pending     = false;
    kt_err_t err = (self->segment || self->pieces) && !self->ended ? end_stream(self) : KT_OK;
    if (err || !self->segment)
        return err;
    // From the return on, or even before it, the caller may go on in another thread.
    *pending = self->is_open && !kt_segment_watch(self->segment, done, context);
    return KT_OK;
}

kt_err_t
kt_analysis_finish(kt_analysis_t *self, kt_document_t *document)
{
    if (self->range.own > 0 || self->pushed > self->range.end)
        return KT_EINVAL;
    kt_err_t err = self->segment || self->pieces ? close_stream(self) : KT_OK;
    if (!err && self->opts.frames && !self->opts.each_segment && self->segments == 1)
        output_frames(self);
    for (size_t m = 0; m < KT_MODULES && !err; m++) {
        int64_t start = kt_clock_us();
        if (self->wanted[m])
            err = kt_modules[m]->finish(self->module[m], document);
        self->stages.modules[m] += kt_clock_us() - start;
    }
    if (self->not_finite > 0)
        kt_log_info("ANALYSIS-NOT-FINITE", "samples=%llu", (unsigned long long)self->not_finite);
    return err;
}

// --- segment ranges --------------------------------------------------------------------------------------------------

void
kt_analysis_range(const kt_analysis_t *self, kt_segment_range_t *out)
{
    *out = self->range;
}

// self takes over the open end of next: the samples in its blocks, its resampler and its segment.
static void
continue_as(kt_analysis_t *self, kt_analysis_t *next)
{
    kt_segment_t  *segment  = self->segment;
    kt_resample_t *resample = self->resample;
    float         *mono     = self->mono;
    if (segment)
        kt_segment_add_times(next->segment, segment);
    self->segment   = next->segment;
    self->resample  = next->resample;
    self->mono      = next->mono;
    next->segment   = segment;
    next->resample  = resample;
    next->mono      = mono;
    self->n_mono    = next->n_mono;
    self->range.end = next->range.end;
    self->range.to  = next->range.to;
    self->pushed    = next->pushed;
    self->skip      = next->skip;
    self->left      = next->left;
    self->ended     = next->ended;
    self->is_open   = next->is_open;
}

kt_err_t
kt_analysis_merge(kt_analysis_t *self, kt_analysis_t **next_p)
{
    kt_analysis_t            *next = *next_p;
    const kt_analysis_opts_t *a = &self->opts, *b = &next->opts;
    if (a->plan != b->plan || a->models != b->models || a->patches != b->patches || a->rate_hz != b->rate_hz ||
        a->channels != b->channels || a->segment_s != b->segment_s || a->options != b->options)
        return KT_EINVAL;
    if (self->range.end != next->range.own || next->pushed <= next->range.own)
        return KT_EINVAL;
    // The stream may end within the samples that self needs after its own range; then both have seen its end.
    if (self->pushed < self->range.to && self->pushed != next->pushed)
        return KT_EINVAL;

    kt_err_t err = self->segment && self->left > 0 ? close_stream(self) : KT_OK;
    for (size_t m = 0; m < KT_MODULES && !err; m++)
        if (self->wanted[m])
            err = kt_modules[m]->merge(&self->module[m], &next->module[m]);
    if (err)
        return err;
    continue_as(self, next);
    self->segments += next->segments;
    self->samples += next->samples;
    self->not_finite += next->not_finite;
    self->stages.resample += next->stages.resample;
    for (size_t m = 0; m < KT_MODULES; m++)
        self->stages.modules[m] += next->stages.modules[m];
    kt_analysis_destroy(next_p);
    return KT_OK;
}

_Static_assert((int)KT_MODULES <= (int)KT_STAGE_MODULES, "each module has a place for its time");

void
kt_analysis_stages(const kt_analysis_t *self, kt_stage_us_t *out)
{
    *out = self->stages;
    if (self->segment)
        kt_segment_times(self->segment, &out->spectral, &out->chroma);
}

// Blocks, the device's scratch, module states; the first figure is measured, with room.
uint64_t
kt_analysis_bytes(const kt_frontend_opts_t *opts, uint32_t segment_s, double seconds)
{
    // Of the rhythm's rows 25 minutes are kept at most (1.7 MB per ten minutes); what 15 of them are judged with is
    // 10 MB.
    enum { UNKNOWN_S = 4 * 3600, ROWS_BYTES = 7 << 18, ROWS_MOST = 3, JUDGED_S = 900, JUDGE_BYTES = 10 << 20 };
    const uint64_t BASE       = 10u << 20;
    uint64_t       max_frames = kt_segment_max_frames(opts, segment_s);
    double         whole_s    = seconds > 0 ? seconds : UNKNOWN_S;
    double         frames     = whole_s * opts->rate_hz / opts->hop + 2;
    uint64_t       in_segment = frames < (double)max_frames ? (uint64_t)frames : max_frames;
    uint64_t       components = 32 + 2 * (uint64_t)opts->n_mels + opts->n_mfcc + opts->n_chroma;
    double         segments   = ceil(frames / (double)max_frames);
    double         moments    = segments * (double)components * 8 * sizeof(float);
    double         quantiles  = ceil(whole_s / KT_SEGMENT_SECONDS) * (double)components * 257 * sizeof(float);
    double         rows =
        fmin(ROWS_MOST, ceil(whole_s / KT_SEGMENT_SECONDS)) * ROWS_BYTES + fmin(1, whole_s / JUDGED_S) * JUDGE_BYTES;
    uint64_t sort_buffer = 17 * in_segment * sizeof(float);
    return BASE + kt_segment_bytes(opts, in_segment) + sort_buffer + (uint64_t)(moments + quantiles + rows);
}
