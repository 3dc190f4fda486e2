#include "kernels/derived.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <string.h>

enum { SEGMENTS = 12 };
static const size_t lengths[SEGMENTS] = {1, 0, 2, 3, 7, 8, 9, 31, 255, 256, 257, 530};

// One table of rows, the segments one after the other, and what the reference makes of each.
typedef struct table {
    const kt_plan_t *plan;
    size_t           rows, tiles;
    guarded_t        mel, peak, valley, bands, mfcc, onset, contrast;
    kt_cuda_tile_t   tile[64];
} table_t;

// Powers over many decades, with zeros, and now and then a row without numbers.
static void
fill(guarded_t *to, size_t width, uint32_t seed)
{
    for (size_t i = 0; i < to->count; i++) {
        seed                  = seed * 1664525U + 1013904223U;
        const double level    = (double)(seed >> 8) / 16777216.0;
        to->values[i]         = seed % 37 == 0 ? 0 : (float)exp(-40 + 50 * level);
        const bool no_numbers = i / width % 29 == 5;
        to->values[i]         = no_numbers ? NAN : to->values[i];
    }
}

static table_t
table_new(const kt_plan_t *plan, size_t segments)
{
    const kt_frontend_opts_t *o    = &plan->opts;
    table_t                   self = {.plan = plan};
    for (size_t i = 0; i < segments; i++) {
        const kt_cuda_tile_t whole = {.row = self.rows, .rows = (uint32_t)lengths[i], .segment = (uint32_t)i};
        self.tiles += kt_cuda_tile(&whole, self.tile + self.tiles);
        self.rows += lengths[i];
    }
    const size_t width = kt_row_width(plan, KT_ROW_PEAK);
    self.mel           = guard_new(self.rows * o->n_mels);
    self.peak          = guard_new(self.rows * width);
    self.valley        = guard_new(self.rows * width);
    self.bands         = guard_new(self.rows * kt_derived_bands(o));
    self.mfcc          = guard_new(self.rows * o->n_mfcc);
    self.onset         = guard_new(self.rows);
    self.contrast      = guard_new(self.peak.count);
    fill(&self.mel, o->n_mels, 1);
    fill(&self.peak, KT_BANDS, 2);
    fill(&self.valley, KT_BANDS, 3);
    for (size_t i = 0; i < self.bands.count; i++) {
        const float *mel     = self.mel.values + KT_DERIVED_MELS * i;
        self.bands.values[i] = (mel[0] + mel[1]) + (mel[2] + mel[3]);
    }
    guarded_t decibels = guard_new(self.mel.count);
    size_t    row      = 0;
    for (size_t i = 0; i < segments; row += lengths[i], i++) {
        float *db = decibels.values + row * o->n_mels;
        kt_cpu_ops_ref.to_db(self.mel.values + row * o->n_mels, lengths[i] * o->n_mels, db);
        kt_cpu_ops_ref.mfcc(plan, db, lengths[i], self.mfcc.values + row * o->n_mfcc);
        kt_cpu_ops_ref.onset(plan, db, lengths[i], self.onset.values + row);
        if (width)
            kt_cpu_ops_ref.contrast(self.peak.values + row * width, self.valley.values + row * width,
                                    lengths[i] * width, self.contrast.values + row * width);
    }
    guard_free(&decibels);
    return self;
}

static void
table_free(table_t *self)
{
    guarded_t *all[] = {&self->mel,  &self->peak,  &self->valley,  &self->bands,
                        &self->mfcc, &self->onset, &self->contrast};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guard_free(all[i]);
}

// Rows of so many values, each with room for so many floats on the device.
static void
compare(const guarded_t *ref, const float *device, size_t width, size_t floats, double limit, const char *what)
{
    const size_t rows = ref->count / width;
    guarded_t    all = guard_new(rows * floats), fast = guard_new(ref->count);
    device_read(all.values, device, all.count * sizeof(float));
    for (size_t i = 0; i < ref->count; i++)
        fast.values[i] = all.values[i / width * floats + i % width];
    const double off = off_by(fast.values, ref->values, ref->count);
    check(off <= limit, "segments, %s of %zu: limit %g: off by %g", what, width, limit, off);
    guard_free(&fast);
    guard_free(&all);
}

static void
rows_of_segments_are_right(const kt_frontend_opts_t *opts, size_t segments)
{
    kt_plan_t *plan = NULL;
    if (!check(kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    table_t               table                            = table_new(plan, segments);
    const kt_cuda_plan_t *tables                           = device_plan(plan);
    const uint32_t        zeros[SEGMENTS * KT_CUDA_MAXIMA] = {0};
    kt_cuda_tile_t       *tiles                            = device_copy(table.tile, table.tiles * sizeof *table.tile);
    uint32_t             *maxima                           = device_copy(zeros, sizeof zeros);
    float                *mel    = device_copy(table.mel.values, table.mel.count * sizeof(float));
    float                *peak   = device_copy(table.peak.values, table.peak.count * sizeof(float));
    float                *valley = device_copy(table.valley.values, table.valley.count * sizeof(float));
    enum { MORE = 3, UNIT = 8 };  // floats of a row's room
    const size_t           bands = kt_derived_bands(opts), more = opts->n_mfcc + MORE;
    kt_cuda_segment_rows_t rows = {.mel             = mel,
                                   .peak            = peak,
                                   .valley          = valley,
                                   .maxima          = maxima,
                                   .bands           = bands ? device_new(table.bands.count * sizeof(float)) : NULL,
                                   .mfcc            = device_new(table.rows * more * sizeof(float)),
                                   .onset           = device_new(table.onset.count * sizeof(float)),
                                   .contrast        = device_new(table.rows * UNIT * sizeof(float)),
                                   .mfcc_floats     = (uint32_t)more,
                                   .contrast_floats = UNIT};
    check(kt_cuda_maxima(tables, tiles, table.tiles, mel, peak, valley, maxima, NULL) == KT_OK, "maxima");
    check(kt_cuda_segments(tables, tiles, table.tiles, &rows, NULL) == KT_OK, "segments");
    if (bands)
        compare(&table.bands, rows.bands, bands, bands, 0, "bands");
    compare(&table.mfcc, rows.mfcc, opts->n_mfcc, more, tolerance_of(TOLERANCE_MFCC), "mfcc");
    compare(&table.onset, rows.onset, 1, 1, tolerance_of(TOLERANCE_ONSET), "onset");
    if (plan->has_contrast)
        compare(&table.contrast, rows.contrast, KT_BANDS, UNIT, tolerance_of(TOLERANCE_CONTRAST), "contrast");
    void *const all[] = {tiles, maxima, mel, peak, valley, rows.bands, rows.mfcc, rows.onset, rows.contrast};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free(all[i]);
    table_free(&table);
    kt_plan_destroy(&plan);
}

void
check_segments(bool all)
{
    static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12}, speech = {16000, 512, 160, 64, 20, 12},
                                    wide = {44100, 1024, 331, 300, 47, 12}, narrow = {44100, 1024, 331, 1, 1, 12};
    rows_of_segments_are_right(&defaults, all ? SEGMENTS : 8);
    rows_of_segments_are_right(&defaults, 0);
    rows_of_segments_are_right(&narrow, SEGMENTS);
    if (!all)
        return;
    rows_of_segments_are_right(&speech, SEGMENTS);
    rows_of_segments_are_right(&wide, 8);
}
