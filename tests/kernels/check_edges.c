// What does not need a reference: a frame's bytes do not depend on its company, and a sample that is no number harms
// the frames it lies in and no other.
#include "tests/kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 37 };
static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12}, odd = {44100, 1024, 331, 40, 13, 12};

typedef struct result {
    guarded_t           rows[KT_ROWS], chroma;
    kt_spectral_peaks_t peaks;
} result_t;

static result_t
result_new(const kt_plan_t *plan)
{
    result_t self = {.chroma = guard_new((size_t)FRAMES * plan->opts.n_chroma)};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        self.rows[r] = guard_new(FRAMES * kt_row_width(plan, r));
    return self;
}

static void
result_free(result_t *self)
{
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        guard_free(&self->rows[r]);
    guard_free(&self->chroma);
    kt_spectral_peaks_fini(&self->peaks);
}

// The span cut into pieces of `piece` frames, `together` of them in each call.
static void
run(const kt_cpu_ops_t *ops, const kt_plan_t *plan, const kt_span_t *span, size_t piece, size_t together, result_t *out)
{
    void     *scratch = scratch_new(ops, plan);
    guarded_t bank    = guard_new((size_t)plan->bins * plan->opts.n_chroma);
    check_tuning      = -0.2;
    kt_chroma_bank(plan, check_tuning, bank.values);
    for (size_t at = 0; at < FRAMES;) {
        kt_span_t spans[FRAMES];
        kt_rows_t rows[FRAMES];
        float    *chroma[FRAMES];
        size_t    n = 0;
        for (; n < together && at < FRAMES; n++, at += piece) {
            const size_t skip = at * plan->opts.hop;
            spans[n]          = (kt_span_t){span->pcm + skip, piece < FRAMES - at ? piece : FRAMES - at,
                                   span->real_begin > skip ? span->real_begin - skip : 0, span->real_end - skip};
            rows[n]           = (kt_rows_t){.peaks = &out->peaks};
            for (kt_row_t r = 0; r < KT_ROWS; r++)
                rows[n].row[r] = out->rows[r].values + at * kt_row_width(plan, r);
            chroma[n] = out->chroma.values + at * plan->opts.n_chroma;
        }
        check(ops->frontend(plan, scratch, spans, n, rows) == KT_OK, "%s: frontend", ops->isa);
        ops->chroma(plan, bank.values, scratch, spans, n, chroma);
    }
    guard_free(&bank);
    free(scratch);
}

static bool
same_bytes(const guarded_t *a, const guarded_t *b)
{
    return memcmp(a->values, b->values, a->count * sizeof *a->values) == 0;
}

static bool
same_result(const result_t *a, const result_t *b)
{
    bool same = same_bytes(&a->chroma, &b->chroma) && a->peaks.count == b->peaks.count &&
                memcmp(a->peaks.bin, b->peaks.bin, a->peaks.count) == 0 &&
                memcmp(a->peaks.magnitude, b->peaks.magnitude, a->peaks.count * sizeof(float)) == 0;
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        same = same && same_bytes(&a->rows[r], &b->rows[r]);
    return same;
}

static void
grouping_changes_no_byte(const kt_cpu_ops_t *ops, const kt_plan_t *plan)
{
    static const size_t ways[][2] = {{1, 1}, {1, FRAMES}, {7, 2}, {8, 1}, {16, 3}, {3, 5}};
    input_t             input     = make_input(plan, CHORD, FRAMES);
    result_t            whole     = result_new(plan);
    run(ops, plan, &input.span, FRAMES, 1, &whole);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        result_t parts = result_new(plan);
        run(ops, plan, &input.span, ways[i][0], ways[i][1], &parts);
        check(same_result(&whole, &parts), "%s: pieces of %zu, %zu together, give other bytes than one span", ops->isa,
              ways[i][0], ways[i][1]);
        result_free(&parts);
    }
    result_free(&whole);
    free_input(&input);
}

// Frame i of one row: NaN throughout where the frame holds the bad sample, else the bytes of the sound signal.
static bool
row_is_right(const guarded_t *bad, const guarded_t *good, size_t width, size_t i, bool hit)
{
    bool right = true;
    for (size_t c = i * width; c < (i + 1) * width; c++)
        right = right && (hit ? isnan(bad->values[c]) : memcmp(&bad->values[c], &good->values[c], sizeof(float)) == 0);
    return right;
}

static void
a_bad_sample_stays_in_its_frames(const kt_cpu_ops_t *ops, const kt_plan_t *plan, float bad_sample)
{
    const size_t at    = (size_t)plan->opts.n_fft + 5;
    input_t      input = make_input(plan, CHORD, FRAMES);
    result_t     good = result_new(plan), bad = result_new(plan);
    run(ops, plan, &input.span, FRAMES, 1, &good);
    input.pcm[at] = bad_sample;
    run(ops, plan, &input.span, FRAMES, 1, &bad);
    bool right = true;
    for (size_t i = 0; i < FRAMES; i++) {
        const size_t begin = i * plan->opts.hop;
        const bool   hit   = begin <= at && at < begin + plan->opts.n_fft;
        for (kt_row_t r = 0; r < KT_ROWS; r++)
            if (r != KT_ROW_ZCR && r != KT_ROW_RMS)
                right = right && row_is_right(&bad.rows[r], &good.rows[r], kt_row_width(plan, r), i, hit);
        right           = right && row_is_right(&bad.chroma, &good.chroma, plan->opts.n_chroma, i, hit);
        const float rms = bad.rows[KT_ROW_RMS].values[i];
        right           = right && (hit ? !(rms <= 1) : rms == good.rows[KT_ROW_RMS].values[i]);
        right           = right && bad.rows[KT_ROW_ZCR].values[i] >= 0 && bad.rows[KT_ROW_ZCR].values[i] <= 1;
    }
    check(right, "%s: a sample of %g at %zu does more or less than it should", ops->isa, (double)bad_sample, at);
    check(bad.peaks.count < good.peaks.count, "%s: frames without numbers have peaks", ops->isa);
    result_free(&good);
    result_free(&bad);
    free_input(&input);
}

// NaN in a row of a segment stays where it is and does not raise the floor of the others.
static void
a_bad_row_stays_alone(const kt_cpu_ops_t *ops)
{
    float power[37], db[37], clean[37];
    for (int i = 0; i < 37; i++)
        power[i] = (float)i;
    ops->to_db(power, 37, clean);
    power[5] = power[36] = NAN;
    power[35]            = 36;
    ops->to_db(power, 37, db);
    bool right = isnan(db[5]) && isnan(db[36]);
    for (int i = 0; i < 35; i++)
        right = right && (i == 5 || db[i] == clean[i]);
    check(right, "%s: a NaN among powers changes its neighbours", ops->isa);
}

void
check_edges(const kt_cpu_ops_t *ops)
{
    const kt_frontend_opts_t *all[] = {&defaults, &odd};
    for (size_t i = 0; i < 2; i++) {
        kt_plan_t *plan = NULL;
        if (!check(kt_plan_new(&plan, all[i]) == KT_OK, "plan"))
            return;
        grouping_changes_no_byte(ops, plan);
        a_bad_sample_stays_in_its_frames(ops, plan, NAN);
        a_bad_sample_stays_in_its_frames(ops, plan, INFINITY);
        a_bad_sample_stays_in_its_frames(ops, plan, -3e38F);
        kt_plan_destroy(&plan);
    }
    if (ops->to_db)
        a_bad_row_stays_alone(ops);
}
