// A worker's side: finds room in a batch, copies its samples in, waits, copies its rows out. A span that is larger than
// a slot goes in pieces, one after the other; a frame's rows do not depend on how a span is cut.
#include "common/clock.h"
#include "kernels/audio/plan.h"
#include "kernels/gpu/private.h"

#include <string.h>

enum { CQT_PER_OCTAVE = 36, PATIENCE = 4 };  // waits of a worker: so many deadlines of the actor

typedef struct piece {
    kt_gpu_t               *gpu;
    const kt_gpu_request_t *request;
    uint32_t                wanted;
    size_t                  first, frames, samples;
    kt_gpu_slot_t          *slot;
    kt_gpu_part_t          *part;
} piece_t;

static uint32_t
wanted_of(const kt_gpu_request_t *request)
{
    uint32_t wanted = 0;
    for (int r = 0; r < KT_ROWS && request->rows; r++)
        if (request->rows->row[r] && kt_row_width(request->plan, (kt_row_t)r))
            wanted |= KT_GPU_WANTS(r);
    if (request->rows && request->rows->pitches)
        wanted |= KT_GPU_WANTS_PEAKS(KT_GPU_PITCHES);
    if (request->rows && request->rows->cqt_pitches)
        wanted |= KT_GPU_WANTS_PEAKS(KT_GPU_CQT_PITCHES);
    return wanted;
}

static bool
is_alike(const kt_gpu_slot_t *slot, const kt_gpu_request_t *request)
{
    return slot->state == SLOT_FILLING && !slot->full && slot->batch.pass == request->pass &&
           memcmp(&slot->batch.opts, &request->plan->opts, sizeof slot->batch.opts) == 0;
}

static size_t
tunings_with(const kt_gpu_slot_t *slot, double tuning)
{
    size_t n = 1;
    for (uint32_t i = 0; i < slot->batch.n_parts; i++) {
        uint32_t same = i;
        for (uint32_t j = 0; j < i; j++)
            if (slot->parts[j].tuning == slot->parts[i].tuning)
                same = j;
        n += same == i && slot->parts[i].tuning != tuning;
    }
    return n;
}

static bool
fits(const piece_t *self, const kt_gpu_slot_t *slot)
{
    const kt_gpu_request_t *request = self->request;
    size_t                  frames = slot->batch.frames + self->frames, samples = slot->batch.samples + self->samples;
    return slot->batch.n_parts < KT_GPU_PARTS && samples <= self->gpu->slot_samples &&
           tunings_with(slot, request->tuning) <= KT_GPU_TUNINGS &&
           frames <= kt_gpu_layout_frames(request->plan, request->pass, slot->batch.wanted | self->wanted,
                                          self->gpu->slot_out_bytes);
}

static void
begin(kt_gpu_slot_t *slot, const kt_gpu_request_t *request)
{
    slot->state     = SLOT_FILLING;
    slot->batch     = (kt_gpu_batch_t){.opts = request->plan->opts, .pass = request->pass, .parts = slot->parts};
    slot->full      = false;
    slot->err       = KT_OK;
    slot->opened_us = kt_clock_us();
}

// The slot that gathers requests like ours; one that is too full to take it goes.
static kt_gpu_slot_t *
find_room(piece_t *self)
{
    kt_gpu_slot_t *slots = self->gpu->slots;
    for (size_t i = 0; i < KT_GPU_SLOTS; i++) {
        if (!is_alike(&slots[i], self->request))
            continue;
        if (fits(self, &slots[i]))
            return &slots[i];
        slots[i].full = true;
        pthread_cond_signal(&self->gpu->work);
    }
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        if (slots[i].state == SLOT_FREE) {
            begin(&slots[i], self->request);
            return &slots[i];
        }
    return NULL;
}

static uint32_t
clip(size_t at, size_t first, size_t length)
{
    return (uint32_t)(at < first ? 0 : at - first < length ? at - first : length);
}

// real_begin and real_end are counted from the piece's first sample.
static void
take_part(piece_t *self, kt_gpu_slot_t *slot)
{
    const kt_span_t *span = self->request->span;
    size_t           at   = self->first * self->request->plan->opts.hop;
    self->slot            = slot;
    self->part            = &slot->parts[slot->batch.n_parts++];
    *self->part           = (kt_gpu_part_t){.pcm        = slot->batch.samples,
                                            .row        = slot->batch.frames,
                                            .frames     = (uint32_t)self->frames,
                                            .real_begin = clip(span->real_begin, at, self->samples),
                                            .real_end   = clip(span->real_end, at, self->samples),
                                            .tuning     = self->request->tuning};
    slot->batch.wanted |= self->wanted;
    slot->batch.frames += (uint32_t)self->frames;
    slot->batch.samples += (uint32_t)(self->samples + KT_GPU_ALIGN - 1) / KT_GPU_ALIGN * KT_GPU_ALIGN;
    slot->users++;
    slot->writers++;
}

static kt_err_t
wait_or_lose(kt_gpu_t *gpu, int64_t until_us)
{
    gpu->waiting++;
    pthread_cond_signal(&gpu->work);  // perhaps nobody else can come
    if (!kt_gpu_wait(gpu, until_us)) {
        gpu->hung = true;
        kt_gpu_lose(gpu, "the actor does not answer: it may hang in a call of the driver");
    }
    gpu->waiting--;
    return gpu->lost ? KT_ESTATE : KT_OK;
}

static kt_err_t
reserve(piece_t *self, int64_t until_us)
{
    kt_gpu_t *gpu = self->gpu;
    for (kt_err_t err = KT_OK;;) {
        if (err || gpu->lost || gpu->closing)
            return gpu->lost ? KT_ESTATE : KT_ECLOSED;
        kt_gpu_slot_t *slot = find_room(self);
        if (slot) {
            take_part(self, slot);
            return KT_OK;
        }
        err = wait_or_lose(gpu, until_us);
    }
}

static void
copy_in(const piece_t *self)
{
    const float *from = self->request->span->pcm + self->first * self->request->plan->opts.hop;
    memcpy(self->slot->samples + self->part->pcm, from, self->samples * sizeof *from);
}

static kt_err_t
copy_peaks(const piece_t *self, const kt_gpu_layout_t *layout)
{
    const kt_rows_t *rows                     = self->request->rows;
    kt_pitches_t    *lists[KT_GPU_PEAKS]      = {rows->pitches, rows->cqt_pitches};
    const unsigned   per_octave[KT_GPU_PEAKS] = {self->request->plan->opts.n_chroma, CQT_PER_OCTAVE};
    kt_err_t         err                      = KT_OK;
    for (int p = 0; p < KT_GPU_PEAKS && !err; p++)
        if (lists[p])
            err = self->gpu->backend->peaks(self->slot->results, layout, (kt_gpu_peaks_t)p, self->part, per_octave[p],
                                            lists[p]);
    return err;
}

static kt_err_t
copy_out(const piece_t *self)
{
    const kt_gpu_request_t *request = self->request;
    const kt_gpu_batch_t   *batch   = &self->slot->batch;
    const char             *results = self->slot->results;
    kt_gpu_layout_t         layout;
    kt_gpu_layout(request->plan, batch->pass, batch->wanted, batch->frames, &layout);
    if (request->pass == KT_GPU_CHROMA) {
        size_t width = request->plan->opts.n_chroma;
        memcpy(request->chroma + self->first * width, results + self->part->row * width * sizeof(float),
               self->frames * width * sizeof(float));
        return KT_OK;
    }
    for (int r = 0; r < KT_ROWS; r++) {
        size_t width = kt_row_width(request->plan, (kt_row_t)r);
        if (self->wanted & KT_GPU_WANTS(r))
            memcpy(request->rows->row[r] + self->first * width,
                   results + layout.row[r] + self->part->row * width * sizeof(float),
                   self->frames * width * sizeof(float));
    }
    return copy_peaks(self, &layout);
}

static void
leave(const piece_t *self)
{
    kt_gpu_slot_t *slot = self->slot;
    if (--slot->users == 0 && slot->state == SLOT_DONE) {
        slot->state = SLOT_FREE;
        pthread_cond_broadcast(&self->gpu->changed);
    }
}

static kt_err_t
run_piece(piece_t *self)
{
    kt_gpu_t *gpu      = self->gpu;
    int64_t   until_us = kt_clock_us() + 1000 * PATIENCE * gpu->opts.deadline_ms;
    kt_err_t  err      = reserve(self, until_us);
    if (err)
        return err;
    pthread_mutex_unlock(&gpu->lock);
    copy_in(self);
    pthread_mutex_lock(&gpu->lock);
    self->slot->writers--;
    while (!err && self->slot->state != SLOT_DONE)
        err = wait_or_lose(gpu, until_us);
    if (!err)
        err = self->slot->err;
    pthread_mutex_unlock(&gpu->lock);
    if (!err)
        err = copy_out(self);
    pthread_mutex_lock(&gpu->lock);
    leave(self);
    return err;
}

// The most frames of which a slot holds samples and results; 0: not one.
static size_t
piece_frames(const kt_gpu_t *gpu, const kt_gpu_request_t *request, uint32_t wanted)
{
    const kt_frontend_opts_t *opts = &request->plan->opts;
    if (gpu->slot_samples < opts->n_fft)
        return 0;
    size_t by_samples = 1 + (gpu->slot_samples - opts->n_fft) / opts->hop;
    size_t by_results = kt_gpu_layout_frames(request->plan, request->pass, wanted, gpu->slot_out_bytes);
    return by_samples < by_results ? by_samples : by_results;
}

kt_err_t
kt_gpu_run(kt_gpu_t *self, const kt_gpu_request_t *request)
{
    piece_t  piece = {.gpu = self, .request = request, .wanted = wanted_of(request)};
    size_t   most = piece_frames(self, request, piece.wanted), frames = request->span->frames;
    kt_err_t err = KT_OK;
    if (frames == 0 || (request->pass == KT_GPU_FIRST && !piece.wanted))
        return KT_OK;
    if (most == 0)
        return KT_EINVAL;
    pthread_mutex_lock(&self->lock);
    self->inside++;
    for (; piece.first < frames && !err; piece.first += piece.frames) {
        piece.frames  = frames - piece.first < most ? frames - piece.first : most;
        piece.samples = (piece.frames - 1) * request->plan->opts.hop + request->plan->opts.n_fft;
        err           = run_piece(&piece);
    }
    self->inside--;
    self->on_cpu += err != KT_OK;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return err;
}
