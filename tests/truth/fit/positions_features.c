// The features of the metrical positions (node/audio/rhythm/bars.h) at the labelled tempo, for positions.py: reads
// lines "BPM SIGNATURE FILE", prints one line of JSON for each. Up to the first ten minutes of each.
//   positions_features [--models FOLDER] < LINES
//   {"file": NAME, "pulse": [seconds, ...], "positions": [[feature, ...], ...]}   mean over groups of eight bars
// With a folder of models each position has the features of activation_positions.def too, for activations.py.
#include "node/audio/rhythm/activation_positions.h"
#include "node/audio/rhythm/bars.h"
#include "node/audio/rhythm/beats.h"
#include "node/audio/rhythm/tempo.h"
#include "tests/truth/fit/rhythm_evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_BARS = 8, LEAST_PULSES = 4 };

static const double SAME = 0.04;

typedef struct features {
    double mean[KT_POSITION_MOST][KT_POSITION_FEATURES];
    double heard[KT_POSITION_MOST][KT_ACTIVATION_ROLES];
} features_t;

// The period of the hypotheses next to the tempo, within 4 %; 0: there is none.
static double
period_near(const kt_evidence_t *evidence, double bpm)
{
    static kt_meter_t meters[KT_METER_HYPOTHESES];
    size_t            count = 0;
    double            best = 0, nearest = SAME;
    if (kt_meters_gather(evidence, meters, &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        double away = fabs(60 / meters[i].period / bpm - 1);
        if (away <= nearest) {
            nearest = away;
            best    = meters[i].period;
        }
    }
    return best;
}

// Means over the groups of whole bars; returns the number of positions: 0 without a bar.
static size_t
gather(features_t *out, const kt_positions_t *grid, const kt_activation_grid_t *activations, int signature)
{
    double       features[KT_POSITION_MOST][KT_POSITION_FEATURES], heard[KT_POSITION_MOST][KT_ACTIVATION_ROLES];
    const size_t bar = (size_t)kt_meter_beats(signature) * KT_POSITION_PARTS, bars = grid->parts / bar;
    const size_t length = bar * (bars < GROUP_BARS ? bars : GROUP_BARS), groups = length ? grid->parts / length : 0;
    *out = (features_t){0};
    for (size_t g = 0; g < groups; g++) {
        kt_positions_features(grid, signature, g * length, (g + 1) * length, features);
        kt_activation_positions(activations, kt_meter_beats(signature), g * length, (g + 1) * length, heard);
        for (size_t p = 0; p < bar; p++) {
            for (size_t f = 0; f < KT_POSITION_FEATURES; f++)
                out->mean[p][f] += features[p][f] / (double)groups;
            for (size_t f = 0; f < KT_ACTIVATION_ROLES; f++)
                out->heard[p][f] += heard[p][f] / (double)groups;
        }
    }
    return groups ? bar : 0;
}

static void
print(const char *path, const kt_evidence_t *evidence, const size_t *pulse, size_t n, const features_t *features,
      size_t positions)
{
    printf("{\"file\":\"%s\",\"pulse\":[", rhythm_evidence_name(path));
    for (size_t i = 0; i < n; i++)
        printf("%s%.3f", i ? "," : "", ((double)pulse[i] - 1) / evidence->envelope.rate_hz);
    printf("],\"positions\":[");
    for (size_t p = 0; p < positions; p++) {
        for (size_t f = 0; f < KT_POSITION_FEATURES; f++)
            printf("%s%.6g", f ? "," : p ? "],[" : "[", features->mean[p][f]);
        for (size_t f = 0; f < KT_ACTIVATION_ROLES && evidence->activations.frames > 0; f++)
            printf(",%.6g", features->heard[p][f]);
    }
    printf("%s]}\n", positions ? "]" : "");
}

// The frames of the beats of one section that is all of the evidence.
static kt_err_t
track(const kt_evidence_t *evidence, double period, int signature, size_t **frames, size_t *n)
{
    const kt_path_step_t step    = {.period = period, .signature = signature, .jumps = true};
    const kt_section_t   section = {
          .end = evidence->envelope.frames, .signature = signature, .steps = &step, .n_steps = 1, .hop = 1};
    kt_pulse_t *pulse = NULL;
    kt_err_t    err   = kt_beats_track(&evidence->envelope, &section, 1, NULL, &pulse, n);
    *frames           = err ? NULL : calloc(*n + 1, sizeof **frames);
    for (size_t i = 0; *frames && i < *n; i++)
        (*frames)[i] = pulse[i].frame;
    free(pulse);
    return err || *frames ? err : KT_ENOMEM;
}

static kt_err_t
show(const char *path, const kt_evidence_t *evidence, double bpm, int signature)
{
    static features_t    features;
    kt_positions_t       grid        = {0};
    kt_activation_grid_t activations = {0};
    size_t              *pulse = NULL, n = 0;
    const double         period = period_near(evidence, bpm);
    kt_err_t             err    = period > 0 ? track(evidence, period, signature, &pulse, &n) : KT_OK;
    if (!err && n >= LEAST_PULSES) {
        err = kt_positions_new(&grid, evidence, pulse, n);
        if (!err)
            err = kt_activation_grid_new(&activations, evidence, pulse, n);
        if (!err)
            print(path, evidence, pulse, n, &features, gather(&features, &grid, &activations, signature));
    } else if (!err) {
        fprintf(stderr, "%s: no pulse at %g BPM\n", path, bpm);
    }
    kt_positions_fini(&grid);
    kt_activation_grid_fini(&activations);
    free(pulse);
    return err;
}

int
main(int argc, char **argv)
{
    char              path[4096];
    double            bpm;
    int               signature;
    rhythm_evidence_t source = {0};
    kt_err_t          err    = rhythm_evidence_open(&source, argc > 2 && !strcmp(argv[1], "--models") ? argv[2] : NULL);
    while (!err && scanf("%lf %d %4095[^\n]", &bpm, &signature, path) == 3) {
        kt_evidence_t evidence = {0};
        if (signature < 2 || signature > 7)
            continue;
        err = rhythm_evidence_of(&source, path, &evidence);
        if (!err)
            err = show(path, &evidence, bpm, signature);
        kt_evidence_fini(&evidence);
        err = err == KT_ENOTFOUND ? KT_OK : err;
    }
    rhythm_evidence_close(&source);
    return err != KT_OK;
}
