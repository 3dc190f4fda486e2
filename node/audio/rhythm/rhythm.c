// rhythm -- tempo, beats, bars and onsets of a file: those of its segments one after the other (segment.h).
// Tempo is the median over segments, weighted with their length and certainty; the time signature is voted for with the
// same weights. A segment leaves a few numbers and, up to the feature table's counts, its times.
#include "node/audio/modules.h"
#include "node/audio/rhythm/segment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SAME_TEMPO = 0.04, LEAST_SECONDS = 2;

// Times up to the feature's count; past it they are only counted.
typedef struct list {
    kt_feature_t feature;
    double      *times;
    size_t       count, kept, capacity, most;
} list_t;

enum { BEATS, DOWNBEATS, ONSETS, LISTS };

// The result of a segment with a beat.
typedef struct part {
    double weight, bpm, other_bpm, share, meter_share, clarity;
    int    signature;
} part_t;

typedef struct rhythm {
    kt_device_t *device;  // borrowed
    kt_plan_t   *plan;    // NULL: no sound
    list_t       list[LISTS];
    part_t      *parts;
    size_t       n_parts, parts_capacity;
    double       seconds;
    const char  *why;  // the reason of the last segment without a beat; NULL: every segment has one
} rhythm_t;

static void
rhythm_destroy(void **state)
{
    rhythm_t *self = *state;
    if (!self)
        return;
    for (int i = 0; i < LISTS; i++)
        free(self->list[i].times);
    free(self->parts);
    kt_plan_destroy(&self->plan);
    free(self);
    *state = NULL;
}

static kt_err_t
rhythm_new(void **state, const kt_stream_t *stream)
{
    static const kt_feature_t feature[LISTS] = {KT_FEATURE_MIR_beats, KT_FEATURE_MIR_downbeats, KT_FEATURE_MIR_onsets};
    rhythm_t                 *self           = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->device = stream->device;
    for (int i = 0; i < LISTS; i++)
        self->list[i] = (list_t){.feature = feature[i], .most = kt_feature_desc(feature[i])->max_count};
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
grow_parts(rhythm_t *self, size_t parts)
{
    if (parts <= self->parts_capacity)
        return KT_OK;
    size_t  capacity = 2 * self->parts_capacity > parts ? 2 * self->parts_capacity : parts;
    part_t *grown    = realloc(self->parts, capacity * sizeof *grown);
    if (!grown)
        return KT_ENOMEM;
    self->parts          = grown;
    self->parts_capacity = capacity;
    return KT_OK;
}

static kt_err_t
rhythm_fold(void *state, const kt_segment_t *segment)
{
    rhythm_t         *self  = state;
    kt_rhythm_t       found = {0};
    const kt_tempo_t *tempo = &found.tempo;
    kt_err_t          err   = self->plan ? kt_rhythm_of(&found, self->device, self->plan, segment) : KT_OK;
    if (err || !self->plan)
        return err;
    self->seconds += found.seconds;
    err = append_times(&self->list[ONSETS], found.onsets, found.n_onsets);
    if (!err)
        err = append_times(&self->list[BEATS], found.beats, found.n_beats);
    if (!err)
        err = append_times(&self->list[DOWNBEATS], found.downs, found.n_downs);
    if (!err && !found.why)
        err = grow_parts(self, self->n_parts + 1);
    if (!err && found.why)
        self->why = found.why;
    else if (!err)
        self->parts[self->n_parts++] = (part_t){
            .weight      = found.seconds,
            .bpm         = found.bpm,
            .other_bpm   = tempo->other_period > 0 ? 60 / tempo->other_period : 0,
            .share       = tempo->period_share,
            .meter_share = tempo->meter_share,
            .clarity     = tempo->clarity,
            .signature   = tempo->signature,
        };
    kt_rhythm_fini(&found);
    return err;
}

static kt_err_t
rhythm_merge(void **state, void **next)
{
    rhythm_t *self = *state, *later = *next;
    kt_err_t  err = grow_parts(self, self->n_parts + later->n_parts);
    for (int i = 0; i < LISTS && !err; i++) {
        err = append_times(&self->list[i], later->list[i].times, later->list[i].kept);
        if (!err)
            self->list[i].count += later->list[i].count - later->list[i].kept;
    }
    if (err)
        return err;
    if (later->n_parts > 0)
        memcpy(self->parts + self->n_parts, later->parts, later->n_parts * sizeof *self->parts);
    self->n_parts += later->n_parts;
    self->seconds += later->seconds;
    self->why = later->why ? later->why : self->why;
    return KT_OK;
}

// --- over the segments -----------------------------------------------------------------------------------------------

// The part whose tempo has half of the weight below it or at it.
static const part_t *
median_part(const rhythm_t *self)
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
write_tempo(const rhythm_t *self, kt_document_t *document)
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

static kt_err_t
rhythm_finish(const void *state, kt_document_t *document)
{
    static const kt_feature_t beat[] = {
        KT_FEATURE_MIR_tempo,          KT_FEATURE_MIR_tempo_confidence,          KT_FEATURE_MIR_tempo_alternative,
        KT_FEATURE_MIR_time_signature, KT_FEATURE_MIR_time_signature_confidence, KT_FEATURE_MIR_beat_strength,
    };
    const rhythm_t *self   = state;
    const list_t   *onsets = &self->list[ONSETS];
    const char     *why    = self->plan ? "no onsets" : "no sound";
    write_times(onsets, document, why);
    if (onsets->count == 0 || self->seconds < LEAST_SECONDS)
        kt_document_null(document, KT_FEATURE_MIR_onset_rate, onsets->count ? "shorter than two seconds" : why);
    else
        kt_document_real(document, KT_FEATURE_MIR_onset_rate, (double)onsets->count / self->seconds);

    why = self->plan && self->seconds <= 0 ? "no samples" : self->why ? self->why : "no sound";
    write_times(&self->list[BEATS], document, why);
    write_times(&self->list[DOWNBEATS], document, self->n_parts ? "no whole bar" : why);
    if (self->n_parts > 0)
        write_tempo(self, document);
    else
        for (size_t i = 0; i < sizeof beat / sizeof *beat; i++)
            kt_document_null(document, beat[i], why);
    return KT_OK;
}

const kt_module_t kt_module_rhythm = {
    .name    = "rhythm",
    .stage   = "audio_mir",
    .options = KT_OPTION_MIR,
    .reads   = KT_READS(KT_MATRIX_CHROMA) | KT_READS_SAMPLES,
    .new     = rhythm_new,
    .segment = rhythm_fold,
    .finish  = rhythm_finish,
    .merge   = rhythm_merge,
    .destroy = rhythm_destroy,
};
