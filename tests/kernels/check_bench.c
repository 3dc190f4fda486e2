// Milliseconds of one core for a minute of sound at 22,050 Hz, kernel by kernel, beside the reference.
#include "kernels/audio/cqt.h"
#include "tests/kernels/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 5, SECONDS_FAST = 60, SECONDS_REF = 3, COLUMNS = 18 };
static const kt_frontend_opts_t defaults         = {22050, 2048, 512, 128, 13, 12};
static const char *const        columns[COLUMNS] = {
           "spectra", "centroid", "bandwidth", "rolloff",    "flatness", "zcr", "rms",    "peak",     "valley",
           "mel",     "peaks",    "cqt_peaks", "first_pass", "chroma",   "cqt", "mel_db", "contrast", "mfcc+onset"};
enum {
    SPECTRA,
    FIRST_ROW,
    PITCHES = FIRST_ROW + KT_ROWS,
    CQT_PITCHES,
    FIRST_PASS,
    CHROMA,
    CQT,
    MEL_DB,
    CONTRAST,
    MFCC
};

typedef struct bench {
    const kt_cpu_ops_t *ops;
    kt_plan_t          *plan;
    input_t             input;
    void               *scratch;
    guarded_t           rows[KT_ROWS], bank, chroma, db, contrast, mfcc, onset;
    kt_spectral_peaks_t peaks, cqt_peaks;
    kt_cqt_t           *cqt;
    double              minutes;
} bench_t;

static void
frontend(bench_t *self, int first, int last, bool with_pitches, bool with_cqt)
{
    kt_rows_t out     = {.peaks = with_pitches ? &self->peaks : NULL, .cqt_peaks = with_cqt ? &self->cqt_peaks : NULL};
    self->peaks.count = 0;
    self->cqt_peaks.count = 0;
    for (int r = first; r <= last; r++)
        out.row[r] = self->rows[r].values;
    if (self->ops->frontend(self->plan, self->scratch, &self->input.span, 1, &out))
        exit(1);
}

static void
run(bench_t *self, int column)
{
    const size_t        frames = self->input.span.frames;
    const kt_cpu_ops_t *ops    = self->ops;
    switch (column) {
    case SPECTRA: ops->spectra(self->plan, self->scratch, &self->input.span, 1); break;
    case PITCHES: frontend(self, 0, -1, true, false); break;
    case CQT_PITCHES: frontend(self, 0, -1, false, true); break;
    case FIRST_PASS: frontend(self, 0, KT_ROWS - 1, true, true); break;
    case CQT:
        if (kt_cqt_chroma(self->cqt, 0, self->input.span.pcm, (frames - 1) * defaults.hop, frames, self->chroma.values))
            exit(1);
        break;
    case CHROMA:
        ops->chroma(self->plan, self->bank.values, self->scratch, &self->input.span, 1, &self->chroma.values);
        break;
    case MEL_DB: ops->to_db(self->rows[KT_ROW_MEL].values, self->db.count, self->db.values); break;
    case CONTRAST:
        ops->contrast(self->rows[KT_ROW_PEAK].values, self->rows[KT_ROW_VALLEY].values, self->contrast.count,
                      self->contrast.values);
        break;
    case MFCC:
        ops->mfcc(self->plan, self->db.values, frames, self->mfcc.values);
        ops->onset(self->plan, self->db.values, frames, self->onset.values);
        break;
    default: frontend(self, column - FIRST_ROW, column - FIRST_ROW, false, false);
    }
}

static double
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

// Best of some runs, a minute of sound.
static double
measure(bench_t *self, int column, int runs)
{
    double best = 1e12;
    for (int i = 0; i < runs; i++) {
        const double begin = now_ms();
        run(self, column);
        const double took = now_ms() - begin;
        best              = took < best ? took : best;
    }
    return best / self->minutes;
}

static void
open_bench(bench_t *self, const kt_cpu_ops_t *ops, int seconds)
{
    *self               = (bench_t){.ops = ops, .minutes = seconds / 60.0};
    const size_t frames = (size_t)seconds * defaults.rate_hz / defaults.hop + 1;
    if (kt_plan_new(&self->plan, &defaults))
        exit(1);
    if (kt_cqt_new(&self->cqt, ops, defaults.rate_hz, defaults.hop))
        exit(1);
    self->input   = make_input(self->plan, CHORD, frames);
    self->scratch = scratch_new(ops, self->plan);
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        self->rows[r] = guard_new(frames * kt_row_width(self->plan, r));
    self->bank     = guard_new((size_t)self->plan->bins * defaults.n_chroma);
    self->chroma   = guard_new(frames * defaults.n_chroma);
    self->db       = guard_new(frames * defaults.n_mels);
    self->contrast = guard_new(frames * KT_BANDS);
    self->mfcc     = guard_new(frames * defaults.n_mfcc);
    self->onset    = guard_new(frames);
    kt_chroma_bank(self->plan, 0, self->bank.values);
}

static void
close_bench(bench_t *self)
{
    guarded_t *all[] = {&self->bank, &self->chroma, &self->db, &self->contrast, &self->mfcc, &self->onset};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        guard_free(&self->rows[r]);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guard_free(all[i]);
    kt_spectral_peaks_fini(&self->peaks);
    kt_spectral_peaks_fini(&self->cqt_peaks);
    kt_cqt_destroy(&self->cqt);
    free_input(&self->input);
    free(self->scratch);
    kt_plan_destroy(&self->plan);
}

// Rows of the spectrum without the spectrum itself, which all of them share.
static void
measure_all(const kt_cpu_ops_t *ops, bool is_ref, double *out)
{
    bench_t self;
    open_bench(&self, ops, is_ref ? SECONDS_REF : SECONDS_FAST);
    frontend(&self, 0, KT_ROWS - 1, true, true);  // fills what later columns read
    for (int i = 0; i < COLUMNS; i++) {
        const bool shares =
            i > SPECTRA && i <= CQT_PITCHES && i != FIRST_ROW + KT_ROW_ZCR && i != FIRST_ROW + KT_ROW_RMS;
        const double took = measure(&self, i, is_ref ? 1 : RUNS) - (shares ? out[SPECTRA] : 0);
        out[i]            = took > 0 ? took : 0;
    }
    close_bench(&self);
}

// Nanoseconds per pixel of a picture with a previous one.
static double
measure_images(const kt_image_ops_t *ops, int runs)
{
    enum { WIDTH = 320, HEIGHT = 180, PIXELS = WIDTH * HEIGHT };
    kt_image_stats_t stats;
    uint32_t         state = 1;
    double           best  = 1e12;
    uint8_t         *rgb   = calloc(2, 3 * PIXELS);
    if (!rgb)
        exit(1);
    for (size_t i = 0; i < (size_t)2 * 3 * PIXELS; i++) {
        state  = state * 1664525U + 1013904223U;
        rgb[i] = (uint8_t)(i % 3 * 20 + i / 960 + (state >> 28));
    }
    for (int i = 0; i < runs; i++) {
        const double begin = now_ms();
        ops->stats(rgb + (size_t)3 * PIXELS, rgb, WIDTH, HEIGHT, &stats);
        const double took = now_ms() - begin;
        best              = took < best ? took : best;
    }
    free(rgb);
    return best * 1e6 / PIXELS;
}

// Nanoseconds of each operation on blocks; quarter: of a picture of 320 x 180.
static void
measure_blocks(const char *isa, const kt_block_ops_t *ops)
{
    enum { WIDTH = 320, HEIGHT = 180, BLOCKS = 1000 };
    static uint8_t  a[WIDTH * HEIGHT], b[WIDTH * HEIGHT], small[WIDTH * HEIGHT / 16];
    double          best[4] = {1e12, 1e12, 1e12, 1e12};
    kt_block_sums_t sums    = {0};
    uint32_t        total   = 0;
    for (size_t i = 0; i < sizeof a; i++)
        b[i] = (uint8_t)(31 * (a[i] = (uint8_t)(i * i >> 7)));
    for (int run = 0; run < 4 * 4 * RUNS; run++) {
        const double begin = now_ms();
        for (size_t i = 0; i < BLOCKS; i++) {
            const size_t at = (i % 10 + 2) * WIDTH * 8 + i % 250 + 2;
            if (run % 4 == 0)
                total += ops->difference(a + at, WIDTH, b + at + 1, WIDTH);
            else if (run % 4 == 1)
                total += ops->difference_8(a + at, WIDTH, b + at + 1, WIDTH);
            else if (run % 4 == 2)
                ops->sums(a + at, WIDTH, b + at + 1, WIDTH, &sums);
            else if (i % 100 == 0)
                ops->quarter(a, WIDTH, WIDTH, HEIGHT, small);
        }
        const double ns = (now_ms() - begin) * 1e6 / (run % 4 == 3 ? BLOCKS / 100 : BLOCKS);
        best[run % 4]   = ns < best[run % 4] ? ns : best[run % 4];
    }
    printf("%-12s %10.1f %10.1f %8.1f %8.0f   (ns: difference, of 8 x 8, sums, quarter%s)\n", isa, best[0], best[1],
           best[2], best[3], total + (uint32_t)sums.xx == 1 ? "." : "");
}

void
bench(const char *isa)
{
    static const char *const names[] = {"base", "avx2", "avx512"};
    double                   ref[COLUMNS], fast[COLUMNS];
    measure_all(&kt_cpu_ops_ref, true, ref);
    const double ref_image = measure_images(&kt_image_ops_ref, 4 * RUNS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const kt_isa_t *set = isa && strcmp(isa, names[i]) != 0 ? NULL : kt_isa(names[i]);
        if (!set)
            continue;
        const kt_cpu_ops_t *ops = set->rows;
        measure_all(ops, false, fast);
        printf("%-12s %10s %10s %8s   (ms per minute at 22,050 Hz, one core)\n", ops->isa, "fast", "reference",
               "ratio");
        for (int c = 0; c < COLUMNS; c++)
            printf("%-12s %10.2f %10.1f %8.0f\n", columns[c], fast[c], ref[c], fast[c] > 0 ? ref[c] / fast[c] : 0);
        printf("%-12s %10.2f\n", "total",
               fast[FIRST_PASS] + fast[CHROMA] + fast[CQT] + fast[MEL_DB] + fast[CONTRAST] + fast[MFCC]);
        const double image = measure_images(set->image, 4 * RUNS);
        printf("%-12s %10.2f %10.1f %8.0f   (ns per pixel of 320 x 180)\n", "image", image, ref_image,
               ref_image / image);
        measure_blocks("blocks", set->block);
    }
}
