// The kinds without a device: what they need, what of a request lies in a part, what they read from results.
#include "kernels/audio/plan.h"
#include "kernels/gpu/bass.h"
#include "kernels/gpu/cents.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/kind.h"
#include "kernels/gpu/rises.h"
#include "kernels/isa.h"

#include <criterion/criterion.h>
#include <string.h>

enum { N_FFT = 512, HOP = 128 };
static const kt_frontend_opts_t opts = {8000, N_FFT, HOP, 40, 13, 12};

static kt_plan_t *
plan_new(void)
{
    kt_plan_t *plan = NULL;
    cr_assert_eq(kt_plan_new(&plan, &opts), KT_OK);
    return plan;
}

Test(gpu_kinds, frontend_requests_only_the_rows_that_have_a_place)
{
    kt_plan_t            *plan   = plan_new();
    float                 out    = 0;
    kt_spectral_peaks_t   peaks  = {0};
    const kt_rows_t       none   = {0};
    const kt_rows_t       rows   = {.row[KT_ROW_RMS] = &out, .row[KT_ROW_PEAK] = &out, .cqt_peaks = &peaks};
    kt_gpu_frames_t       frames = {.plan = plan, .rows = &none};
    kt_gpu_batch_t        batch  = {0};
    const uint32_t        cqt    = KT_GPU_CQT_PEAKS;
    const kt_gpu_batch_t *read   = &batch;
    kt_gpu_frontend_kind.describe(&frames, &batch);
    cr_assert_eq(read->wanted, 0);
    frames.rows = &rows;
    kt_gpu_frontend_kind.describe(&frames, &batch);
    // There is no contrast at 8 kHz, so that KT_ROW_PEAK has no width.
    cr_assert_eq(read->wanted, 1U << KT_ROW_RMS | 1U << (KT_GPU_SECTION_USED + cqt) |
                                   1U << (KT_GPU_SECTION_SLICE + cqt) | 1U << (KT_GPU_SECTION_PEAK + cqt));
    cr_assert_eq(read->shape.first_bytes, N_FFT * sizeof(float));
    cr_assert_eq(read->shape.next_bytes, HOP * sizeof(float));
    kt_plan_destroy(&plan);
}

Test(gpu_kinds, mel_alone_shares_no_batch_with_other_rows)
{
    kt_plan_t      *plan     = plan_new();
    float           out      = 0;
    const kt_rows_t alone    = {.row[KT_ROW_MEL] = &out};
    const kt_rows_t both     = {.row[KT_ROW_MEL] = &out, .row[KT_ROW_RMS] = &out};
    const kt_rows_t other    = {.row[KT_ROW_RMS] = &out};
    kt_gpu_frames_t frames   = {.plan = plan, .rows = &alone};
    kt_gpu_batch_t  batch[3] = {0};
    kt_gpu_frontend_kind.describe(&frames, &batch[0]);
    frames.rows = &both;
    kt_gpu_frontend_kind.describe(&frames, &batch[1]);
    frames.rows = &other;
    kt_gpu_frontend_kind.describe(&frames, &batch[2]);
    cr_assert(memcmp(batch[0].config, batch[1].config, sizeof batch->config) != 0);
    cr_assert(memcmp(batch[1].config, batch[2].config, sizeof batch->config) == 0);
    kt_plan_destroy(&plan);
}

Test(gpu_kinds, real_samples_are_counted_from_the_first_one_of_a_part)
{
    kt_plan_t            *plan   = plan_new();
    const kt_span_t       span   = {.frames = 20, .real_begin = N_FFT / 2, .real_end = 2000};
    const kt_gpu_frames_t frames = {.plan = plan, .span = &span, .tuning = 0.25};
    kt_gpu_frames_args_t  args;
    kt_gpu_chroma_kind.describe_part(&frames, 0, 1, &args);
    cr_assert_eq(args.real_begin, N_FFT / 2);
    cr_assert_eq(args.real_end, N_FFT, "a part of one frame");
    cr_assert_eq(args.tuning, 0.25);
    kt_gpu_chroma_kind.describe_part(&frames, 10, 10, &args);
    cr_assert_eq(args.real_begin, 0);
    cr_assert_eq(args.real_end, 2000 - 10 * HOP);
    kt_plan_destroy(&plan);
}

Test(gpu_kinds, a_piece_keeps_the_samples_that_the_one_before_did_not)
{
    kt_plan_t           *plan    = plan_new();
    const kt_span_t      span    = {.frames = 20};
    kt_gpu_kept_t        kept    = {.bytes = (N_FFT + 19 * HOP) * sizeof(float)};
    const size_t         overlap = (N_FFT - HOP) * sizeof(float);
    kt_gpu_frames_t      frames  = {.plan = plan, .span = &span, .samples = {&kept, true, 0}};
    kt_gpu_share_t       share   = {0};
    const kt_gpu_shape_t shape   = {N_FFT * sizeof(float), HOP * sizeof(float), {{0}}};
    kt_gpu_frontend_kind.share(&frames, 0, 12, &share);
    cr_assert(share.fills && share.kept == &kept);
    cr_assert_eq(share.skip, 0);
    cr_assert_eq(share.at, 0);
    const int64_t end = (int64_t)kt_gpu_part_bytes(&shape, 12);
    kt_gpu_frontend_kind.share(&frames, 12, 8, &share);
    cr_assert_eq(share.skip, overlap);
    cr_assert_eq(share.at, end);
    cr_assert_eq((size_t)share.at + kt_gpu_part_bytes(&shape, 8) - share.skip, kept.bytes);

    // Who reads them brings nothing.
    frames.samples     = (kt_gpu_samples_t){&kept, false, 100};
    kt_gpu_part_t part = {.items = 8};
    kt_gpu_chroma_kind.share(&frames, 3, 8, &part.share);
    cr_assert_eq(part.share.at, (int64_t)((100 + 3 * HOP) * sizeof(float)));
    cr_assert_eq(kt_gpu_host_bytes(&shape, &part), 0);
    kt_plan_destroy(&plan);
}

Test(gpu_kinds, rises_bring_the_frames_before_a_part_or_silence)
{
    enum { ITEMS = 3, BEFORE = KT_RISE_LAG * HOP };
    kt_plan_t     *plan = plan_new();
    float          pcm[BEFORE + 9 * HOP + N_FFT], to[BEFORE + (ITEMS - 1) * HOP + N_FFT];
    kt_rise_span_t span  = {pcm + BEFORE, 10, {0.5f, 2, true}};
    kt_gpu_rises_t work  = {.plan = plan, .span = &span};
    kt_gpu_batch_t batch = {0};
    for (size_t i = 0; i < sizeof pcm / sizeof *pcm; i++)
        pcm[i] = (float)(i + 1);
    kt_gpu_rises_kind.describe(&work, &batch);
    cr_assert_eq(batch.shape.first_bytes + (ITEMS - 1) * batch.shape.next_bytes, sizeof to);
    for (size_t first = 0; first <= 7; first += 7)
        for (int begins = 0; begins < 2; begins++) {
            kt_gpu_rises_args_t args;
            const bool          silent = begins && first == 0;
            span.opts.begins           = begins;
            kt_gpu_rises_kind.describe_part(&work, first, ITEMS, &args);
            cr_assert(args.floor == 0.5f && args.unit == 2 && args.begins == silent);
            kt_gpu_rises_kind.copy_in(&work, first, ITEMS, to);
            for (size_t i = 0; i < sizeof to / sizeof *to; i++)
                cr_assert_eq(to[i], silent && i < BEFORE ? 0 : pcm[first * HOP + i]);
        }

    // Of the first frame kept samples may lie before the first one: they are zeros.
    kt_gpu_kept_t  kept  = {.bytes = sizeof pcm};
    kt_gpu_share_t share = {0};
    work.samples         = (kt_gpu_samples_t){&kept, false, 1};
    kt_gpu_rises_kind.share(&work, 0, ITEMS, &share);
    cr_assert_eq(share.at, (1 - BEFORE) * (int64_t)sizeof(float));
    cr_assert_eq(share.begin, 0);
    cr_assert_eq(share.end, (int64_t)kept.bytes);
    kt_plan_destroy(&plan);
}

// Zeros on both sides of the samples, whether they are brought or kept.
Test(gpu_kinds, the_bass_and_cents_bring_zeros_where_the_samples_are_not)
{
    enum { SAMPLES = 20000, ROW = 1024, ROWS = 3, RATE = 22050 };
    static float        pcm[SAMPLES], to[50000];
    kt_bass_t          *bass    = NULL;
    kt_cents_counter_t *counter = NULL;
    kt_gpu_kept_t       kept    = {.bytes = (SAMPLES + 500) * sizeof *pcm};
    kt_gpu_share_t      share;
    for (size_t i = 0; i < SAMPLES; i++)
        pcm[i] = (float)(i + 1);
    cr_assert_eq(kt_bass_new(&bass, kt_isa(NULL)->rows, RATE, ROW), KT_OK);
    cr_assert_eq(kt_cents_counter_new(&counter, kt_isa(NULL)->rows, RATE), KT_OK);
    const kt_bass_shape_t *shape    = kt_bass_shape(bass);
    const kt_bass_span_t   span     = {pcm, SAMPLES, 700, 30};
    kt_gpu_bass_t          work     = {.bass = bass, .span = span};
    kt_gpu_cents_t         cents    = {.counter = counter, .pcm = pcm, .n = SAMPLES};
    const int64_t          reach    = (int64_t)(shape->points + KT_BASS_STEPS) * shape->step / 2;
    const size_t           firsts[] = {0, 7, 27};
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
        const int64_t from = (int64_t)(700 + firsts[f] * ROW) - reach;
        memset(to, 0xff, sizeof to);
        kt_gpu_bass_kind.copy_in(&work, firsts[f], ROWS, to);
        for (size_t i = 0; i < kt_gpu_bass_window(shape) + (ROWS - 1) * ROW; i++) {
            const int64_t at = from + (int64_t)i;
            cr_assert_eq(to[i], at >= 0 && at < SAMPLES ? (float)(at + 1) : 0, "row %zu, sample %zu", firsts[f], i);
        }
        kt_gpu_bass_t kept_work = work;
        kept_work.samples       = (kt_gpu_samples_t){&kept, false, 500};
        kt_gpu_bass_kind.share(&kept_work, firsts[f], ROWS, &share);
        cr_assert_eq(share.at, (500 + from) * (int64_t)sizeof *pcm);
        cr_assert_eq(share.begin, 500 * (int64_t)sizeof *pcm);
        cr_assert_eq(share.end, (int64_t)kept.bytes);
    }
    // The last frame has more than a hop of samples, and zeros behind them.
    const size_t last = kt_cents_frames(kt_cents_counter_shape(counter), SAMPLES) - 1;
    cr_assert_eq(last, 3);
    kt_gpu_cents_kind.copy_in(&cents, last, 1, to);
    for (size_t i = 0; i < 8192; i++)
        cr_assert_eq(to[i], last * 4096 + i < SAMPLES ? (float)(last * 4096 + i + 1) : 0);
    cr_assert_not(kt_gpu_cents_kind.joins(NULL, NULL));
    kt_bass_destroy(&bass);
    kt_cents_counter_destroy(&counter);
}

Test(gpu_kinds, constant_q_brings_zeros_where_the_stream_is_not)
{
    enum { FRAMES_OF_PART = 3, HOP_CQT = 64, N_FFT_CQT = 512 };
    static kt_gpu_cqt_table_t table  = {.first = 7, .count = 9};
    const kt_gpu_cqt_config_t config = {16000, HOP_CQT, N_FFT_CQT, 0};
    const size_t              reach  = kt_gpu_cqt_reach(N_FFT_CQT, 0),
                 room                = kt_gpu_cqt_samples(N_FFT_CQT, HOP_CQT, 0, FRAMES_OF_PART);
    const size_t      n              = reach + 1000;
    float            *pcm            = calloc(n, sizeof *pcm);
    char             *to             = calloc(1, sizeof table + room * sizeof *pcm);
    kt_gpu_cqt_t      cqt            = {.config = config, .tuning = 0.25, .table = &table, .pcm = pcm, .n = n};
    kt_gpu_cqt_args_t args;
    kt_gpu_batch_t    batch = {0};
    cr_assert(pcm && to);
    for (size_t i = 0; i < n; i++)
        pcm[i] = (float)(i + 1);
    kt_gpu_cqt_kind.describe(&cqt, &batch);
    cr_assert_eq(batch.shape.first_bytes + 2 * batch.shape.next_bytes, sizeof table + room * sizeof *pcm);
    const float        *samples  = (const float *)(const void *)(to + sizeof table);
    static const size_t firsts[] = {0, 5, 1000};
    for (size_t f = 0; f < sizeof firsts / sizeof *firsts; f++) {
        memset(to, 0xff, sizeof table + room * sizeof *pcm);
        kt_gpu_cqt_kind.copy_in(&cqt, firsts[f], FRAMES_OF_PART, to);
        kt_gpu_cqt_kind.describe_part(&cqt, firsts[f], FRAMES_OF_PART, &args);
        cr_assert_eq(args.first, firsts[f]);
        cr_assert_eq(args.samples, n);
        cr_assert_eq(memcmp(to, &table, sizeof table), 0);
        for (size_t i = 0; i < room; i++) {
            const int64_t at = (int64_t)(firsts[f] * HOP_CQT + i) - (int64_t)reach;
            cr_assert_eq(samples[i], at >= 0 && at < (int64_t)n ? (float)(at + 1) : 0, "part %zu, sample %zu", f, i);
        }
    }
    free(pcm);
    free(to);
}

// Columns 0 .. 17 of three matrices, two frames; the item of columns 8 .. 15 has parts of all of them.
Test(gpu_kinds, columns_go_through_the_matrices)
{
    enum { FRAMES = 2, WIDTH = 18, WIDE = KT_GPU_ITEM_COLUMNS, ITEMS = 3 };
    static const size_t    widths[] = {9, 1, 8};
    float                  values[FRAMES * WIDTH], *at = values, to[FRAMES * WIDE * ITEMS];
    kt_columns_matrix_t    matrices[3];
    const kt_column_set_t  columns             = {matrices, 3, FRAMES, 5};
    kt_column_moments_t    moments[WIDTH]      = {0};
    float                  quantile[WIDTH * 5] = {0};
    const kt_gpu_columns_t work                = {&columns, WIDTH, moments, quantile, NULL, NULL, 0, 0};
    kt_gpu_batch_t         batch               = {0};
    kt_gpu_columns_args_t  args;
    for (size_t m = 0, before = 0; m < 3; at += FRAMES * widths[m], before += widths[m++]) {
        matrices[m] = (kt_columns_matrix_t){at, widths[m]};
        for (size_t i = 0; i < FRAMES * widths[m]; i++)
            at[i] = (float)(100 * (i / widths[m]) + before + i % widths[m]);
    }
    kt_gpu_columns_kind.describe(&work, &batch);
    cr_assert_eq(batch.shape.first_bytes, FRAMES * WIDE * sizeof(float));
    cr_assert_eq(batch.shape.next_bytes, batch.shape.first_bytes);
    for (size_t first = 0; first < ITEMS; first++) {
        kt_gpu_columns_kind.copy_in(&work, first, ITEMS - first, to);
        kt_gpu_columns_kind.describe_part(&work, first, ITEMS - first, &args);
        cr_assert_eq(args.columns, WIDTH - first * WIDE);
        for (size_t c = first * WIDE; c < WIDTH; c++)
            for (size_t f = 0; f < FRAMES; f++)
                cr_assert_eq(to[(c / WIDE - first) * FRAMES * WIDE + f * WIDE + c % WIDE], (float)(100 * f + c),
                             "from item %zu: column %zu, frame %zu", first, c, f);
    }
}

// Mel rows stay where the first pass makes them, and columns of them are read there.
Test(gpu_kinds, columns_of_rows_that_stayed_bring_nothing)
{
    enum { FIRST = 5, WIDTH = 128 };
    kt_plan_t                *plan   = plan_new();
    kt_gpu_kept_t             kept   = {.bytes = 4096};
    const kt_span_t           span   = {.frames = 2};
    const kt_gpu_frames_t     frames = {.plan = plan, .span = &span, .kept = &kept};
    const kt_columns_matrix_t matrix = {NULL, WIDTH};
    const kt_column_set_t     set    = {&matrix, 1, 2, 3};
    const kt_gpu_columns_t    work   = {.columns = &set, .width = WIDTH, .kept = &kept, .at = 256, .floats = WIDTH + 8};
    kt_gpu_stay_t             stay   = {0};
    kt_gpu_batch_t            batch  = {0};
    kt_gpu_part_t             part   = {.items = 2};
    kt_gpu_columns_args_t     args;
    float                     none = 7;
    kt_gpu_frontend_kind.stay(&frames, FIRST, 3, &stay);
    cr_assert_eq(stay.kept, &kept);
    cr_assert_eq(stay.n, 1);
    cr_assert_eq(stay.section[0], KT_ROW_MEL);
    cr_assert_eq(stay.at[0], FIRST * kt_row_width(plan, KT_ROW_MEL) * sizeof(float));
    kt_gpu_columns_kind.describe(&work, &batch);
    kt_gpu_columns_kind.describe_part(&work, FIRST, 2, &args);
    kt_gpu_columns_kind.share(&work, FIRST, 2, &part.share);
    kt_gpu_columns_kind.copy_in(&work, FIRST, 2, &none);
    cr_assert_eq(args.columns, 2 * KT_GPU_ITEM_COLUMNS);
    cr_assert_eq(args.floats, WIDTH + 8);
    cr_assert(part.share.in_place && part.share.kept == &kept);
    cr_assert_eq(part.share.at, 256 + FIRST * KT_GPU_ITEM_COLUMNS * (int64_t)sizeof(float));
    cr_assert_eq(kt_gpu_host_bytes(&batch.shape, &part), 0);
    cr_assert_eq(none, 7);
    kt_plan_destroy(&plan);
}

// The columns of a second matrix are not next to those of the first one.
Test(gpu_kinds, results_of_columns_go_to_the_place_of_their_matrix_and_others_are_left_out)
{
    enum { WIDTH = 9, WIDE = KT_GPU_ITEM_COLUMNS, QUANTILES = 3, ITEMS = 4, FIRST = 3 };  // of two files' parts
    const kt_columns_matrix_t matrices[]                        = {{NULL, FIRST}, {NULL, WIDTH - FIRST}};
    const size_t              place[]                           = {0, FIRST + 1};
    const kt_column_set_t     columns                           = {matrices, 2, 1, QUANTILES};
    kt_column_moments_t       moments[WIDTH + 1]                = {0};
    float                     quantile[(WIDTH + 1) * QUANTILES] = {0};
    const kt_gpu_columns_t    work  = {&columns, WIDTH, moments, quantile, place, NULL, 0, 0};
    const kt_gpu_part_t       part  = {.first = 2, .items = 2};
    kt_gpu_batch_t            batch = {0};
    kt_gpu_layout_t           layout;
    kt_gpu_columns_kind.describe(&work, &batch);
    kt_gpu_layout(batch.shape.section, batch.wanted, ITEMS, &layout);
    char *bytes = calloc(1, layout.bytes);
    cr_assert(bytes);
    kt_column_moments_t *m = (kt_column_moments_t *)(void *)(bytes + layout.at[0]);
    float               *q = (float *)(void *)(bytes + layout.at[1]);
    for (size_t c = 0; c < ITEMS * WIDE; c++) {
        m[c].mean = (double)c;
        for (size_t i = 0; i < QUANTILES; i++)
            q[c * QUANTILES + i] = (float)(10 * c + i);
    }
    cr_assert_eq(kt_gpu_columns_kind.copy_out(&work, 0, &(kt_gpu_results_t){bytes, &layout, &part, 3}), KT_OK);
    for (size_t c = 0; c < WIDTH; c++) {
        const size_t to = c < FIRST ? c : c + 1;
        cr_assert_eq(moments[to].mean, (double)(2 * WIDE + c));
        cr_assert_eq(quantile[to * QUANTILES + 2], (float)(10 * (2 * WIDE + c) + 2));
    }
    cr_assert_eq(moments[FIRST].mean, 0);
    cr_assert_eq(quantile[FIRST * QUANTILES], 0);
    free(bytes);
}

// An octave's samples are those that the filter needs for the next one, and its frames.
Test(gpu_kinds, an_octave_reaches_as_far_as_the_next_one_needs)
{
    for (uint32_t n_fft = 512; n_fft <= 4096; n_fft *= 2) {
        cr_assert_eq(kt_gpu_cqt_reach(n_fft, KT_CQT_OCTAVES - 1), n_fft / 2);
        for (uint32_t octave = 1; octave < KT_CQT_OCTAVES; octave++)
            cr_assert_geq(kt_gpu_cqt_reach(n_fft, octave - 1),
                          2 * (kt_gpu_cqt_reach(n_fft, octave) + KT_HALF_BAND_OUT - 1) + KT_HALF_BAND_LEAD);
    }
}

Test(gpu_kinds, peaks_come_in_the_order_of_frames)
{
    const kt_gpu_peak_t  peak[]  = {{1, 440}, {2, 440}, {3, 440}, {4, 440}};
    const kt_gpu_slice_t slice[] = {{2, 2}, {0, 0}, {0, 1}};
    kt_spectral_peaks_t  out     = {0};
    cr_assert_eq(kt_gpu_peaks_collect(peak, 4, slice, 3, 12, &out), KT_OK);
    cr_assert_eq(out.count, 3);
    cr_assert_eq(out.magnitude[0], 3);
    cr_assert_eq(out.magnitude[1], 4);
    cr_assert_eq(out.magnitude[2], 1);
    cr_assert_eq(out.bin[0], 50);
    kt_spectral_peaks_fini(&out);
}

Test(gpu_kinds, a_slice_outside_of_the_peaks_is_an_error)
{
    const kt_gpu_peak_t  peak[2]    = {{1, 440}, {2, 440}};
    const kt_gpu_slice_t wrong[][1] = {{{0, 3}}, {{2, 1}}, {{3, 0}}, {{1, UINT32_MAX}}};
    kt_spectral_peaks_t  out        = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(kt_gpu_peaks_collect(peak, 2, wrong[i], 1, 12, &out), KT_EIO, "slice %zu", i);
    cr_assert_eq(out.count, 0);
    kt_spectral_peaks_fini(&out);
}

Test(gpu_kinds, pictures_bring_the_one_before_them)
{
    enum { WIDTH = 2, HEIGHT = 1, BYTES = 3 * WIDTH * HEIGHT };
    uint8_t               rgb[3 * BYTES], to[3 * BYTES];
    const kt_image_span_t span   = {.rgb = rgb, .n = 3, .width = WIDTH, .height = HEIGHT};
    const kt_gpu_images_t images = {.span = &span};
    kt_gpu_batch_t        batch  = {0};
    kt_gpu_image_args_t   args;
    for (int i = 0; i < 3 * BYTES; i++)
        rgb[i] = (uint8_t)(i + 1);
    kt_gpu_image_kind.describe(&images, &batch);
    cr_assert_eq(batch.shape.first_bytes, 2 * BYTES);
    cr_assert_eq(batch.shape.next_bytes, BYTES);
    kt_gpu_image_kind.describe_part(&images, 0, 1, &args);
    cr_assert_eq(args.has_before, 0);
    kt_gpu_image_kind.describe_part(&images, 1, 2, &args);
    cr_assert_eq(args.has_before, 1);
    kt_gpu_image_kind.copy_in(&images, 1, 2, to);
    cr_assert_eq(memcmp(to, rgb, sizeof rgb), 0);
}

Test(gpu_kinds, lists_lie_behind_all_that_is_copied_whole)
{
    const kt_gpu_section_t section[KT_GPU_SECTIONS] = {
        {.item_bytes = 8, .entry_bytes = 8, .used = 1}, {.fixed_bytes = 4}, {.item_bytes = 100}, {.item_bytes = 1000}};
    kt_gpu_layout_t layout;
    kt_gpu_layout(section, 7, 3, &layout);
    cr_assert_eq(layout.at[1], 0);
    cr_assert_eq(layout.at[2], KT_GPU_ALIGN_BYTES);
    cr_assert_eq(layout.size[2], 300);
    cr_assert_eq(layout.size[3], 0, "not requested");
    cr_assert_eq(layout.lists, 3 * KT_GPU_ALIGN_BYTES);
    cr_assert_eq(layout.at[0], layout.lists);
    cr_assert_eq(layout.bytes, 4 * KT_GPU_ALIGN_BYTES);
    cr_assert_eq(kt_gpu_layout_items(section, 0, 1 << 20), 0);
}
