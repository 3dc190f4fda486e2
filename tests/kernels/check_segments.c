#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <string.h>

enum { SEGMENTS = 12 };
static const size_t lengths[SEGMENTS] = {1, 0, 2, 3, 7, 8, 9, 31, 255, 256, 257, 530};

// One table of rows, the segments one after the other, and what the reference makes of each.
typedef struct table {
    const kt_plan_t *plan;
    size_t           rows, tiles;
    guarded_t        mel, peak, valley, db, mfcc, onset, contrast;
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
    self.db            = guard_new(self.mel.count);
    self.mfcc          = guard_new(self.rows * o->n_mfcc);
    self.onset         = guard_new(self.rows);
    self.contrast      = guard_new(self.peak.count);
    fill(&self.mel, o->n_mels, 1);
    fill(&self.peak, KT_BANDS, 2);
    fill(&self.valley, KT_BANDS, 3);
    size_t row = 0;
    for (size_t i = 0; i < segments; row += lengths[i], i++) {
        float *db = self.db.values + row * o->n_mels;
        kt_cpu_ops_ref.to_db(self.mel.values + row * o->n_mels, lengths[i] * o->n_mels, db);
        kt_cpu_ops_ref.mfcc(plan, db, lengths[i], self.mfcc.values + row * o->n_mfcc);
        kt_cpu_ops_ref.onset(plan, db, lengths[i], self.onset.values + row);
        if (width)
            kt_cpu_ops_ref.contrast(self.peak.values + row * width, self.valley.values + row * width,
                                    lengths[i] * width, self.contrast.values + row * width);
    }
    return self;
}

static void
table_free(table_t *self)
{
    guarded_t *all[] = {&self->mel, &self->peak, &self->valley, &self->db, &self->mfcc, &self->onset, &self->contrast};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guard_free(all[i]);
}

static void
compare(const guarded_t *ref, const float *device, tolerance_t what, const kt_plan_t *plan)
{
    guarded_t fast = guard_new(ref->count);
    device_read(fast.values, device, fast.count * sizeof(float));
    const double off = off_by(fast.values, ref->values, ref->count);
    check(off <= tolerance_of(what), "segments, %u mels, %u mfcc: tolerance %d: off by %g", plan->opts.n_mels,
          plan->opts.n_mfcc, (int)what, off);
    guard_free(&fast);
}

static void
rows_of_segments_are_right(const kt_frontend_opts_t *opts, size_t segments)
{
    kt_plan_t *plan = NULL;
    if (!check(kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    table_t                table                            = table_new(plan, segments);
    const kt_cuda_plan_t  *tables                           = device_plan(plan);
    const uint32_t         zeros[SEGMENTS * KT_CUDA_MAXIMA] = {0};
    kt_cuda_tile_t        *tiles                            = device_copy(table.tile, table.tiles * sizeof *table.tile);
    uint32_t              *maxima                           = device_copy(zeros, sizeof zeros);
    float                 *mel    = device_copy(table.mel.values, table.mel.count * sizeof(float));
    float                 *peak   = device_copy(table.peak.values, table.peak.count * sizeof(float));
    float                 *valley = device_copy(table.valley.values, table.valley.count * sizeof(float));
    kt_cuda_segment_rows_t rows   = {mel,
                                     peak,
                                     valley,
                                     maxima,
                                     device_new(table.db.count * sizeof(float)),
                                     device_new(table.mfcc.count * sizeof(float)),
                                     device_new(table.onset.count * sizeof(float)),
                                     device_new(table.contrast.count * sizeof(float))};
    check(kt_cuda_maxima(tables, tiles, table.tiles, mel, peak, valley, maxima, NULL) == KT_OK, "maxima");
    check(kt_cuda_segments(tables, tiles, table.tiles, &rows, NULL) == KT_OK, "segments");
    compare(&table.db, rows.mel_db, TOLERANCE_DB, plan);
    compare(&table.mfcc, rows.mfcc, TOLERANCE_MFCC, plan);
    compare(&table.onset, rows.onset, TOLERANCE_ONSET, plan);
    if (plan->has_contrast)
        compare(&table.contrast, rows.contrast, TOLERANCE_CONTRAST, plan);
    void *const all[] = {tiles, maxima, mel, peak, valley, rows.mel_db, rows.mfcc, rows.onset, rows.contrast};
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
