#include "tests/truth/fit/rhythm_evidence.h"

#include "kernels/isa.h"
#include "proto/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_HZ = 22050 };

kt_err_t
rhythm_evidence_open(rhythm_evidence_t *self, const char *models)
{
    char                     why[KT_CATALOGUE_WHY] = "";
    const kt_frontend_opts_t opts                  = {
                         .rate_hz = RATE_HZ, .n_fft = 2048, .hop = 512, .n_mels = 128, .n_mfcc = 13, .n_chroma = 12};
    kt_err_t err = kithara_open(&self->library, NULL) ? KT_EIO : kt_plan_new(&self->analysis, &opts);
    if (!err)
        err = kt_envelope_plan(&self->envelope, RATE_HZ);
    if (!err)
        err = kt_device_cpu(&self->device, NULL);
    if (!err)
        err = kt_bass_new(&self->bass, kt_device_isa(self->device)->rows, RATE_HZ, kt_rhythm_harmony_hop(&opts));
    if (!err && models)
        err = kt_model_set_open(&self->models, models, &(kt_model_opts_t){0}, why);
    if (err)
        fprintf(stderr, "%s %s\n", kt_err_name(err), why);
    return err;
}

void
rhythm_evidence_close(rhythm_evidence_t *self)
{
    kt_model_set_release(&self->models);
    kt_bass_destroy(&self->bass);
    kt_device_destroy(&self->device);
    kt_plan_destroy(&self->envelope);
    kt_plan_destroy(&self->analysis);
    kithara_close(&self->library);
}

const char *
rhythm_evidence_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static kt_err_t
fill_segment(kt_segment_t *segment, const float *samples, size_t n)
{
    size_t   taken;
    kt_err_t err = kt_segment_feed(segment, samples, n, &taken);
    if (!err && taken == n) {
        kt_segment_end(segment);
        float *zeros = calloc(kt_segment_padding(segment) + 1, sizeof *zeros);
        err          = zeros ? kt_segment_feed(segment, zeros, kt_segment_padding(segment), &taken) : KT_ENOMEM;
        free(zeros);
    }
    return err ? err : kt_segment_close(segment);
}

// No group of features is requested, so that no other model runs.
static kt_err_t
run_models(const rhythm_evidence_t *self, const float *samples, size_t n, kt_audio_models_t **out)
{
    const kt_audio_models_opts_t opts = {
        .set = self->models, .rate_hz = RATE_HZ, .channels = 1, .options = KT_OPTION_MODELS, .end = UINT64_MAX};
    bool     there;
    kt_err_t err = kt_audio_models_new(out, &opts);
    if (!err)
        err = kt_audio_models_request(*out, KT_MODELS_BEATS, &there);
    if (!err)
        err = kt_audio_models_push(*out, samples, n);
    return err ? err : kt_audio_models_close(*out);
}

kt_err_t
rhythm_evidence_of(rhythm_evidence_t *self, const char *path, kt_evidence_t *out)
{
    float  *samples = NULL;
    size_t  n;
    int32_t why = kithara_read_mono(self->library, path, RATE_HZ, 0, KT_SEGMENT_SECONDS, &samples, &n);
    if (why) {
        fprintf(stderr, "%s: %s\n", path, kithara_why());
        return KT_ENOTFOUND;
    }
    kt_segment_t      *segment = NULL;
    kt_audio_models_t *models  = NULL;
    kt_rhythm_rows_t   rows    = {0};
    kt_evidence_t      made    = {0};
    kt_err_t           err     = kt_segment_new(&segment, self->analysis, self->device, KT_SEGMENT_SECONDS,
                                                KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES);
    if (!err)
        err = fill_segment(segment, samples, n);
    if (!err)
        err = kt_rhythm_rows_begin(&rows, self->device, self->envelope, self->bass, segment);
    if (!err)
        err = kt_rhythm_rows_add(&rows, self->device, segment);
    if (!err)
        err = run_models(self, samples, n, &models);
    rows.activations = kt_activation_rows_of(models);
    if (!err)
        err = kt_evidence_new(&made, &rows, 0, n / kt_plan_opts(self->envelope)->hop + 1);
    if (!err)
        err = kt_evidence_compare(&made);
    if (err)
        kt_evidence_fini(&made);
    else
        *out = made;
    kt_rhythm_rows_fini(&rows);
    kt_segment_destroy(&segment);
    kt_audio_models_destroy(&models);
    kithara_free(samples);
    return err;
}
