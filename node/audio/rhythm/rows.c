#include "node/audio/rhythm/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES_MOST = 96 };  // of the setting n_chroma

static const double HARMONY_HZ = 21.5;

// Room for `more` rows of `size` bytes after the first `used`, and no more: a segment adds thousands at once.
static kt_err_t
grow_rows(void **rows, size_t *capacity, size_t used, size_t more, size_t size)
{
    if (used + more <= *capacity)
        return KT_OK;
    const size_t room  = used + more;
    void        *grown = realloc(*rows, room * size);
    if (!grown)
        return KT_ENOMEM;
    *rows     = grown;
    *capacity = room;
    return KT_OK;
}

static kt_err_t
grow_rises(kt_rhythm_rows_t *self, size_t more)
{
    return grow_rows((void **)&self->rises, &self->capacity, self->frames, more,
                     KT_ENVELOPE_WIDTH * sizeof *self->rises);
}

static kt_err_t
grow_harmony(kt_rhythm_rows_t *self, size_t more)
{
    kt_err_t err = grow_rows((void **)&self->harmony, &self->harmony_capacity, self->harmony_frames, more,
                             self->harmony_width * sizeof *self->harmony);
    return err ? err
               : grow_rows((void **)&self->bass, &self->bass_capacity, self->harmony_frames, more,
                           KT_BASS_WIDTH * sizeof *self->bass);
}

// The sum of frames of chroma, as a row of length 65535; of length 0 where they are silent.
static void
fill_harmony(uint16_t *out, const float *chroma, size_t frames, size_t width)
{
    double sum[CLASSES_MOST] = {0}, square = 0;
    for (size_t i = 0; i < frames; i++)
        for (size_t c = 0; c < width; c++)
            sum[c] += chroma[i * width + c];
    for (size_t c = 0; c < width; c++)
        square += sum[c] * sum[c];
    double scale = square > 1e-12 && isfinite(square) ? UINT16_MAX / sqrt(square) : 0;
    for (size_t c = 0; c < width; c++)
        out[c] = scale > 0 ? (uint16_t)(sum[c] * scale + 0.5) : 0;
}

uint32_t
kt_rhythm_harmony_hop(const kt_frontend_opts_t *opts)
{
    const double rate_hz = (double)opts->rate_hz / opts->hop;
    return opts->hop * (uint32_t)fmax(1, round(rate_hz / HARMONY_HZ));
}

// Rows of harmony of a segment: each is of `some` frames of chroma, counted from the stream's start; the last one of a
// segment may have fewer. `begin`: the first frame of the first one.
typedef struct harmony_rows {
    size_t begin, some, rows;
} harmony_rows_t;

static harmony_rows_t
harmony_rows_of(const kt_segment_t *segment)
{
    const kt_frontend_opts_t *opts   = kt_plan_opts(kt_segment_plan(segment));
    const size_t              frames = kt_segment_frames(segment), some = kt_rhythm_harmony_hop(opts) / opts->hop;
    const size_t              begin = (size_t)((some - kt_segment_first(segment) / opts->hop % some) % some);
    return (harmony_rows_t){begin, some, frames > begin ? (frames - begin + some - 1) / some : 0};
}

// The bass of a row is around the middle of its frames.
kt_err_t
kt_rhythm_rows_begin(kt_rhythm_rows_t *self, kt_device_t *device, const kt_plan_t *plan, kt_bass_t *bass,
                     const kt_segment_t *segment)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan), *coarse = kt_plan_opts(kt_segment_plan(segment));
    const harmony_rows_t      harmony = harmony_rows_of(segment);
    const uint32_t            hop     = kt_rhythm_harmony_hop(coarse);
    size_t                    n;
    const float              *samples = kt_segment_samples(segment, &n);
    const uint64_t            first   = kt_segment_first(segment);
    const uint64_t            before  = first ? kt_envelope_frames(plan, first) : 0;
    self->begun                       = (size_t)(kt_envelope_frames(plan, first + n) - before);
    self->rate_hz                     = (double)opts->rate_hz / opts->hop;
    self->harmony_rate_hz             = (double)coarse->rate_hz / (double)hop;
    self->harmony_width               = kt_segment_width(segment, KT_MATRIX_CHROMA);
    kt_err_t err                      = grow_rises(self, self->begun);
    if (!err)
        err = grow_harmony(self, harmony.rows);
    if (!err)
        err = kt_envelope_begin_rises(device, plan, samples, first, n, self->rises + self->frames * KT_ENVELOPE_WIDTH,
                                      &self->rises_job);
    const kt_bass_span_t span = {samples, n, harmony.begin * coarse->hop + (hop - coarse->hop) / 2, harmony.rows};
    return err ? err
               : kt_device_begin_bass(device, bass, &span, self->bass + self->harmony_frames * KT_BASS_WIDTH,
                                      &self->bass_job);
}

kt_err_t
kt_rhythm_rows_add(kt_rhythm_rows_t *self, kt_device_t *device, const kt_segment_t *segment)
{
    const size_t         frames = kt_segment_frames(segment), width = self->harmony_width;
    const harmony_rows_t harmony = harmony_rows_of(segment);
    const float         *chroma  = kt_segment_matrix(segment, KT_MATRIX_CHROMA);
    for (size_t i = 0; i < harmony.rows; i++) {
        const size_t at = harmony.begin + i * harmony.some, left = frames - at;
        fill_harmony(self->harmony + (self->harmony_frames + i) * width, chroma + at * width,
                     left < harmony.some ? left : harmony.some, width);
    }
    kt_err_t err = kt_device_end(device, &self->bass_job);
    if (!err)
        err = kt_device_end(device, &self->rises_job);
    if (err)
        return err;
    self->frames += self->begun;
    self->harmony_frames += harmony.rows;
    self->begun = 0;
    return KT_OK;
}

void
kt_rhythm_rows_cancel(kt_rhythm_rows_t *self, kt_device_t *device)
{
    kt_device_cancel(device, &self->rises_job);
    kt_device_cancel(device, &self->bass_job);
}

kt_err_t
kt_rhythm_rows_append(kt_rhythm_rows_t *self, const kt_rhythm_rows_t *next)
{
    if (next->rate_hz <= 0)
        return KT_OK;
    self->rate_hz         = next->rate_hz;
    self->harmony_rate_hz = next->harmony_rate_hz;
    self->harmony_width   = next->harmony_width;
    kt_err_t err          = grow_rises(self, next->frames);
    if (!err)
        err = grow_harmony(self, next->harmony_frames);
    if (err)
        return err;
    if (next->frames > 0)
        memcpy(self->rises + self->frames * KT_ENVELOPE_WIDTH, next->rises,
               next->frames * KT_ENVELOPE_WIDTH * sizeof *self->rises);
    if (next->harmony_frames > 0) {
        memcpy(self->harmony + self->harmony_frames * self->harmony_width, next->harmony,
               next->harmony_frames * self->harmony_width * sizeof *self->harmony);
        memcpy(self->bass + self->harmony_frames * KT_BASS_WIDTH, next->bass,
               next->harmony_frames * KT_BASS_WIDTH * sizeof *self->bass);
    }
    self->frames += next->frames;
    self->harmony_frames += next->harmony_frames;
    return KT_OK;
}

void
kt_rhythm_rows_drop(kt_rhythm_rows_t *self, size_t frames)
{
    // Rows of harmony are longer than frames: which of them is the first one is counted from the stream's start.
    const double   ratio = self->harmony_rate_hz / self->rate_hz;
    const uint64_t had   = (uint64_t)((double)self->first * ratio + 0.5);
    const uint64_t rest  = (uint64_t)((double)(self->first + frames) * ratio + 0.5);
    size_t         rows  = (size_t)(rest - had);
    rows                 = rows < self->harmony_frames ? rows : self->harmony_frames;
    self->frames -= frames;
    self->harmony_frames -= rows;
    self->first += frames;
    memmove(self->rises, self->rises + frames * KT_ENVELOPE_WIDTH,
            self->frames * KT_ENVELOPE_WIDTH * sizeof *self->rises);
    memmove(self->harmony, self->harmony + rows * self->harmony_width,
            self->harmony_frames * self->harmony_width * sizeof *self->harmony);
    memmove(self->bass, self->bass + rows * KT_BASS_WIDTH, self->harmony_frames * KT_BASS_WIDTH * sizeof *self->bass);
}

void
kt_rhythm_rows_fini(kt_rhythm_rows_t *self)
{
    free(self->rises);
    free(self->harmony);
    free(self->bass);
    *self = (kt_rhythm_rows_t){0};
}
