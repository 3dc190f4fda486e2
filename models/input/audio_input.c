#include "models/input/audio_input.h"

#include "common/buf.h"
#include "common/digest.h"
#include "models/input/audio_bank.h"
#include "models/input/audio_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

// Of the natural logarithm.
static const double GAIN[] = {
    [KT_LOG_LOG10] = 0.43429448190325182765, [KT_LOG_LN] = 1, [KT_LOG_DB] = 4.3429448190325182765};

enum { MOST_KEY = 4096 };

static double *
window_new(const kt_audio_spec_t *spec)
{
    const double period = spec->window == KT_WINDOW_HANN ? spec->length : spec->length - 1.0;
    double      *out    = malloc(spec->length * sizeof *out);
    for (uint32_t i = 0; out && i < spec->length; i++) {
        const double hann = 0.5 - 0.5 * cos(2 * PI * i / period);
        out[i]            = spec->window == KT_WINDOW_POVEY ? pow(hann, 0.85) : hann;
    }
    return out;
}

static kt_err_t
make_bank(kt_audio_input_t *self, char why[KT_KTM_WHY])
{
    const kt_audio_spec_t *spec = &self->spec;
    kt_audio_bank_t        bank;
    kt_err_t               err = kt_audio_bank_init(&bank, spec, why);
    if (err)
        return err;
    double *window = window_new(spec);
    err            = !window ? KT_ENOMEM
                             : kt_filterbank_new(&self->bank, &(kt_filterbank_opts_t){.n           = spec->fft,
                                                                                      .length      = spec->length,
                                                                                      .hop         = spec->hop,
                                                                                      .window      = window,
                                                                                      .scale       = spec->scale,
                                                                                      .preemphasis = spec->preemphasis,
                                                                                      .offset      = spec->offset,
                                                                                      .magnitude   = spec->magnitude,
                                                                                      .half        = spec->half,
                                                                                      .factor      = (float)spec->log_scale,
                                                                                      .term        = (float)spec->log_offset,
                                                                                      .floor       = (float)spec->floor,
                                                                                      .gain        = (float)GAIN[spec->log],
                                                                                      .n_bands     = bank.n_bands,
                                                                                      .bands       = bank.bands,
                                                                                      .weights     = bank.weights,
                                                                                      .n_weights   = bank.n_weights});
    free(window);
    self->bands = bank.n_bands;
    self->width = bank.n_bands * (spec->difference ? 2 : 1);
    kt_audio_bank_fini(&bank);
    return err;
}

// A tensor of one value per band, copied.
static kt_err_t
copy_tensor(const kt_audio_input_t *self, const kt_ktm_t *file, const char *name, float **out, char why[KT_KTM_WHY])
{
    if (!name)
        return KT_OK;
    const kt_ktm_tensor_t *tensor = file ? kt_ktm_find(file, name) : NULL;
    if (!tensor || tensor->type != KT_KTM_F32 || tensor->rank != 1 || tensor->count != self->bands) {
        snprintf(why, KT_KTM_WHY, "input: '%.63s' must be an f32 tensor [%zu]", name, self->bands);
        return KT_EMODEL;
    }
    *out = malloc(self->bands * sizeof **out);
    if (!*out)
        return KT_ENOMEM;
    memcpy(*out, tensor->data, self->bands * sizeof **out);
    return KT_OK;
}

static kt_err_t
make_silence(kt_audio_input_t *self)
{
    const kt_audio_spec_t *spec = &self->spec;
    self->silence               = calloc(self->width, sizeof *self->silence);
    if (!self->silence)
        return KT_ENOMEM;
    const float value = (float)(GAIN[spec->log] * log(fmax(spec->floor, spec->log_offset)));
    for (size_t b = 0; b < self->bands; b++)
        self->silence[b] = (value - (self->mean ? self->mean[b] : 0)) * (self->inverse_std ? self->inverse_std[b] : 1);
    return KT_OK;
}

static void
add_digest(kt_buf_t *key, const float *values, size_t count)
{
    kt_digest_t digest;
    char        hex[KT_DIGEST_HEX] = "-";
    if (values) {
        kt_digest_of(values, count * sizeof *values, &digest);
        kt_digest_hex(&digest, hex);
    }
    kt_buf_fmt(key, " %s", hex);
}

// All that a row depends on.
static kt_err_t
make_key(kt_audio_input_t *self)
{
    const kt_audio_spec_t *s = &self->spec;
    kt_buf_t               key;
    kt_buf_init(&key, MOST_KEY);
    kt_buf_fmt(&key, "%u %.17g frame %u %u %u %d %d %d %d %.17g", s->rate_hz, s->scale, s->length, s->hop, s->fft,
               s->window, s->centre, s->partial, s->offset, s->preemphasis);
    kt_buf_fmt(&key, " bands %d %d %d %u %u %.17g %.17g %.17g", s->magnitude, s->half, s->bands, s->count,
               s->per_octave, s->low_hz, s->high_hz, s->reference_hz);
    kt_buf_fmt(&key, " log %d %.17g %.17g %.17g difference %d", s->log, s->log_scale, s->log_offset, s->floor,
               s->difference);
    add_digest(&key, self->mean, self->bands);
    add_digest(&key, self->inverse_std, self->bands);
    self->key = kt_buf_take(&key, NULL);
    return self->key ? KT_OK : KT_ENOMEM;
}

static kt_err_t
input_new(kt_audio_input_t **self_p, const json_t *input, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    kt_err_t          err  = KT_ENOMEM;
    kt_audio_input_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    if ((err = kt_audio_spec_read(&self->spec, input, why)) || (err = make_bank(self, why)) ||
        (err = copy_tensor(self, file, self->spec.mean, &self->mean, why)) ||
        (err = copy_tensor(self, file, self->spec.inverse_std, &self->inverse_std, why)) ||
        (err = make_silence(self)) || (err = make_key(self)))
        goto fail;
    self->spec.mean = self->spec.inverse_std = NULL;
    *self_p                                  = self;
    return KT_OK;
fail:
    kt_audio_input_destroy(&self);
    return err;
}

kt_err_t
kt_audio_input_new(kt_audio_input_t **self_p, const kt_ktm_t *file, char why[KT_KTM_WHY])
{
    return input_new(self_p, kt_json_get(kt_ktm_header(file), "input"), file, why);
}

kt_err_t
kt_audio_input_parse(kt_audio_input_t **self_p, const json_t *input, char why[KT_KTM_WHY])
{
    return input_new(self_p, input, NULL, why);
}

void
kt_audio_input_destroy(kt_audio_input_t **self_p)
{
    kt_audio_input_t *self = *self_p;
    if (!self)
        return;
    kt_filterbank_destroy(&self->bank);
    free(self->mean);
    free(self->inverse_std);
    free(self->silence);
    free(self->key);
    free(self);
    *self_p = NULL;
}

uint32_t
kt_audio_input_rate(const kt_audio_input_t *self)
{
    return self->spec.rate_hz;
}

size_t
kt_audio_input_width(const kt_audio_input_t *self)
{
    return self->width;
}

const kt_audio_blocks_t *
kt_audio_input_blocks(const kt_audio_input_t *self)
{
    return &self->spec.blocks;
}

size_t
kt_audio_input_states(const kt_audio_input_t *self, const kt_audio_state_t **states)
{
    *states = self->spec.states;
    return self->spec.n_states;
}

const char *
kt_audio_input_key(const kt_audio_input_t *self)
{
    return self->key;
}

const float *
kt_audio_input_silence(const kt_audio_input_t *self)
{
    return self->silence;
}

void
kt_audio_input_place(const kt_audio_input_t *self, const float *rows, size_t n, float *out)
{
    const kt_audio_spec_t *spec  = &self->spec;
    const size_t           width = self->width;
    float                  low = -INFINITY, largest = 0;
    if (n && (spec->top_db > 0 || spec->relative)) {
        float most = rows[0];
        for (size_t i = 1; i < n * width; i++)
            most = rows[i] > most ? rows[i] : most;
        low     = spec->top_db > 0 ? most - (float)spec->top_db : low;
        largest = spec->relative ? most : 0;
    }
    const bool   bands_first = spec->layout == KT_LAYOUT_N1FT || spec->layout == KT_LAYOUT_NFT;
    const size_t row = bands_first ? 1 : width, band = bands_first ? n : 1;
    for (size_t t = 0; t < n; t++)
        for (size_t b = 0; b < width; b++) {
            const float value       = rows[t * width + b];
            out[t * row + b * band] = (value > low ? value : low) - largest;
        }
}
