#include "node/audio/rhythm/epochs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCH_HOPS = KT_EPOCH_S / KT_WINDOW_HOP_S, AHEAD_HOPS = KT_EPOCH_AHEAD_S / KT_WINDOW_HOP_S, BEFORE_HOPS = 2 };

// A beat farther from all onsets is in silence, where silence lasts longer. A beat that comes too early after the last
// one of the section before replaces it.
static const double BEATS_BEFORE = 0.5, BEATS_AFTER = 1.5, SILENCE_S = 8, LEAST_APART = 0.6;

// One epoch. Frames count from that of the first row.
typedef struct epoch {
    const kt_rhythm_rows_t *rows;
    size_t                  hop;
    size_t                  end, commit;  // frames: of the rows that are judged; up to which the beats are kept
    kt_window_t            *windows;      // [n]; from the second epoch on the first is the last one of the epoch before
    kt_path_step_t         *steps;        // [n]
    size_t                  n, carried;   // carried: 1 if there is such a first one, else 0
    kt_evidence_t           evidence;
    kt_section_t           *sections;
    size_t                  n_sections;
    kt_pulse_t             *pulses;
    size_t                  n_pulses, n_kept;  // kept: those before `commit`
    int                    *places;            // [n_pulses]
} epoch_t;

// --- lists -----------------------------------------------------------------------------------------------------------

// Room for one more than `count`.
static kt_err_t
grow_list(void **list, size_t count, size_t size)
{
    if (count & (count - 1) || count == 1)  // full at powers of two
        return KT_OK;
    void *grown = realloc(*list, (count ? 2 * count : 2) * size);
    if (!grown)
        return KT_ENOMEM;
    *list = grown;
    return KT_OK;
}

static kt_err_t
add_beat(kt_rhythm_found_t *self, const kt_beat_t *beat)
{
    self->all_beats++;
    self->all_downs += beat->down;
    if (self->n_beats == KT_RHYTHM_BEATS)
        return KT_OK;
    kt_err_t err = grow_list((void **)&self->beats, self->n_beats, sizeof *self->beats);
    if (!err)
        self->beats[self->n_beats++] = *beat;
    return err;
}

static kt_err_t
add_onset(kt_rhythm_found_t *self, double time)
{
    self->all_onsets++;
    if (self->n_onsets == KT_RHYTHM_ONSETS)
        return KT_OK;
    kt_err_t err = grow_list((void **)&self->onsets, self->n_onsets, sizeof *self->onsets);
    if (!err)
        self->onsets[self->n_onsets++] = time;
    return err;
}

static kt_err_t
add_step(kt_rhythm_found_t *self, const kt_path_step_t *step)
{
    if (self->n_steps == KT_RHYTHM_WINDOWS)
        return KT_OK;
    kt_err_t err = grow_list((void **)&self->steps, self->n_steps, sizeof *self->steps);
    if (!err)
        self->steps[self->n_steps++] = *step;
    return err;
}

// --- tempo and meter -------------------------------------------------------------------------------------------------

// Judges the windows from frame `first` on, and finds their path. last: they last to the end.
static kt_err_t
find_path(epoch_t *self, const kt_rhythm_found_t *found, size_t first, bool last)
{
    const size_t hop = self->hop, count = kt_windows_count(self->rows->rate_hz, self->end - first);
    self->carried = found->begin > 0;
    self->n       = self->carried + count;
    self->windows = calloc(self->n, sizeof *self->windows);
    self->steps   = calloc(self->n, sizeof *self->steps);
    kt_err_t err  = self->windows && self->steps ? KT_OK : KT_ENOMEM;
    if (!err && self->carried)
        self->steps[0] = found->step;
    for (size_t i = 0; i < count && !err; i++) {
        const size_t begin = first + i * hop, end = last && i + 1 == count ? self->end : begin + 2 * hop;
        err = kt_window_judge(&self->windows[self->carried + i], self->rows, begin, end);
    }
    if (!err)
        err = kt_path_find(self->windows + self->carried, count, self->rows->rate_hz,
                           self->carried ? &found->step : NULL, self->steps + self->carried);
    return err;
}

// --- beats -----------------------------------------------------------------------------------------------------------

static kt_err_t
find_pulses(epoch_t *self, const kt_rhythm_found_t *found)
{
    kt_pulse_seed_t seed = {(size_t)(found->beat - self->rows->first), found->interval};
    kt_err_t        err =
        kt_sections_of(self->windows, self->steps, self->n, self->hop, self->end, &self->sections, &self->n_sections);
    if (!err && found->seeded)
        self->sections[0].begin = seed.frame;
    if (!err)
        err = kt_beats_track(&self->evidence.envelope, self->sections, self->n_sections, found->seeded ? &seed : NULL,
                             &self->pulses, &self->n_pulses);
    if (err)
        return err;
    self->places = calloc(self->n_pulses + 1, sizeof *self->places);
    while (self->n_kept < self->n_pulses && self->pulses[self->n_kept].frame < self->commit)
        self->n_kept++;
    return self->places ? KT_OK : KT_ENOMEM;
}

// Whether there is an onset near a beat, or silence is too short to be sure. at: the first onset that may be behind it.
static bool
is_heard(const kt_evidence_t *evidence, size_t *at, double time, double period)
{
    while (*at < evidence->n_onsets && evidence->onsets[*at] < time)
        ++*at;
    const double before = *at > 0 ? evidence->onsets[*at - 1] : -INFINITY;
    const double after  = *at < evidence->n_onsets ? evidence->onsets[*at] : INFINITY;
    return after - before < SILENCE_S || time - before <= BEATS_AFTER * period || after - time <= BEATS_BEFORE * period;
}

// The beats of the pulses first .. past, which are one section's.
static kt_err_t
add_section(epoch_t *self, kt_rhythm_found_t *found, size_t first, size_t past)
{
    const bool           seeded  = first == 0 && found->seeded;
    const kt_section_t  *section = &self->sections[self->pulses[first].section];
    const kt_bars_opts_t opts    = {.signature = section->signature,
                                    .before    = seeded ? found->place : -1,
                                    .opens     = self->pulses[first].opens && !seeded};
    const double         base    = (double)self->rows->first / self->rows->rate_hz;
    kt_beat_t           *beats   = NULL;
    size_t               n = 0, onset = 0;
    kt_err_t             err = KT_OK;
    if (past - first > 1)
        err =
            kt_bars_find(&self->evidence, &opts, self->pulses + first, past - first, &beats, &n, self->places + first);
    for (size_t i = 0, added = 0; i < n && !err; i++) {
        const size_t pulse  = first + beats[i].pulse;
        const double period = kt_section_period(section, self->pulses[pulse].frame);
        if (pulse >= self->n_kept || (seeded && pulse == 0) ||
            !is_heard(&self->evidence, &onset, beats[i].time, period))
            continue;
        beats[i].time += base;
        const double last = found->n_beats ? found->beats[found->n_beats - 1].time : -INFINITY;
        if (added++ == 0 && beats[i].time - last < LEAST_APART * period && found->n_beats < KT_RHYTHM_BEATS) {
            found->n_beats--;
            found->all_beats--;
            found->all_downs -= found->beats[found->n_beats].down;
        }
        beats[i].begins = self->pulses[pulse].begins && !(seeded && pulse == 0);
        err             = add_beat(found, &beats[i]);
    }
    free(beats);
    return err;
}

static kt_err_t
add_beats(epoch_t *self, kt_rhythm_found_t *found)
{
    kt_err_t err = KT_OK;
    for (size_t first = 0, past; first < self->n_pulses && !err; first = past) {
        past = first + 1;
        while (past < self->n_pulses && self->pulses[past].section == self->pulses[first].section)
            past++;
        err = add_section(self, found, first, past);
    }
    return err;
}

static kt_err_t
add_onsets(const epoch_t *self, kt_rhythm_found_t *found, size_t begin)
{
    const double rate_hz = self->rows->rate_hz, base = (double)self->rows->first / rate_hz;
    const double first = begin ? (double)begin / rate_hz : -1, past = (double)self->commit / rate_hz;
    kt_err_t     err = KT_OK;
    for (size_t i = 0; i < self->evidence.n_onsets && !err; i++)
        if (self->evidence.onsets[i] >= first && self->evidence.onsets[i] < past)
            err = add_onset(found, base + self->evidence.onsets[i]);
    return err;
}

// What the next epoch begins with: the last beat that is kept, and the step of its section that is next to the commit.
static void
carry_on(const epoch_t *self, kt_rhythm_found_t *found)
{
    const size_t last =
        self->n - 1 < self->commit / self->hop - BEFORE_HOPS ? self->n - 1 : self->commit / self->hop - BEFORE_HOPS;
    found->step   = self->steps[last];
    found->seeded = false;
    if (self->n_kept > 0 && found->step.signature) {
        const kt_pulse_t   *pulse   = &self->pulses[self->n_kept - 1];
        const kt_section_t *section = &self->sections[pulse->section];
        const size_t        first = (size_t)(section->steps - self->steps), past = first + section->n_steps - 1;
        const double        period = kt_section_period(section, pulse->frame) * self->rows->rate_hz;
        found->step                = self->steps[last < first ? first : last > past ? past : last];
        found->seeded              = pulse->frame + BEFORE_HOPS * self->hop >= self->commit;
        found->beat                = self->rows->first + pulse->frame;
        found->interval = self->n_kept > 1 && !pulse->begins ? pulse->frame - self->pulses[self->n_kept - 2].frame
                                                             : (size_t)lrint(period);
        found->place    = self->places[self->n_kept - 1];
    }
    found->step.jumps = true;
    found->begin      = self->rows->first + self->commit;
}

static void
epoch_fini(epoch_t *self)
{
    kt_evidence_fini(&self->evidence);
    free(self->windows);
    free(self->steps);
    free(self->sections);
    free(self->pulses);
    free(self->places);
}

// Judges frames up to `end`, and keeps what is before `commit`.
static kt_err_t
judge_epoch(kt_rhythm_found_t *found, const kt_rhythm_rows_t *rows, size_t end, size_t commit, bool last)
{
    epoch_t      self  = {.rows = rows, .hop = kt_window_hop(rows->rate_hz), .end = end, .commit = commit};
    const size_t begin = (size_t)(found->begin - rows->first), first = begin ? begin - self.hop : 0;
    kt_err_t     err = find_path(&self, found, first, last);
    if (!err)
        err = kt_evidence_new(&self.evidence, rows, 0, end);
    if (!err)
        err = find_pulses(&self, found);
    if (!err)
        err = add_onsets(&self, found, begin);
    if (!err)
        err = add_beats(&self, found);
    for (size_t i = self.carried; i < self.n && !err; i++)
        if (last || first + (i - self.carried + 1) * self.hop < commit)
            err = add_step(found, &self.steps[i]);
    if (!err)
        carry_on(&self, found);
    epoch_fini(&self);
    return err;
}

// Whether the model of beats, where there is one, has come so far: its rows come some seconds later.
static bool
has_activations(const kt_rhythm_rows_t *rows, uint64_t end)
{
    const kt_activation_rows_t *heard = &rows->activations;
    return !heard->values || (double)heard->rows / heard->rate_hz > (double)end / rows->rate_hz + 1 / heard->rate_hz;
}

kt_err_t
kt_epochs_judge(kt_rhythm_found_t *self, kt_rhythm_rows_t *rows)
{
    kt_err_t     err = KT_OK;
    const size_t hop = rows->rate_hz > 0 ? kt_window_hop(rows->rate_hz) : 0;
    for (;;) {
        const uint64_t commit = self->begin + EPOCH_HOPS * (uint64_t)hop, end = commit + AHEAD_HOPS * (uint64_t)hop;
        if (hop == 0 || rows->first + rows->frames < end || !has_activations(rows, end))
            return KT_OK;
        err = judge_epoch(self, rows, (size_t)(end - rows->first), (size_t)(commit - rows->first), false);
        if (err)
            return err;
        kt_rhythm_rows_drop(rows, (size_t)(commit - BEFORE_HOPS * (uint64_t)hop - rows->first));
    }
}

kt_err_t
kt_epochs_end(kt_rhythm_found_t *self, const kt_rhythm_rows_t *rows, uint64_t frames)
{
    const size_t end = (size_t)(frames - rows->first);
    return judge_epoch(self, rows, end, end, true);
}

// A list of so many, in room for a power of two.
static kt_err_t
copy_list(void **out, const void *list, size_t count, size_t size)
{
    size_t room = 2;
    while (room < count)
        room *= 2;
    *out = malloc(room * size);
    if (!*out)
        return KT_ENOMEM;
    if (count > 0)
        memcpy(*out, list, count * size);
    return KT_OK;
}

kt_err_t
kt_rhythm_found_copy(const kt_rhythm_found_t *self, kt_rhythm_found_t *out)
{
    kt_rhythm_found_t made = *self;
    made.beats             = NULL;
    made.onsets            = NULL;
    made.steps             = NULL;
    kt_err_t err           = copy_list((void **)&made.beats, self->beats, self->n_beats, sizeof *made.beats);
    if (!err)
        err = copy_list((void **)&made.onsets, self->onsets, self->n_onsets, sizeof *made.onsets);
    if (!err)
        err = copy_list((void **)&made.steps, self->steps, self->n_steps, sizeof *made.steps);
    if (err)
        kt_rhythm_found_fini(&made);
    else
        *out = made;
    return err;
}

void
kt_rhythm_found_fini(kt_rhythm_found_t *self)
{
    free(self->beats);
    free(self->onsets);
    free(self->steps);
    *self = (kt_rhythm_found_t){0};
}
