// similarity -- three scaled_unit_vector vectors for cosine distance (version 1): spectral (timbre), mir (rhythm and
// harmony) and both. Every raw value (similarity.h) is put to mean 0 and deviation 1 over real tracks, limited to 4
// deviations and weighted by how little a cut or a codec changes it (scale.c), then each vector is divided by its
// length; combined holds both with equal weight. Vectors of other definitions must not be compared, so at other
// settings than the defaults there are none.
//
// Where a model gives an embedding (musicnn's last layer but one, a mean over blocks), combined has it as a third part
// of equal weight, and its method is "models-1" with that model and its version, so that it is compared with its like
// only. Without models, or where the embedding is unknown, it is "signal-1".
#include "node/audio/similarity/similarity.h"

#include "node/audio/modules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double LIMIT = 4;
enum { LEAST_FRAMES = 44 };  // one second

typedef struct similarity {
    kt_audio_models_t *models;  // of the analysis
    bool               defined, heard;
    kt_timbre_t        timbre;
    kt_pattern_t       pattern;
} similarity_t;

static void
similarity_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static kt_err_t
similarity_new(void **state, const kt_stream_t *stream)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(stream->plan);
    similarity_t             *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->defined = opts->rate_hz == 22050 && opts->n_fft == 2048 && opts->hop == 512 && opts->n_mels == 128 &&
                    opts->n_chroma == 12;
    self->models = stream->models;
    *state       = self;
    return KT_OK;
}

static void
similarity_add(similarity_t *self, const similarity_t *more)
{
    self->heard |= more->heard;
    kt_timbre_add(&self->timbre, &more->timbre);
    kt_pattern_add(&self->pattern, &more->pattern);
}

static kt_err_t
similarity_fold(void *state, const kt_segment_t *segment)
{
    similarity_t *self   = state;
    size_t        frames = kt_segment_frames(segment);
    if (!self->defined)
        return KT_OK;
    float *bands = calloc(frames * KT_SIM_BANDS, sizeof *bands);
    if (!bands)
        return KT_ENOMEM;
    kt_err_t     err  = KT_OK;
    similarity_t here = {.heard = kt_similarity_bands(segment, bands)};
    if (here.heard) {
        kt_timbre_fold(&here.timbre, bands, frames);
        err = kt_pattern_fold(&here.pattern, bands, kt_segment_matrix(segment, KT_MATRIX_CHROMA), frames);
    }
    if (!err)
        similarity_add(self, &here);
    free(bands);
    return err;
}

static kt_err_t
similarity_merge(void **state, void **next)
{
    similarity_add(*state, *next);
    return KT_OK;
}

// Raw values to one scale, then to length 1. False if nothing is left.
static bool
scaled_unit_vector(const double *raw, const kt_similarity_scale_t *scale, size_t n, double *out)
{
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = scale[i].weight * fmax(-LIMIT, fmin(LIMIT, (raw[i] - scale[i].mean) / scale[i].deviation));
        square += out[i] * out[i];
    }
    for (size_t i = 0; i < n && square > 0; i++)
        out[i] /= sqrt(square);
    return square > 0;
}

static void
write_vector_nulls(kt_document_t *document, const char *reason)
{
    kt_document_null(document, KT_FEATURE_VECTORS_spectral_vector, reason);
    kt_document_null(document, KT_FEATURE_VECTORS_mir_vector, reason);
    kt_document_null(document, KT_FEATURE_VECTORS_combined_vector, reason);
}

// Three parts of one weight: out has room for KT_SIM_COMBINED + n values, the first two parts are there. False: an
// embedding without a direction.
static bool
append_embedding(double *out, const float *embedding, size_t n)
{
    double square = 0, third = sqrt(1.0 / 3);
    for (size_t i = 0; i < n; i++)
        square += (double)embedding[i] * embedding[i];
    if (!(square > 0) || !isfinite(square))
        return false;
    for (int i = 0; i < KT_SIM_COMBINED; i++)
        out[i] *= third / M_SQRT1_2;
    for (size_t i = 0; i < n; i++)
        out[KT_SIM_COMBINED + i] = third * embedding[i] / sqrt(square);
    return true;
}

// spectral and mir are side by side in out, which has room for an embedding after them.
static kt_err_t
write_combined(const similarity_t *self, kt_document_t *document, double *out)
{
    char     version[96], method[128];
    size_t   n   = 0;
    kt_err_t err = kt_audio_models_close(self->models);
    if (err)
        return err;
    const float *embedding = kt_audio_models_embedding(self->models, &n, version);
    for (int i = 0; i < KT_SIM_COMBINED; i++)
        out[i] *= M_SQRT1_2;
    bool more = embedding && n <= KT_SIM_EMBEDDING && append_embedding(out, embedding, n);
    kt_document_reals(document, KT_FEATURE_VECTORS_combined_vector, out, KT_SIM_COMBINED + (more ? n : 0));
    if (!more)
        return KT_OK;
    snprintf(method, sizeof method, "models-1 %s", version);
    kt_document_method(document, KT_FEATURE_VECTORS_combined_vector, method);
    kt_audio_models_name_embedding(self->models, document);
    return KT_OK;
}

static kt_err_t
similarity_finish(const void *state, kt_document_t *document)
{
    const similarity_t *self = state;
    double              raw[KT_SIM_COMBINED], out[KT_SIM_COMBINED + KT_SIM_EMBEDDING];
    double             *pattern = out + KT_SIM_TIMBRE;
    if (!self->defined || !self->heard || self->timbre.frames < LEAST_FRAMES) {
        const char *short_or_silent = self->heard ? "shorter than a second" : "silence";
        write_vector_nulls(document,
                           self->defined ? short_or_silent : "defined at 22050 Hz, n_fft 2048, hop 512, 128 mel bands");
        return KT_OK;
    }
    kt_timbre_values(&self->timbre, raw);
    kt_pattern_values(&self->pattern, raw + KT_SIM_TIMBRE);
    if (!scaled_unit_vector(raw, kt_similarity_scales, KT_SIM_TIMBRE, out) ||
        !scaled_unit_vector(raw + KT_SIM_TIMBRE, kt_similarity_scales + KT_SIM_TIMBRE, KT_SIM_PATTERN, pattern)) {
        write_vector_nulls(document, "nothing to compare");
        return KT_OK;
    }
    kt_document_reals(document, KT_FEATURE_VECTORS_spectral_vector, out, KT_SIM_TIMBRE);
    kt_document_reals(document, KT_FEATURE_VECTORS_mir_vector, pattern, KT_SIM_PATTERN);
    return write_combined(self, document, out);
}

const kt_module_t kt_module_similarity = {
    .name    = "similarity",
    .stage   = "audio_similarity",
    .options = KT_OPTION_SIMILARITY,
    .reads   = KT_READS(KT_MATRIX_BANDS) | KT_READS(KT_MATRIX_CHROMA),
    .new     = similarity_new,
    .segment = similarity_fold,
    .finish  = similarity_finish,
    .merge   = similarity_merge,
    .destroy = similarity_destroy,
};
