// rhythm -- tempo, beats, bars and onsets of a stream: its rows are kept (rows.h) until ten minutes of them can be
// judged (epochs.h); what the beats say of the tempo is in tempi.h. Confidences are means over the windows.
#include "kernels/isa.h"
#include "node/audio/modules.h"
#include "node/audio/rhythm/epochs.h"
#include "node/audio/rhythm/tempi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ONSETS = 2, LEAST_BEATS = 4, MOST_METER = 7 };

static const double SAME_TEMPO = 0.04, SAME_OTHER = 0.02, LEAST_SECONDS = 2, SURE_CLARITY = 0.2;
// A stream below both has no beat. The spoken prompts of docs/accuracy.md reach 0.125 and 0.32, music with a known beat
// has at least 0.159 and 0.51.
static const double DOUBTFUL_CLARITY = 0.14, DOUBTFUL_CONFIDENCE = 0.35;

// Features that need a beat.
static const kt_feature_t BEAT[] = {
    KT_FEATURE_MIR_beats,
    KT_FEATURE_MIR_downbeats,
    KT_FEATURE_MIR_tempo,
    KT_FEATURE_MIR_tempo_changes,
    KT_FEATURE_MIR_tempo_stability,
    KT_FEATURE_MIR_tempo_confidence,
    KT_FEATURE_MIR_tempo_alternative,
    KT_FEATURE_MIR_time_signature,
    KT_FEATURE_MIR_time_signature_confidence,
    KT_FEATURE_MIR_beat_strength,
};

typedef struct rhythm {
    kt_device_t       *device;  // borrowed
    kt_plan_t         *plan;    // NULL: no sound
    kt_bass_t         *bass;
    kt_rhythm_rows_t   rows;
    kt_rhythm_found_t  found;   // of the epochs so far
    bool               begins;  // the rows are the stream's first ones; else they are judged after a merge
    uint64_t           samples;
    kt_audio_models_t *models;  // borrowed
} rhythm_t;

static void
rhythm_destroy(void **state)
{
    rhythm_t *self = *state;
    if (!self)
        return;
    kt_rhythm_rows_cancel(&self->rows, self->device);
    kt_rhythm_rows_fini(&self->rows);
    kt_rhythm_found_fini(&self->found);
    kt_plan_destroy(&self->plan);
    kt_bass_destroy(&self->bass);
    free(self);
    *state = NULL;
}

static kt_err_t
rhythm_new(void **state, const kt_stream_t *stream)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(stream->plan);
    rhythm_t                 *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device = stream->device;
    self->begins = stream->range.own == 0;
    self->models = stream->models;
    bool     there;
    kt_err_t err = kt_audio_models_request(self->models, KT_MODELS_BEATS, &there);
    if (!err && stream->channels > 0)
        err = kt_envelope_plan(&self->plan, opts->rate_hz);
    if (!err && self->plan)
        err = kt_bass_new(&self->bass, kt_device_isa(stream->device)->rows, opts->rate_hz, kt_rhythm_harmony_hop(opts));
    if (err) {
        rhythm_destroy((void **)&self);
        return err;
    }
    *state = self;
    return KT_OK;
}

// Judges what the rows hold, with the activations that there are: the models get samples before the segments.
static kt_err_t
judge_rows(rhythm_t *self)
{
    self->rows.activations = kt_activation_rows_of(self->models);
    return kt_epochs_judge(&self->found, &self->rows);
}

static kt_err_t
rhythm_begin(void *state, const kt_segment_t *segment)
{
    rhythm_t *self = state;
    return self->plan ? kt_rhythm_rows_begin(&self->rows, self->device, self->plan, self->bass, segment) : KT_OK;
}

static kt_err_t
rhythm_add(void *state, const kt_segment_t *segment)
{
    rhythm_t *self = state;
    size_t    n;
    if (!self->plan)
        return KT_OK;
    (void)kt_segment_samples(segment, &n);
    self->samples += n;
    kt_err_t err = kt_rhythm_rows_add(&self->rows, self->device, segment);
    return !err && self->begins ? judge_rows(self) : err;
}

static kt_err_t
rhythm_merge(void **state, void **next)
{
    rhythm_t *self = *state, *later = *next;
    self->samples += later->samples;
    kt_err_t err = kt_rhythm_rows_append(&self->rows, &later->rows);
    return !err && self->begins ? judge_rows(self) : err;
}

// --- the document ----------------------------------------------------------------------------------------------------

// What the windows of the stream's tempo say.
typedef struct verdict {
    double confidence, signature_confidence, clarity;  // means
    double other_bpm;                                  // 0: there is none
    int    signature;
} verdict_t;

static verdict_t
verdict_of(const kt_rhythm_found_t *found, double bpm)
{
    verdict_t    out                  = {.signature = 2};
    const size_t n                    = found->n_steps;
    double       vote[MOST_METER + 1] = {0}, held[MOST_METER + 1] = {0}, weight = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        const kt_path_step_t *step = &found->steps[i];
        if (step->signature == 0)
            continue;
        const double share = step->share * fmin(1, step->clarity / SURE_CLARITY);
        weight += 1;
        out.clarity += step->clarity;
        out.confidence += fabs(60 / step->period / bpm - 1) <= SAME_TEMPO ? share : 0;
        vote[step->signature] += share * step->meter_share;
        held[step->signature] += step->meter_share;
    }
    for (int s = 3; s <= MOST_METER; s++)
        if (vote[s] > vote[out.signature])
            out.signature = s;
    for (size_t i = 0; i < n; i++) {
        const kt_path_step_t *step = &found->steps[i];
        double                sum  = 0;
        if (step->signature == 0 || step->other_period <= 0 || fabs(60 / step->period / bpm - 1) > SAME_TEMPO)
            continue;
        for (size_t j = i; j < n; j++)
            if (found->steps[j].signature && fabs(found->steps[j].other_period / step->other_period - 1) <= SAME_OTHER)
                sum += found->steps[j].other_share;
        if (sum > most) {
            most          = sum;
            out.other_bpm = 60 / step->other_period;
        }
    }
    out.clarity              = fmin(1, out.clarity / fmax(1, weight));
    out.confidence           = fmin(1, out.confidence / fmax(1, weight));
    out.signature_confidence = fmin(1, held[out.signature] / fmax(1, weight));
    return out;
}

static void
write_times(kt_document_t *document, kt_feature_t feature, const double *times, uint64_t count, const char *why)
{
    char         many[64];
    const size_t most = kt_feature_desc(feature)->max_count;
    snprintf(many, sizeof many, "more than %zu", most);
    if (count == 0 || count > most)
        kt_document_null(document, feature, count ? many : why);
    else
        kt_document_reals(document, feature, times, (size_t)count);
}

static kt_err_t
write_beats(const kt_rhythm_found_t *found, kt_document_t *document)
{
    double *times = calloc(found->n_beats + 1, sizeof *times);
    size_t  downs = 0;
    if (!times)
        return KT_ENOMEM;
    for (size_t i = 0; i < found->n_beats; i++)
        times[i] = found->beats[i].time;
    write_times(document, KT_FEATURE_MIR_beats, times, found->all_beats, NULL);
    for (size_t i = 0; i < found->n_beats; i++)
        if (found->beats[i].down)
            times[downs++] = found->beats[i].time;
    write_times(document, KT_FEATURE_MIR_downbeats, times, found->all_downs, "no whole bar");
    free(times);
    return KT_OK;
}

static kt_err_t
write_changes(const kt_tempi_t *tempi, kt_document_t *document)
{
    char         many[64];
    const size_t most = kt_feature_desc(KT_FEATURE_MIR_tempo_changes)->max_count;
    if (tempi->n_changes > most) {
        snprintf(many, sizeof many, "more than %zu", most);
        kt_document_null(document, KT_FEATURE_MIR_tempo_changes, many);
        return KT_OK;
    }
    json_t *list = kt_json_array();
    bool    good = list;
    for (size_t i = 0; i < tempi->n_changes && good; i++) {
        const kt_tempo_change_t *change = &tempi->changes[i];
        json_t                  *row    = kt_json_object();
        good                            = kt_json_set(row, "time", kt_json_real(change->time)) &&
               kt_json_set(row, "bpm", kt_json_real(change->bpm)) &&
               kt_json_set(row, "meter", kt_json_int(change->signature)) && kt_json_append(list, row);
    }
    if (!good)
        kt_json_free(&list);
    kt_document_objects(document, KT_FEATURE_MIR_tempo_changes, list);
    return KT_OK;
}

static void
write_no_beat(kt_document_t *document, const char *why)
{
    for (size_t i = 0; i < sizeof BEAT / sizeof *BEAT; i++)
        kt_document_null(document, BEAT[i], why);
}

static kt_err_t
write_tempo(const kt_rhythm_found_t *found, kt_document_t *document)
{
    kt_tempi_t tempi = {0};
    kt_err_t   err   = kt_tempi_of(&tempi, found->beats, found->n_beats);
    if (err)
        return err;
    const verdict_t verdict = verdict_of(found, tempi.bpm);
    if (verdict.clarity < DOUBTFUL_CLARITY && verdict.confidence < DOUBTFUL_CONFIDENCE) {
        kt_tempi_fini(&tempi);
        write_no_beat(document, "no regular beat");
        return KT_OK;
    }
    err = write_beats(found, document);
    if (!err)
        err = write_changes(&tempi, document);
    if (!err) {
        kt_document_real(document, KT_FEATURE_MIR_tempo, tempi.bpm);
        kt_document_real(document, KT_FEATURE_MIR_tempo_stability, tempi.stability);
        kt_document_real(document, KT_FEATURE_MIR_tempo_confidence, verdict.confidence);
        if (verdict.other_bpm > 0)
            kt_document_real(document, KT_FEATURE_MIR_tempo_alternative, verdict.other_bpm);
        else
            kt_document_null(document, KT_FEATURE_MIR_tempo_alternative, "no runner-up");
        kt_document_int(document, KT_FEATURE_MIR_time_signature, verdict.signature);
        kt_document_real(document, KT_FEATURE_MIR_time_signature_confidence, verdict.signature_confidence);
        kt_document_real(document, KT_FEATURE_MIR_beat_strength, verdict.clarity);
    }
    kt_tempi_fini(&tempi);
    return err;
}

// Why there is no beat; NULL: there is one.
static const char *
why_no_beat(const kt_rhythm_found_t *found, double seconds)
{
    if (found->all_onsets == 0)
        return "no onsets";
    if (seconds < LEAST_SECONDS)
        return "shorter than two seconds";
    if (found->all_onsets < LEAST_ONSETS)
        return "too few onsets";
    for (size_t i = 0; i < found->n_steps; i++)
        if (found->steps[i].signature)
            return found->all_beats < LEAST_BEATS ? "too few beats" : NULL;
    return "no regular beat";
}

static kt_err_t
write_found(const kt_rhythm_found_t *found, double seconds, kt_document_t *document)
{
    write_times(document, KT_FEATURE_MIR_onsets, found->onsets, found->all_onsets, "no onsets");
    if (found->all_onsets == 0 || seconds < LEAST_SECONDS)
        kt_document_null(document, KT_FEATURE_MIR_onset_rate,
                         found->all_onsets ? "shorter than two seconds" : "no onsets");
    else
        kt_document_real(document, KT_FEATURE_MIR_onset_rate, (double)found->all_onsets / seconds);
    const char *why = why_no_beat(found, seconds);
    if (why)
        write_no_beat(document, why);
    return why ? KT_OK : write_tempo(found, document);
}

// The model that took part, in the methods of what it has an effect on.
static void
name_model(const kt_audio_models_t *models, kt_document_t *document)
{
    char name[96], method[KT_DOCUMENT_REASON];
    (void)kt_audio_models_name_series(models, KT_MODELS_BEATS, document, name);
    snprintf(method, sizeof method, "signal with %s", name);
    for (size_t i = 0; i < sizeof BEAT / sizeof *BEAT; i++)
        kt_document_method(document, BEAT[i], method);
}

static kt_err_t
rhythm_finish(const void *state, kt_document_t *document)
{
    const rhythm_t   *self  = state;
    kt_rhythm_found_t found = {0};
    if (!self->plan || self->samples == 0) {
        const char *why = self->plan ? "no samples" : "no sound";
        kt_document_null(document, KT_FEATURE_MIR_onsets, why);
        kt_document_null(document, KT_FEATURE_MIR_onset_rate, why);
        write_no_beat(document, why);
        return KT_OK;
    }
    const kt_frontend_opts_t *opts = kt_plan_opts(self->plan);
    kt_err_t                  err  = kt_rhythm_found_copy(&self->found, &found);
    // The models have finished before (modules.c).
    kt_rhythm_rows_t rows = self->rows;
    rows.activations      = kt_activation_rows_of(self->models);
    if (!err)
        err = kt_epochs_end(&found, &rows, self->samples / opts->hop + 1);
    if (!err)
        err = write_found(&found, (double)self->samples / opts->rate_hz, document);
    if (!err && rows.activations.values)
        name_model(self->models, document);
    kt_rhythm_found_fini(&found);
    return err;
}

const kt_module_t kt_module_rhythm = {
    .name    = "rhythm",
    .stage   = "audio_mir",
    .options = KT_OPTION_MIR,
    .reads   = KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES,
    .new     = rhythm_new,
    .begin   = rhythm_begin,
    .segment = rhythm_add,
    .finish  = rhythm_finish,
    .merge   = rhythm_merge,
    .destroy = rhythm_destroy,
};
