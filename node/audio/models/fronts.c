#include "node/audio/models/fronts.h"

#include "common/json.h"
#include "kernels/audio/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATES = 4, FRONTS = 16, BLOCK = 4096, SPARE = 64 };
enum { ALIGN_S = 16 };  // a range has half a minute before its own frames
#define SOUND 1e-4F     // -80 dBFS

// Mono samples at one rate.
typedef struct rate {
    uint32_t       hz;
    kt_resample_t *resample;
    float         *out;
    size_t         capacity;
} rate_t;

typedef struct front {
    const kt_audio_input_t *input;
    kt_audio_rows_t        *rows;
    size_t                  rate;
    uint64_t                hop, first;
    float                  *out;  // rows of one push of samples
} front_t;

struct kt_fronts {
    uint32_t        rate_hz, channels;
    const kt_isa_t *isa;
    uint64_t        start_s, skip;  // where the models' samples begin; frames before that
    uint64_t        own, end;
    uint64_t        at, sounding;  // frame of the source that comes next
    size_t          n_rates, n_fronts, n_mono;
    rate_t          rates[RATES];
    front_t         fronts[FRONTS];
    float          *mono;
    kt_rows_fn     *take;
    void           *context;
};

kt_err_t
kt_fronts_new(kt_fronts_t **self_p, const kt_fronts_opts_t *opts, kt_rows_fn *take, void *context)
{
    kt_fronts_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->rate_hz  = opts->rate_hz;
    self->channels = opts->channels;
    self->isa      = opts->isa;
    self->take     = take;
    self->context  = context;
    // A range begins at a whole number of seconds that is one of rows too, at all usual rates and hops: then its rows
    // are those of the whole stream. Its first rows lack what was before, and only give context.
    uint64_t whole = (uint64_t)ALIGN_S * opts->rate_hz;
    self->start_s  = (opts->from + whole - 1) / whole * ALIGN_S;
    self->skip     = self->start_s * opts->rate_hz - opts->from;
    self->at       = self->start_s * opts->rate_hz;
    self->own      = opts->own;
    self->end      = opts->end;
    self->mono     = calloc(BLOCK, sizeof *self->mono);
    if (!self->mono) {
        kt_fronts_destroy(&self);
        return KT_ENOMEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_fronts_destroy(kt_fronts_t **self_p)
{
    kt_fronts_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_rates; i++) {
        kt_resample_destroy(&self->rates[i].resample);
        free(self->rates[i].out);
    }
    for (size_t i = 0; i < self->n_fronts; i++) {
        kt_audio_rows_destroy(&self->fronts[i].rows);
        free(self->fronts[i].out);
    }
    free(self->mono);
    free(self);
    *self_p = NULL;
}

static kt_err_t
find_rate(kt_fronts_t *self, uint32_t hz, size_t *out)
{
    for (*out = 0; *out < self->n_rates; ++*out)
        if (self->rates[*out].hz == hz)
            return KT_OK;
    if (self->n_rates == RATES)
        return KT_EFULL;
    rate_t  *rate = &self->rates[self->n_rates];
    kt_err_t err  = kt_resample_new(&rate->resample, self->rate_hz, hz);
    if (err)
        return err;
    rate->hz       = hz;
    rate->capacity = (size_t)((uint64_t)BLOCK * hz / self->rate_hz) + SPARE;
    rate->out      = calloc(rate->capacity, sizeof *rate->out);
    if (!rate->out) {
        kt_resample_destroy(&rate->resample);
        return KT_ENOMEM;
    }
    *out = self->n_rates++;
    return KT_OK;
}

// The reader of the input has checked it.
static uint64_t
hop_of(const kt_model_t *model)
{
    const json_t *input = kt_json_get(kt_ktm_header(kt_model_file(model)), "input");
    int64_t       hop   = kt_json_i64(kt_json_get(input, "frame"), "hop", 1);
    return hop > 0 ? (uint64_t)hop : 1;
}

kt_err_t
kt_fronts_add(kt_fronts_t *self, const kt_model_t *model, size_t *number)
{
    const kt_audio_input_t *input = kt_model_audio(model);
    for (*number = 0; *number < self->n_fronts; ++*number)
        if (strcmp(kt_audio_input_key(self->fronts[*number].input), kt_audio_input_key(input)) == 0)
            return KT_OK;
    if (self->n_fronts == FRONTS)
        return KT_EFULL;
    front_t *front = &self->fronts[self->n_fronts];
    kt_err_t err   = find_rate(self, kt_audio_input_rate(input), &front->rate);
    if (err || (err = kt_audio_rows_new(&front->rows, input, self->isa)))
        return err;
    front->input = input;
    front->hop   = hop_of(model);
    front->first = self->start_s * kt_audio_input_rate(input) / front->hop;
    size_t rows  = kt_audio_rows_room(front->rows, self->rates[front->rate].capacity);
    size_t last  = kt_audio_rows_room(front->rows, 0);
    front->out   = calloc((rows > last ? rows : last) + 1, kt_audio_input_width(input) * sizeof *front->out);
    if (!front->out) {
        kt_audio_rows_destroy(&front->rows);
        return KT_ENOMEM;
    }
    *number = self->n_fronts++;
    return KT_OK;
}

double
kt_fronts_rate(const kt_fronts_t *self, size_t front)
{
    return (double)kt_audio_input_rate(self->fronts[front].input) / (double)self->fronts[front].hop;
}

uint64_t
kt_fronts_hop(const kt_fronts_t *self, size_t front)
{
    return self->fronts[front].hop;
}

uint64_t
kt_fronts_first(const kt_fronts_t *self, size_t front)
{
    return self->fronts[front].first;
}

uint64_t
kt_fronts_row_of(const kt_fronts_t *self, size_t front, uint64_t frame)
{
    if (frame == UINT64_MAX)
        return frame;
    uint64_t hz = kt_audio_input_rate(self->fronts[front].input), rate_hz = self->rate_hz;
    uint64_t sample = frame / rate_hz * hz + frame % rate_hz * hz / rate_hz;
    return sample / self->fronts[front].hop;
}

static kt_err_t
give_samples(kt_fronts_t *self, size_t rate, const float *samples, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t f = 0; f < self->n_fronts && !err; f++) {
        front_t *front = &self->fronts[f];
        if (front->rate != rate)
            continue;
        size_t rows = kt_audio_rows_push(front->rows, samples, n, front->out);
        if (rows > 0)
            err = self->take(self->context, f, front->out, rows);
    }
    return err;
}

static kt_err_t
drain_rate(kt_fronts_t *self, size_t r, const float *mono, size_t n, bool last)
{
    rate_t *rate = &self->rates[r];
    for (size_t got;;) {
        kt_err_t err = last ? kt_resample_finish(rate->resample, rate->out, rate->capacity, &got)
                            : kt_resample_push(rate->resample, mono, n, rate->out, rate->capacity, &got);
        if (!err && got > 0)
            err = give_samples(self, r, rate->out, got);
        if (err || (last ? got == 0 : got < rate->capacity))
            return err;
        n = 0;
    }
}

// Blocks of fixed length, so that the caller's chunks change nothing.
static kt_err_t
flush_mono(kt_fronts_t *self)
{
    kt_err_t err = KT_OK;
    for (size_t r = 0; r < self->n_rates && !err && self->n_mono > 0; r++)
        err = drain_rate(self, r, self->mono, self->n_mono, false);
    self->n_mono = 0;
    return err;
}

kt_err_t
kt_fronts_push(kt_fronts_t *self, const float *pcm, size_t frames)
{
    size_t skip = self->skip < frames ? (size_t)self->skip : frames;
    self->skip -= skip;
    pcm += skip * self->channels;
    frames -= skip;
    for (size_t some; frames > 0 && self->n_fronts > 0; frames -= some, pcm += some * self->channels) {
        some = BLOCK - self->n_mono < frames ? BLOCK - self->n_mono : frames;
        kt_to_mono(pcm, some, self->channels, self->mono + self->n_mono);
        for (size_t i = 0; i < some; i++, self->at++)
            self->sounding +=
                fabsf(self->mono[self->n_mono + i]) > SOUND && self->at >= self->own && self->at < self->end;
        self->n_mono += some;
        kt_err_t err = self->n_mono == BLOCK ? flush_mono(self) : KT_OK;
        if (err)
            return err;
    }
    return KT_OK;
}

kt_err_t
kt_fronts_finish(kt_fronts_t *self)
{
    kt_err_t err = flush_mono(self);
    for (size_t r = 0; r < self->n_rates && !err; r++)
        err = drain_rate(self, r, NULL, 0, true);
    for (size_t f = 0; f < self->n_fronts && !err; f++) {
        size_t rows = kt_audio_rows_finish(self->fronts[f].rows, self->fronts[f].out);
        if (rows > 0)
            err = self->take(self->context, f, self->fronts[f].out, rows);
    }
    return err;
}

uint64_t
kt_fronts_sounding(const kt_fronts_t *self)
{
    return self->sounding;
}

void
kt_fronts_redirect(kt_fronts_t *self, void *context)
{
    self->context = context;
}
