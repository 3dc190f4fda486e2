#include "models/input/audio_private.h"

#include <stdlib.h>
#include <string.h>

// Frames are gathered and transformed in batches. The last samples of a push are kept until a frame is whole.
enum { BATCH = 64 };

struct kt_audio_rows {
    const kt_audio_input_t    *input;
    const kt_filterbank_ops_t *ops;
    void                      *scratch;
    float                     *pending;  // [room]: samples from the start of the next frame on
    size_t                     held, room;
    uint64_t                   samples, emitted;  // of the stream
    float                     *bands;             // [BATCH][bands]
    float                     *previous;          // [bands]: of the last row, for the difference
};

// Zeros before the first sample.
static size_t
lead_of(const kt_audio_spec_t *spec)
{
    return spec->centre ? spec->length / 2 : 0;
}

kt_err_t
kt_audio_rows_new(kt_audio_rows_t **self_p, const kt_audio_input_t *input, const kt_isa_t *isa)
{
    const kt_audio_spec_t *spec = &input->spec;
    kt_err_t               err  = KT_ENOMEM;
    kt_audio_rows_t       *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->input    = input;
    self->ops      = (isa ? isa : kt_isa(NULL))->filterbank;
    self->room     = spec->length - 1 + (size_t)BATCH * spec->hop;  // BATCH frames: after them less than one is left
    self->held     = lead_of(spec);
    self->scratch  = aligned_alloc(64, (self->ops->scratch_bytes(input->bank) + 63) / 64 * 64);
    self->pending  = calloc(self->room, sizeof *self->pending);
    self->bands    = calloc(BATCH * input->bands, sizeof *self->bands);
    self->previous = calloc(input->bands, sizeof *self->previous);
    if (!self->scratch || !self->pending || !self->bands || !self->previous)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_audio_rows_destroy(&self);
    return err;
}

void
kt_audio_rows_destroy(kt_audio_rows_t **self_p)
{
    kt_audio_rows_t *self = *self_p;
    if (!self)
        return;
    free(self->scratch);
    free(self->pending);
    free(self->bands);
    free(self->previous);
    free(self);
    *self_p = NULL;
}

size_t
kt_audio_rows_room(const kt_audio_rows_t *self, size_t n)
{
    const kt_audio_spec_t *spec = &self->input->spec;
    return (self->held + n + 2 * (size_t)spec->length) / spec->hop + 2;
}

// Bands [count][bands] to rows: normalised, and with the difference to the row before.
static void
finish_rows(kt_audio_rows_t *self, size_t count, float *out)
{
    const kt_audio_input_t *input = self->input;
    const size_t            bands = input->bands;
    for (size_t t = 0; t < count; t++, out += input->width) {
        memcpy(out, self->bands + t * bands, bands * sizeof *out);
        for (size_t b = 0; input->mean && b < bands; b++)
            out[b] -= input->mean[b];
        for (size_t b = 0; input->inverse_std && b < bands; b++)
            out[b] *= input->inverse_std[b];
        if (!input->spec.difference)
            continue;
        for (size_t b = 0; b < bands; b++) {
            const float rise = out[b] - self->previous[b];
            out[bands + b]   = self->emitted + t > 0 && rise > 0 ? rise : 0;
        }
        memcpy(self->previous, out, bands * sizeof *out);
    }
}

// Rows of all frames that are whole, at most BATCH; returns how many.
static size_t
emit(kt_audio_rows_t *self, float *out)
{
    const kt_audio_spec_t *spec = &self->input->spec;
    if (self->held < spec->length)
        return 0;
    const size_t count = (self->held - spec->length) / spec->hop + 1, used = count * spec->hop;
    self->ops->rows(self->input->bank, self->scratch, self->pending, count, self->bands);
    finish_rows(self, count, out);
    self->held -= used;
    memmove(self->pending, self->pending + used, self->held * sizeof *self->pending);
    self->emitted += count;
    return count;
}

// samples NULL: zeros.
static size_t
take(kt_audio_rows_t *self, const float *samples, size_t n, float *out)
{
    size_t rows = 0;
    while (n > 0) {
        const size_t part = n < self->room - self->held ? n : self->room - self->held;
        float       *to   = self->pending + self->held;
        if (samples) {
            memcpy(to, samples, part * sizeof *to);
            samples += part;
        } else
            memset(to, 0, part * sizeof *to);
        self->held += part;
        n -= part;
        rows += emit(self, out + rows * self->input->width);
    }
    return rows;
}

size_t
kt_audio_rows_push(kt_audio_rows_t *self, const float *samples, size_t n, float *out)
{
    self->samples += n;
    return take(self, samples, n, out);
}

size_t
kt_audio_rows_finish(kt_audio_rows_t *self, float *out)
{
    const kt_audio_spec_t *spec  = &self->input->spec;
    const uint64_t         whole = self->samples + 2 * lead_of(spec);
    uint64_t               total = whole < spec->length ? 0 : (whole - spec->length) / spec->hop + 1;
    if (spec->partial)
        total = (self->samples + spec->hop - 1) / spec->hop;
    if (self->samples == 0 || total <= self->emitted)
        return 0;
    // At most one frame's zeros follow the samples, so that few frames are left.
    const size_t left = (size_t)(total - self->emitted), needed = (left - 1) * spec->hop + spec->length;
    return take(self, NULL, needed > self->held ? needed - self->held : 0, out);
}
