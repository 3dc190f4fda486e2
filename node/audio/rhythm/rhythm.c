// rhythm -- tempo, beats, bars and onsets of a file: its rows are kept (rows.h), and judged at the end, ten minutes at
// a time (segment.h). Tempo is the median over these parts, weighted with their length and certainty; the time
// signature is voted for with the same weights.
#include "node/audio/modules.h"
#include "node/audio/rhythm/rows.h"
#include "node/audio/rhythm/segment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_TEMPO = 0.04, LEAST_SECONDS = 2;

static const kt_feature_t LIST[]  = {KT_FEATURE_MIR_beats, KT_FEATURE_MIR_downbeats, KT_FEATURE_MIR_onsets};
static const kt_feature_t TEMPO[] = {
    KT_FEATURE_MIR_tempo,          KT_FEATURE_MIR_tempo_confidence,          KT_FEATURE_MIR_tempo_alternative,
    KT_FEATURE_MIR_time_signature, KT_FEATURE_MIR_time_signature_confidence, KT_FEATURE_MIR_beat_strength,
};

// Times up to the feature's count; past it they are only counted.
typedef struct list {
    kt_feature_t feature;
    double      *times;
    size_t       count, kept, capacity, most;
} list_t;

enum { BEATS, DOWNBEATS, ONSETS, LISTS };

// The result of ten minutes with a beat.
typedef struct part {
    double weight, bpm, other_bpm, share, meter_share, clarity;
    int    signature;
} part_t;

typedef struct rhythm {
    kt_device_t     *device;  // borrowed
    kt_plan_t       *plan;    // NULL: no sound
    kt_rhythm_rows_t rows;
    uint64_t         samples;
} rhythm_t;

typedef struct result {
    list_t      list[LISTS];
    part_t     *parts;
    size_t      n_parts;
    const char *why;  // the reason of the last part without a beat; NULL: every part has one
} result_t;

static void
rhythm_destroy(void **state)
{
    rhythm_t *self = *state;
    if (!self)
        return;
    kt_rhythm_rows_fini(&self->rows);
    kt_plan_destroy(&self->plan);
    free(self);
    *state = NULL;
}

static kt_err_t
rhythm_new(void **state, const kt_stream_t *stream)
{
    rhythm_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device = stream->device;
    kt_err_t err = KT_OK;
    if (stream->channels > 0)
        err = kt_envelope_plan(&self->plan, kt_plan_opts(stream->plan)->rate_hz);
    if (err) {
        rhythm_destroy((void **)&self);
        return err;
    }
    *state = self;
    return KT_OK;
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
    return kt_rhythm_rows_add(&self->rows, self->device, self->plan, segment);
}

static kt_err_t
rhythm_merge(void **state, void **next)
{
    rhythm_t *self = *state, *later = *next;
    self->samples += later->samples;
    return kt_rhythm_rows_append(&self->rows, &later->rows);
}

// --- the parts -------------------------------------------------------------------------------------------------------

static kt_err_t
append_times(list_t *list, const double *times, size_t n)
{
    size_t room = list->most - list->kept, take = n < room ? n : room;
    list->count += n;
    if (list->kept + take > list->capacity) {
        size_t  capacity = 2 * list->capacity > list->kept + take ? 2 * list->capacity : list->kept + take;
        double *grown    = realloc(list->times, capacity * sizeof *grown);
        if (!grown)
            return KT_ENOMEM;
        list->times    = grown;
        list->capacity = capacity;
    }
    if (take)
        memcpy(list->times + list->kept, times, take * sizeof *times);
    list->kept += take;
    return KT_OK;
}

static kt_err_t
add_part(result_t *self, const kt_rhythm_t *found)
{
    const kt_tempo_t *tempo = &found->tempo;
    kt_err_t          err   = append_times(&self->list[ONSETS], found->onsets, found->n_onsets);
    if (!err)
        err = append_times(&self->list[BEATS], found->beats, found->n_beats);
    if (!err)
        err = append_times(&self->list[DOWNBEATS], found->downs, found->n_downs);
    if (!err && found->why)
        self->why = found->why;
    else if (!err)
        self->parts[self->n_parts++] = (part_t){
            .weight      = found->seconds,
            .bpm         = found->bpm,
            .other_bpm   = tempo->other_period > 0 ? 60 / tempo->other_period : 0,
            .share       = tempo->period_share,
            .meter_share = tempo->meter_share,
            .clarity     = tempo->clarity,
            .signature   = tempo->signature,
        };
    return err;
}

static void
result_fini(result_t *self)
{
    for (int i = 0; i < LISTS; i++)
        free(self->list[i].times);
    free(self->parts);
}

static kt_err_t
result_of(result_t *self, const rhythm_t *rhythm)
{
    const double rate_hz = rhythm->rows.rate_hz;
    const double seconds = (double)rhythm->samples / kt_plan_opts(rhythm->plan)->rate_hz;
    const size_t frames  = (size_t)(seconds * rate_hz) + 1;
    const size_t most    = (size_t)(KT_SEGMENT_SECONDS * rate_hz);
    for (int i = 0; i < LISTS; i++)
        self->list[i] = (list_t){.feature = LIST[i], .most = kt_feature_desc(LIST[i])->max_count};
    self->parts  = calloc(frames / most + 1, sizeof *self->parts);
    kt_err_t err = self->parts ? KT_OK : KT_ENOMEM;
    for (size_t at = 0, end; at < frames && !err; at = end) {
        kt_rhythm_t found = {0};
        end               = frames - at < most ? frames : at + most;
        err = kt_rhythm_of(&found, &rhythm->rows, at, end, fmin(seconds, (double)end / rate_hz) - (double)at / rate_hz);
        if (!err)
            err = add_part(self, &found);
        kt_rhythm_fini(&found);
    }
    return err;
}

// --- over the parts --------------------------------------------------------------------------------------------------

// The part whose tempo has half of the weight below it or at it.
static const part_t *
median_part(const result_t *self)
{
    const part_t *best  = NULL;
    double        total = 0;
    for (size_t i = 0; i < self->n_parts; i++)
        total += self->parts[i].weight * self->parts[i].share;
    for (size_t i = 0; i < self->n_parts; i++) {
        double below = 0;
        for (size_t j = 0; j < self->n_parts; j++)
            below += self->parts[j].bpm <= self->parts[i].bpm ? self->parts[j].weight * self->parts[j].share : 0;
        if (below >= total / 2 && (!best || self->parts[i].bpm < best->bpm))
            best = &self->parts[i];
    }
    return best;
}

static void
write_tempo(const result_t *self, kt_document_t *document)
{
    const part_t *middle    = median_part(self);
    double        votes[8]  = {0};
    int           signature = 2;
    for (size_t i = 0; i < self->n_parts; i++)
        votes[self->parts[i].signature] += self->parts[i].weight * self->parts[i].share * self->parts[i].meter_share;
    for (int s = 3; s <= 7; s++)
        if (votes[s] > votes[signature])
            signature = s;

    double weight = 0, tempo = 0, meter = 0, clarity = 0;
    for (size_t i = 0; i < self->n_parts; i++) {
        const part_t *part = &self->parts[i];
        weight += part->weight;
        clarity += part->weight * part->clarity;
        tempo += fabs(part->bpm / middle->bpm - 1) <= SAME_TEMPO ? part->weight * part->share : 0;
        meter += part->signature == signature ? part->weight * part->meter_share : 0;
    }
    kt_document_real(document, KT_FEATURE_MIR_tempo, middle->bpm);
    kt_document_real(document, KT_FEATURE_MIR_tempo_confidence, fmin(1, tempo / weight));
    if (middle->other_bpm > 0)
        kt_document_real(document, KT_FEATURE_MIR_tempo_alternative, middle->other_bpm);
    else
        kt_document_null(document, KT_FEATURE_MIR_tempo_alternative, "no runner-up");
    kt_document_int(document, KT_FEATURE_MIR_time_signature, signature);
    kt_document_real(document, KT_FEATURE_MIR_time_signature_confidence, fmin(1, meter / weight));
    kt_document_real(document, KT_FEATURE_MIR_beat_strength, fmin(1, clarity / weight));
}

static void
write_times(const list_t *list, kt_document_t *document, const char *why)
{
    char many[64];
    snprintf(many, sizeof many, "more than %zu", list->most);
    if (list->count > list->most)
        kt_document_null(document, list->feature, many);
    else if (list->count == 0)
        kt_document_null(document, list->feature, why);
    else
        kt_document_reals(document, list->feature, list->times, list->count);
}

static void
write_result(const result_t *self, kt_document_t *document, double seconds)
{
    const list_t *onsets = &self->list[ONSETS];
    write_times(onsets, document, "no onsets");
    if (onsets->count == 0 || seconds < LEAST_SECONDS)
        kt_document_null(document, KT_FEATURE_MIR_onset_rate, onsets->count ? "shorter than two seconds" : "no onsets");
    else
        kt_document_real(document, KT_FEATURE_MIR_onset_rate, (double)onsets->count / seconds);
    write_times(&self->list[BEATS], document, self->why);
    write_times(&self->list[DOWNBEATS], document, self->n_parts ? "no whole bar" : self->why);
    if (self->n_parts > 0)
        write_tempo(self, document);
    for (size_t i = 0; i < sizeof TEMPO / sizeof *TEMPO && self->n_parts == 0; i++)
        kt_document_null(document, TEMPO[i], self->why);
}

static kt_err_t
rhythm_finish(const void *state, kt_document_t *document)
{
    const rhythm_t *self   = state;
    result_t        result = {0};
    if (!self->plan || self->samples == 0) {
        const char *why = self->plan ? "no samples" : "no sound";
        for (size_t i = 0; i < sizeof LIST / sizeof *LIST; i++)
            kt_document_null(document, LIST[i], why);
        kt_document_null(document, KT_FEATURE_MIR_onset_rate, why);
        for (size_t i = 0; i < sizeof TEMPO / sizeof *TEMPO; i++)
            kt_document_null(document, TEMPO[i], why);
        return KT_OK;
    }
    kt_err_t err = result_of(&result, self);
    if (!err)
        write_result(&result, document, (double)self->samples / kt_plan_opts(self->plan)->rate_hz);
    result_fini(&result);
    return err;
}

const kt_module_t kt_module_rhythm = {
    .name    = "rhythm",
    .stage   = "audio_mir",
    .options = KT_OPTION_MIR,
    .reads   = KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES,
    .new     = rhythm_new,
    .segment = rhythm_add,
    .finish  = rhythm_finish,
    .merge   = rhythm_merge,
    .destroy = rhythm_destroy,
};
