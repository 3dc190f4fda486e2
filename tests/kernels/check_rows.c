// Every row of both passes, fast against reference, over settings, lengths and signals.
#include "tests/kernels/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    double      limit;
} tolerances[TOLERANCES] = {
#define KT_TOLERANCE(what, limit, why) {#what, limit},
#include "tests/kernels/tolerances.def"
#undef KT_TOLERANCE
};

// The defaults; then odd sizes: primes, the shortest and longest transform, hops that do not divide it, rates without
// contrast.
static const kt_frontend_opts_t settings[] = {
    {22050, 2048, 512, 128, 13, 12}, {44100, 2048, 441, 127, 31, 24}, {8000, 256, 97, 23, 23, 7},
    {22050, 512, 1021, 40, 20, 13},  {48000, 4096, 1024, 64, 1, 12},  {96000, 16384, 4099, 128, 17, 36},
};
static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 33};

typedef struct pair {
    const kt_cpu_ops_t *ops;
    const kt_plan_t    *plan;
    const char         *signal;
    size_t              frames;
    void               *fast_scratch, *ref_scratch;
} pair_t;

static void
compare(const pair_t *pair, tolerance_t what, const guarded_t *fast, const guarded_t *ref)
{
    double largest = 1e-37, worst = 0;
    for (size_t i = 0; i < ref->count; i++) {
        const double difference = fabs((double)fast->values[i] - ref->values[i]);
        largest                 = fmax(largest, fabs(ref->values[i]));
        worst                   = difference >= worst ? difference : isnan(difference) ? INFINITY : worst;
    }
    const kt_frontend_opts_t *o = &pair->plan->opts;
    check(worst <= tolerances[what].limit * largest, "%s %s: %s of %zu frames at %u/%u/%u: off by %g of %g",
          pair->ops->isa, tolerances[what].name, pair->signal, pair->frames, o->rate_hz, o->n_fft, o->hop, worst,
          largest);
    check(guard_ok(fast), "%s %s: %zu frames: wrote outside its rows", pair->ops->isa, tolerances[what].name,
          pair->frames);
}

// In a flat or empty spectrum the peaks are rounding noise; elsewhere they are the same peaks.
static void
compare_pitches(const pair_t *pair, const kt_spectral_peaks_t *fast, const kt_spectral_peaks_t *ref)
{
    bool same = fast->count == ref->count;
    for (size_t i = 0; same && i < ref->count; i++)
        same = fast->bin[i] == ref->bin[i] && fabsf(fast->magnitude[i] - ref->magnitude[i]) <=
                                                  (float)tolerances[TOLERANCE_PITCH].limit * ref->magnitude[i];
    check(same, "%s PITCH: %s of %zu frames: not the same peaks", pair->ops->isa, pair->signal, pair->frames);
    check(kt_spectral_peaks_tuning(fast) == kt_spectral_peaks_tuning(ref), "%s tuning: %s", pair->ops->isa,
          pair->signal);
}

static void
segment_rows(const pair_t *pair, const guarded_t *ref)
{
    const kt_frontend_opts_t *o        = &pair->plan->opts;
    const size_t              counts[] = {pair->frames * o->n_mels, pair->frames * o->n_mfcc, pair->frames,
                                          pair->frames * kt_row_width(pair->plan, KT_ROW_PEAK)};
    static const tolerance_t  what[]   = {TOLERANCE_DB, TOLERANCE_MFCC, TOLERANCE_ONSET, TOLERANCE_CONTRAST};
    guarded_t                 fast[4], plain[4];
    if (!pair->ops->to_db)
        return;
    for (int i = 0; i < 4; i++) {
        fast[i]  = guard_new(counts[i]);
        plain[i] = guard_new(counts[i]);
    }
    const kt_cpu_ops_t *ops = pair->ops, *def = &kt_cpu_ops_ref;
    def->to_db(ref[KT_ROW_MEL].values, counts[0], plain[0].values);
    def->mfcc(pair->plan, plain[0].values, pair->frames, plain[1].values);
    def->onset(pair->plan, plain[0].values, pair->frames, plain[2].values);
    def->contrast(ref[KT_ROW_PEAK].values, ref[KT_ROW_VALLEY].values, counts[3], plain[3].values);
    ops->to_db(ref[KT_ROW_MEL].values, counts[0], fast[0].values);
    ops->mfcc(pair->plan, plain[0].values, pair->frames, fast[1].values);
    ops->onset(pair->plan, plain[0].values, pair->frames, fast[2].values);
    ops->contrast(ref[KT_ROW_PEAK].values, ref[KT_ROW_VALLEY].values, counts[3], fast[3].values);
    for (int i = 0; i < 4; i++) {
        compare(pair, what[i], &fast[i], &plain[i]);
        guard_free(&fast[i]);
        guard_free(&plain[i]);
    }
}

static void
first_pass(const pair_t *pair, signal_kind_t kind, const input_t *input)
{
    guarded_t           fast[KT_ROWS], ref[KT_ROWS];
    kt_spectral_peaks_t fast_pitches = {0}, ref_pitches = {0}, fast_cqt = {0}, ref_cqt = {0};
    kt_rows_t           fast_out = {.peaks = &fast_pitches, .cqt_peaks = &fast_cqt};
    kt_rows_t           ref_out  = {.peaks = &ref_pitches, .cqt_peaks = &ref_cqt};
    for (kt_row_t r = 0; r < KT_ROWS; r++) {
        const size_t count = pair->frames * kt_row_width(pair->plan, r);
        fast[r]            = guard_new(count);
        ref[r]             = guard_new(count);
        fast_out.row[r]    = fast[r].values;
        ref_out.row[r]     = ref[r].values;
    }
    check(pair->ops->frontend(pair->plan, pair->fast_scratch, &input->span, 1, &fast_out) == KT_OK, "frontend");
    check(kt_cpu_ops_ref.frontend(pair->plan, pair->ref_scratch, &input->span, 1, &ref_out) == KT_OK, "reference");
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        compare(pair, (tolerance_t)r, &fast[r], &ref[r]);
    if (kind == NOISE || kind == CHORD) {
        compare_pitches(pair, &fast_pitches, &ref_pitches);
        compare_pitches(pair, &fast_cqt, &ref_cqt);
    }
    segment_rows(pair, ref);
    for (kt_row_t r = 0; r < KT_ROWS; r++) {
        guard_free(&fast[r]);
        guard_free(&ref[r]);
    }
    kt_spectral_peaks_fini(&fast_pitches);
    kt_spectral_peaks_fini(&ref_pitches);
    kt_spectral_peaks_fini(&fast_cqt);
    kt_spectral_peaks_fini(&ref_cqt);
}

// Mel alone, for which a kernel may compute less precisely.
static void
mel_alone(const pair_t *pair, const input_t *input)
{
    guarded_t fast = guard_new(pair->frames * pair->plan->opts.n_mels), ref = guard_new(fast.count);
    kt_rows_t fast_out = {.row[KT_ROW_MEL] = fast.values}, ref_out = {.row[KT_ROW_MEL] = ref.values};
    check(pair->ops->frontend(pair->plan, pair->fast_scratch, &input->span, 1, &fast_out) == KT_OK, "mel alone");
    check(kt_cpu_ops_ref.frontend(pair->plan, pair->ref_scratch, &input->span, 1, &ref_out) == KT_OK, "reference");
    compare(pair, TOLERANCE_MEL, &fast, &ref);
    guard_free(&fast);
    guard_free(&ref);
}

static void
second_pass(const pair_t *pair, const float *bank, const input_t *input)
{
    guarded_t fast = guard_new(pair->frames * pair->plan->opts.n_chroma), ref = guard_new(fast.count);
    pair->ops->chroma(pair->plan, bank, pair->fast_scratch, &input->span, 1, &fast.values);
    kt_cpu_ops_ref.chroma(pair->plan, bank, pair->ref_scratch, &input->span, 1, &ref.values);
    compare(pair, TOLERANCE_CHROMA, &fast, &ref);
    guard_free(&fast);
    guard_free(&ref);
}

static void
check_setting(pair_t *pair, const float *bank)
{
    for (size_t length = 0; length < sizeof lengths / sizeof *lengths; length++)
        for (signal_kind_t kind = 0; kind < SIGNALS; kind++) {
            if (pair->plan->opts.n_fft > 4096 && (lengths[length] > 3 || kind > CHORD))
                continue;  // the reference is slow; what depends on lanes is seen with the shorter ones
            input_t input = make_input(pair->plan, kind, lengths[length]);
            pair->signal  = signal_names[kind];
            pair->frames  = lengths[length];
            first_pass(pair, kind, &input);
            mel_alone(pair, &input);
            second_pass(pair, bank, &input);
            free_input(&input);
        }
}

void
check_rows(const kt_cpu_ops_t *ops)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        kt_plan_t *plan = NULL;
        if (!check(kt_plan_new(&plan, &settings[i]) == KT_OK, "plan %zu", i))
            continue;
        pair_t    pair = {.ops = ops, .plan = plan};
        guarded_t bank = guard_new((size_t)plan->bins * plan->opts.n_chroma);
        check_tuning   = 0.13;
        kt_chroma_bank(plan, check_tuning, bank.values);
        check(guard_ok(&bank), "the chroma bank wrote outside its table");
        pair.fast_scratch = scratch_new(ops, plan);
        pair.ref_scratch  = scratch_new(&kt_cpu_ops_ref, plan);
        check_setting(&pair, bank.values);
        free(pair.fast_scratch);
        free(pair.ref_scratch);
        guard_free(&bank);
        kt_plan_destroy(&plan);
    }
}
