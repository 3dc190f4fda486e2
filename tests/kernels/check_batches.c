#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    double      limit;
} tolerances[TOLERANCES] = {
#define KT_TOLERANCE(what, limit, why) {#what, limit},
#include "tests/kernels/tolerances.def"
#undef KT_TOLERANCE
};

double
tolerance_of(tolerance_t what)
{
    return tolerances[what].limit;
}

double
off_by(const float *fast, const float *ref, size_t count)
{
    double largest = 1e-37, worst = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(ref[i]) || isnan(fast[i])) {
            worst = isnan(ref[i]) && isnan(fast[i]) ? worst : INFINITY;
            continue;
        }
        largest = fmax(largest, fabs(ref[i]));
        worst   = fmax(worst, fabs((double)fast[i] - ref[i]));
    }
    return worst / largest;
}

// Rows of both passes of many spans, in the caller's memory.
typedef struct rows {
    guarded_t           row[KT_ROWS], chroma;
    kt_spectral_peaks_t peaks, cqt_peaks;
} rows_t;

static rows_t
rows_new(const kt_plan_t *plan, size_t frames)
{
    rows_t self = {.chroma = guard_new(frames * plan->opts.n_chroma)};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        self.row[r] = guard_new(frames * kt_row_width(plan, r));
    return self;
}

static void
rows_free(rows_t *self)
{
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        guard_free(&self->row[r]);
    guard_free(&self->chroma);
    kt_spectral_peaks_fini(&self->peaks);
    kt_spectral_peaks_fini(&self->cqt_peaks);
}

static void
run(const kt_cpu_ops_t *ops, const kt_plan_t *plan, const kt_span_t *spans, size_t n, rows_t *out)
{
    kt_rows_t *rows    = calloc(n + 1, sizeof *rows);
    float    **chroma  = calloc(n + 1, sizeof *chroma);
    guarded_t  bank    = guard_new((size_t)plan->bins * plan->opts.n_chroma);
    void      *scratch = scratch_new(ops, plan);
    size_t     at      = 0;
    check_tuning       = 0.31;
    kt_chroma_bank(plan, check_tuning, bank.values);
    for (size_t i = 0; rows && chroma && i < n; at += spans[i].frames, i++) {
        rows[i] = (kt_rows_t){.peaks = &out->peaks, .cqt_peaks = &out->cqt_peaks};
        for (kt_row_t r = 0; r < KT_ROWS; r++)
            rows[i].row[r] = out->row[r].values + at * kt_row_width(plan, r);
        chroma[i] = out->chroma.values + at * plan->opts.n_chroma;
    }
    if (check(rows && chroma, "memory")) {
        check(ops->frontend(plan, scratch, spans, n, rows) == KT_OK, "%s: frontend", ops->isa);
        ops->chroma(plan, bank.values, scratch, spans, n, chroma);
    }
    guard_free(&bank);
    free(scratch);
    free(rows);
    free(chroma);
}

static bool
same_pitches(const kt_spectral_peaks_t *fast, const kt_spectral_peaks_t *ref)
{
    bool same = fast->count == ref->count;
    for (size_t i = 0; same && i < ref->count; i++)
        same = fast->bin[i] == ref->bin[i] && fabsf(fast->magnitude[i] - ref->magnitude[i]) <=
                                                  (float)tolerances[TOLERANCE_PITCH].limit * ref->magnitude[i];
    return same;
}

// Spans of 0 to `most` frames in no order, from anywhere in one sound: many more than a GPU has places for blocks.
static void
a_ragged_batch_is_right(const kt_frontend_opts_t *opts, size_t n, size_t most)
{
    kt_plan_t *plan  = NULL;
    kt_span_t *spans = calloc(n + 1, sizeof *spans);
    if (!check(spans && kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    input_t  input  = make_input(plan, CHORD, 200);
    uint32_t state  = 7;
    size_t   frames = 0;
    for (size_t i = 0; i < n; i++, frames += spans[i - 1].frames) {
        state              = state * 1664525U + 1013904223U;
        const size_t first = (state >> 8) % (200 - most), skip = first * opts->hop;
        const size_t begin = input.span.real_begin, end = input.span.real_end;
        spans[i] = (kt_span_t){input.pcm + skip, (state >> 20) % (most + 1), begin > skip ? begin - skip : 0,
                               end > skip ? end - skip : 0};
    }
    rows_t fast = rows_new(plan, frames), ref = rows_new(plan, frames);
    run(&cuda_ops, plan, spans, n, &fast);
    run(&kt_cpu_ops_ref, plan, spans, n, &ref);
    for (kt_row_t r = 0; r < KT_ROWS; r++) {
        const double off = off_by(fast.row[r].values, ref.row[r].values, ref.row[r].count);
        check(off <= tolerances[r].limit && guard_ok(&fast.row[r]), "%zu spans: %s is off by %g", n, tolerances[r].name,
              off);
    }
    const double off = off_by(fast.chroma.values, ref.chroma.values, ref.chroma.count);
    check(off <= tolerances[TOLERANCE_CHROMA].limit && guard_ok(&fast.chroma), "%zu spans: chroma is off by %g", n,
          off);
    check(same_pitches(&fast.peaks, &ref.peaks), "%zu spans: other peaks", n);
    check(same_pitches(&fast.cqt_peaks, &ref.cqt_peaks), "%zu spans: other peaks of the magnitude", n);
    rows_free(&fast);
    rows_free(&ref);
    free_input(&input);
    free(spans);
    kt_plan_destroy(&plan);
}

// Each row alone, then none: what is not requested is neither made nor written, and changes no byte of what is. But for
// mel, which may be computed in float when it is alone.
static void
a_row_alone_has_the_same_bytes(const kt_frontend_opts_t *opts)
{
    enum { FRAMES = 35 };
    kt_plan_t *plan = NULL;
    if (!check(kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    input_t input = make_input(plan, NOISE, FRAMES);
    rows_t  all   = rows_new(plan, FRAMES);
    run(&cuda_ops, plan, &input.span, 1, &all);
    for (kt_row_t r = 0; r < KT_ROWS; r++) {
        guarded_t one = guard_new(all.row[r].count);
        kt_rows_t out = {0};
        out.row[r]    = one.values;
        check(cuda_ops.frontend(plan, NULL, &input.span, 1, &out) == KT_OK, "frontend");
        check(r == KT_ROW_MEL ? off_by(one.values, all.row[r].values, one.count) <= tolerance_of(TOLERANCE_MEL)
                              : memcmp(one.values, all.row[r].values, one.count * sizeof(float)) == 0,
              "row %d alone has other values", (int)r);
        check(guard_ok(&one), "row %d alone: wrote outside", (int)r);
        guard_free(&one);
    }
    kt_spectral_peaks_t peaks = {0};
    const kt_rows_t     only = {.cqt_peaks = &peaks}, none = {0};
    check(cuda_ops.frontend(plan, NULL, &input.span, 1, &only) == KT_OK, "frontend");
    check(peaks.count > 0 && same_pitches(&peaks, &all.cqt_peaks), "peaks alone are others");
    check(cuda_ops.frontend(plan, NULL, &input.span, 1, &none) == KT_OK, "frontend without rows");
    kt_spectral_peaks_fini(&peaks);
    rows_free(&all);
    free_input(&input);
    kt_plan_destroy(&plan);
}

// With too little room the peaks that fit are whole, and nothing is written behind them.
static void
peaks_stay_within_their_room(void)
{
    enum { FRAMES = 40, ROOM = 100 };
    const kt_frontend_opts_t opts = {22050, 512, 128, 32, 13, 12};
    kt_plan_t               *plan = NULL;
    if (!check(kt_plan_new(&plan, &opts) == KT_OK, "plan"))
        return;
    input_t        input = make_input(plan, NOISE, FRAMES);
    batch_t        batch = batch_new(plan, &input.span, 1, 7);
    const uint32_t zero  = 0;
    kt_gpu_slice_t slice[FRAMES];
    kt_cuda_rows_t rows  = {.peaks = {device_new(ROOM * sizeof(kt_gpu_peak_t)), device_new(sizeof slice),
                                      device_copy(&zero, sizeof zero), ROOM}};
    size_t         count = 0;
    check(kt_cuda_frontend(device_plan(plan), batch.runs, batch.n, batch.longest, batch.pcm, &rows, batch.work, NULL) ==
              KT_OK,
          "frontend");
    device_read(slice, rows.peaks.slice, sizeof slice);
    for (int i = 0; i < FRAMES; i++) {
        check(slice[i].count == 0 || slice[i].first + slice[i].count <= ROOM, "a slice ends at %u of %d",
              slice[i].first + slice[i].count, ROOM);
        count += slice[i].count;
    }
    check(count == ROOM, "%zu peaks for a room of %d", count, ROOM);
    device_free(rows.peaks.peak);
    device_free(rows.peaks.slice);
    device_free(rows.peaks.used);
    batch_free(&batch);
    free_input(&input);
    kt_plan_destroy(&plan);
}

// Power spectra for modules that use partials: any number of bins, every size.
static void
powers_are_right(uint32_t n_fft, uint32_t hop, uint32_t bins, size_t frames)
{
    const kt_frontend_opts_t opts = {44100, n_fft, hop, 1, 1, 12};
    kt_plan_t               *plan = NULL;
    if (!check(kt_plan_new(&plan, &opts) == KT_OK, "plan"))
        return;
    input_t   input = make_input(plan, CHORD, frames);
    guarded_t fast = guard_new(frames * bins), ref = guard_new(fast.count);
    void     *scratch = scratch_new(&kt_cpu_ops_ref, plan);
    batch_t   batch   = batch_new(plan, &input.span, 1, 5);
    float    *out     = device_new(fast.count * sizeof *out);
    check(kt_cuda_power_spectra(device_plan(plan), batch.runs, batch.n, batch.longest, batch.pcm, bins, out, batch.work,
                                NULL) == KT_OK,
          "powers");
    device_read(fast.values, out, fast.count * sizeof *out);
    kt_cpu_ops_ref.power_spectra(plan, scratch, &input.span, bins, ref.values);
    const double off = off_by(fast.values, ref.values, ref.count);
    check(off <= tolerances[TOLERANCE_POWER_SPECTRA].limit && guard_ok(&fast), "powers %u/%u, %u bins: off by %g",
          n_fft, hop, bins, off);
    device_free(out);
    batch_free(&batch);
    guard_free(&fast);
    guard_free(&ref);
    free(scratch);
    free_input(&input);
    kt_plan_destroy(&plan);
}

void
check_batches(bool all)
{
    static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12}, speech = {16000, 512, 160, 64, 20, 12},
                                    odd = {8000, 256, 97, 23, 23, 7}, wide = {44100, 4096, 1000, 96, 20, 24};
    a_ragged_batch_is_right(&speech, all ? 3000 : 100, 3);
    a_ragged_batch_is_right(&defaults, 9, all ? 40 : 10);
    a_row_alone_has_the_same_bytes(&speech);
    peaks_stay_within_their_room();
    powers_are_right(1024, 511, 513, 11);
    if (!all)
        return;
    a_ragged_batch_is_right(&speech, 0, 3);
    a_ragged_batch_is_right(&odd, 150, 2);
    a_ragged_batch_is_right(&wide, 5, 5);
    a_ragged_batch_is_right(&defaults, 3, 150);  // longer than a run
    a_row_alone_has_the_same_bytes(&odd);
    powers_are_right(512, 1, 1, 6);
    powers_are_right(2048, 2048, 300, 3);
    powers_are_right(4096, 4096, 2049, 2);
    powers_are_right(16384, 8192, 4000, 3);
}
