// key -- key, mode and tuning of the whole file: pitch classes of the spectral peaks (pitch_classes.h) correlated with
// the profiles of 24 keys (key_profiles.h). A file without pitch has no key.
#include "kernels/isa.h"
#include "node/audio/key/key_profiles.h"
#include "node/audio/modules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Of one note alone any key that has it could be meant. A pure tone and its octaves have 1, one with all overtones .55
// to .8; of 120 pieces of synthesised and real music none has more than .25.
static const double MOST_ALONE = 0.7;
// Noise has 0; speech of six voices 0.01 to 0.05, real and synthesised music 0.06 and more.
static const double LEAST_FOCUS = 0.02;

typedef struct key {
    kt_device_t        *device;   // borrowed
    kt_cents_counter_t *counter;  // NULL: not defined at this rate
    kt_device_job_t    *job;      // of the segment that is closing; NULL: there is none, or it is over
    kt_cents_t          cents;    // of the segment
    kt_pitch_classes_t  classes;
} kt_key_module_t;

static void
key_destroy(void **state)
{
    kt_key_module_t *self = *state;
    if (!self)
        return;
    kt_device_cancel(self->device, &self->job);
    kt_cents_counter_destroy(&self->counter);
    free(self);
    *state = NULL;
}

static kt_err_t
key_new(void **state, const kt_stream_t *stream)
{
    kt_key_module_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device = stream->device;
    kt_err_t err = stream->channels ? kt_cents_counter_new(&self->counter, kt_device_isa(stream->device)->rows,
                                                           kt_plan_opts(stream->plan)->rate_hz)
                                    : KT_OK;
    if (err == KT_ENOMEM) {
        key_destroy((void **)&self);
        return err;
    }
    *state = self;
    return KT_OK;
}

static kt_err_t
key_begin(void *state, const kt_segment_t *segment)
{
    kt_key_module_t *self = state;
    size_t           n;
    const float     *samples = kt_segment_samples(segment, &n);
    kt_err_t         err     = KT_OK;
    if (self->counter)
        err = kt_device_begin_cents(self->device, self->counter, samples, n, &self->cents, &self->job);
    return err;
}

static kt_err_t
key_fold(void *state, const kt_segment_t *segment)
{
    kt_key_module_t *self = state;
    const kt_err_t   err  = kt_device_end(self->device, &self->job);
    (void)segment;
    if (!err && self->counter)
        kt_pitch_classes_fold(&self->classes, &self->cents);
    return err;
}

static kt_err_t
key_merge(void **state, void **next)
{
    kt_key_module_t *self = *state, *later = *next;
    kt_pitch_classes_merge(&self->classes, &later->classes);
    return KT_OK;
}

static void
write_key_nulls(kt_document_t *document, const char *reason)
{
    kt_document_null(document, KT_FEATURE_MIR_key, reason);
    kt_document_null(document, KT_FEATURE_MIR_mode, reason);
    kt_document_null(document, KT_FEATURE_MIR_key_strength, reason);
    kt_document_null(document, KT_FEATURE_MIR_key_alternative, reason);
}

static void
write_nulls(kt_document_t *document, const char *reason)
{
    write_key_nulls(document, reason);
    kt_document_null(document, KT_FEATURE_MIR_tuning, reason);
}

static kt_err_t
key_finish(const void *state, kt_document_t *document)
{
    const kt_key_module_t *self = state;
    double                 profile[KT_PITCH_CLASSES], sum = 0;
    if (!self->counter) {
        write_nulls(document, "no sound, or an analysis rate below 8000 Hz");
        return KT_OK;
    }
    kt_pitch_classes_profile(&self->classes, profile);
    for (int c = 0; c < KT_PITCH_CLASSES; c++)
        sum += profile[c];
    if (sum <= 0 || kt_pitch_classes_focus(&self->classes) < LEAST_FOCUS) {
        write_nulls(document, sum <= 0 ? "silence" : "no pitch: the peaks keep to no scale");
        return KT_OK;
    }
    kt_document_real(document, KT_FEATURE_MIR_tuning, kt_pitch_classes_tuning(&self->classes));
    if (kt_pitch_classes_alone(&self->classes) > MOST_ALONE) {
        write_key_nulls(document, "one pitch class alone sounds, which is part of many keys");
        return KT_OK;
    }
    kt_musical_key_t key = kt_key_of(profile);
    char             second[16];
    snprintf(second, sizeof second, "%s %s", kt_key_tonic(key.second), kt_key_mode(key.second));
    kt_document_text(document, KT_FEATURE_MIR_key, kt_key_tonic(key.best));
    kt_document_text(document, KT_FEATURE_MIR_mode, kt_key_mode(key.best));
    kt_document_real(document, KT_FEATURE_MIR_key_strength, fmax(-1, fmin(1, key.strength)));
    kt_document_text(document, KT_FEATURE_MIR_key_alternative, second);
    return KT_OK;
}

const kt_module_t kt_module_key = {
    .name    = "key",
    .stage   = "audio_mir",
    .options = KT_OPTION_MIR,
    .reads   = KT_READS_SAMPLES,
    .new     = key_new,
    .begin   = key_begin,
    .segment = key_fold,
    .finish  = key_finish,
    .merge   = key_merge,
    .destroy = key_destroy,
};
