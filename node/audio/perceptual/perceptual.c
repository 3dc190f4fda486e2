// perceptual -- gathers the descriptors of perceptual.h: its own means over frames, and what loudness, rhythm and key
// wrote into the document; then calls each estimator. Instrumentalness and speechiness come from models alone
// (node/audio/models), and liveness has no source.
#include "node/audio/perceptual/perceptual.h"

#include "node/audio/modules.h"

#include <stdlib.h>
#include <string.h>

typedef struct perceptual {
    uint32_t         channels;
    double           seconds;
    double           frames, onset;              // sum over frames
    double           level, centroid, flatness;  // sums weighted with the level
    kt_fluctuation_t fluctuation;
} perceptual_t;

enum {
    READS = KT_READS(KT_MATRIX_CENTROID) | KT_READS(KT_MATRIX_FLATNESS) | KT_READS(KT_MATRIX_RMS) |
            KT_READS(KT_MATRIX_ONSET),
};

static const struct {
    kt_feature_t feature;
    double (*estimate)(const kt_descriptors_t *descriptors);
    const char *reason;  // when the estimator has no answer
} estimators[] = {
    {KT_FEATURE_PERCEPTUAL_energy, kt_energy, "not defined"},
    {KT_FEATURE_PERCEPTUAL_valence, kt_valence, "not defined"},
    {KT_FEATURE_PERCEPTUAL_danceability, kt_danceability, "the level does not fluctuate"},
    {KT_FEATURE_PERCEPTUAL_acousticness, kt_acousticness, "not defined"},
};

static kt_err_t
perceptual_new(void **state, const kt_stream_t *stream)
{
    perceptual_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->channels = stream->channels;
    *state         = self;
    return KT_OK;
}

static void
perceptual_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static void
perceptual_add(perceptual_t *self, const perceptual_t *more)
{
    self->seconds += more->seconds;
    self->frames += more->frames;
    self->onset += more->onset;
    self->level += more->level;
    self->centroid += more->centroid;
    self->flatness += more->flatness;
    self->fluctuation.sounding += more->fluctuation.sounding;
    for (int j = 0; j < KT_FLUCTUATION_SCALES; j++) {
        self->fluctuation.residual[j] += more->fluctuation.residual[j];
        self->fluctuation.blocks[j] += more->fluctuation.blocks[j];
    }
}

static kt_err_t
perceptual_fold(void *state, const kt_segment_t *segment)
{
    perceptual_t here = {0};
    size_t       samples;
    (void)kt_segment_samples(segment, &samples);
    here.seconds = (double)samples / kt_plan_opts(kt_segment_plan(segment))->rate_hz;

    const float *rms = kt_segment_matrix(segment, KT_MATRIX_RMS), *onset = kt_segment_matrix(segment, KT_MATRIX_ONSET);
    const float *centroid = kt_segment_matrix(segment, KT_MATRIX_CENTROID);
    const float *flatness = kt_segment_matrix(segment, KT_MATRIX_FLATNESS);
    for (size_t t = 0; t < kt_segment_frames(segment); t++) {
        here.frames++;
        here.onset += onset[t];
        here.level += rms[t];
        here.centroid += (double)rms[t] * centroid[t];
        here.flatness += (double)rms[t] * log10(fmax(flatness[t], 1e-10));
    }
    kt_err_t err = kt_fluctuation_fold(&here.fluctuation, segment);
    if (!err)
        perceptual_add(state, &here);
    return err;
}

static kt_err_t
perceptual_merge(void **state, void **next)
{
    perceptual_add(*state, *next);
    return KT_OK;
}

static double
document_value(const kt_document_t *document, kt_feature_t feature)
{
    double value;
    return kt_document_values(document, feature, &value, 1) == 1 ? value : NAN;
}

static kt_err_t
perceptual_finish(const void *state, kt_document_t *document)
{
    const perceptual_t    *self        = state;
    const char            *mode        = kt_document_text_of(document, KT_FEATURE_MIR_mode);
    const kt_descriptors_t descriptors = {
        .loudness       = document_value(document, KT_FEATURE_PERCEPTUAL_loudness),
        .onset_strength = self->frames > 0 ? self->onset / self->frames : NAN,
        .centroid       = self->level > 0 ? self->centroid / self->level : NAN,
        .flatness       = self->level > 0 ? self->flatness / self->level : NAN,
        .mode           = mode ? (strcmp(mode, "major") == 0 ? 1 : -1) : NAN,
        .key_strength   = document_value(document, KT_FEATURE_MIR_key_strength),
        .tempo          = document_value(document, KT_FEATURE_MIR_tempo),
        .scaling        = kt_fluctuation_exponent(&self->fluctuation),
    };

    const char *all = NULL;  // the reason why no value is defined
    if (self->channels == 0)
        all = "no sound";
    else if (self->seconds < 1)
        all = self->seconds > 0 ? "shorter than 1 s" : "the sound has no samples";
    else if (!(self->level > 0))
        all = "silence when mixed to mono";
    else if (isnan(descriptors.loudness))
        all = "the loudness is not defined";
    else if (self->fluctuation.sounding < 1)
        all = "less than a second of sound";
    for (size_t i = 0; i < sizeof estimators / sizeof *estimators; i++) {
        double value = all ? NAN : estimators[i].estimate(&descriptors);
        if (isfinite(value))
            kt_document_real(document, estimators[i].feature, fmin(fmax(value, 0), 1));
        else
            kt_document_null(document, estimators[i].feature, all ? all : estimators[i].reason);
    }
    kt_document_null(document, KT_FEATURE_PERCEPTUAL_liveness,
                     "no source: neither a signal method nor a default model");
    return KT_OK;
}

const kt_module_t kt_module_perceptual = {
    .name    = "perceptual",
    .stage   = "audio_perceptual",
    .options = KT_OPTION_PERCEPTUAL,
    .reads   = READS | KT_READS_SAMPLES,
    .new     = perceptual_new,
    .segment = perceptual_fold,
    .finish  = perceptual_finish,
    .merge   = perceptual_merge,
    .destroy = perceptual_destroy,
};
