#include "kernels/isa.h"
#include "tests/unit/kernels/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

Test(device, an_unknown_instruction_set_is_refused)
{
    kt_device_t *device = NULL;
    cr_assert_eq(kt_device_cpu(&device, &(kt_device_opts_t){"z80"}), KT_ESETTING);
    cr_assert_null(device);
}

Test(device, each_instruction_set_names_itself)
{
    static const char *const names[] = {"ref", "base", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!kt_isa(names[i]))
            continue;
        kt_device_t     *device = NULL;
        kt_device_info_t info;
        char             kind[16];
        cr_assert_eq(kt_device_cpu(&device, &(kt_device_opts_t){names[i]}), KT_OK);
        kt_device_info(device, &info);
        snprintf(kind, sizeof kind, "cpu-%s", names[i]);
        cr_assert_str_eq(info.kind, kind);
        cr_assert_gt(strlen(info.name), 0);
        cr_assert_gt(info.memory_bytes, 1 << 20);
        kt_device_destroy(&device);
    }
}

Test(device, no_name_and_auto_mean_the_best)
{
    const kt_device_opts_t *const all[] = {NULL, &(kt_device_opts_t){NULL}, &(kt_device_opts_t){""},
                                           &(kt_device_opts_t){"auto"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        kt_device_t     *device = NULL;
        kt_device_info_t info;
        cr_assert_eq(kt_device_cpu(&device, all[i]), KT_OK);
        kt_device_info(device, &info);
        cr_assert_eq(kt_device_isa(device), kt_isa(NULL));
        cr_assert_str_neq(info.kind, "cpu-ref");
        kt_device_destroy(&device);
    }
}

Test(device, destroying_twice_is_harmless)
{
    kt_device_t *device = NULL;
    cr_assert_eq(kt_device_cpu(&device, NULL), KT_OK);
    kt_device_destroy(&device);
    cr_assert_null(device);
    kt_device_destroy(&device);
}

Test(device, one_device_serves_plans_of_any_size_in_any_order)
{
    const kt_frontend_opts_t large = {48000, 8192, 1024, 128, 20, 24};
    stream_t                 small = stream_new(&defaults, 4096), big = stream_new(&large, 20000);
    for (size_t i = 0; i < 4096; i++)
        small.samples[i] = sinf((float)i * 0.1F);
    stream_run(&small);
    const float before = small.row[KT_ROW_CENTROID][3];
    kt_device_destroy(&big.device);
    big.device = small.device;
    stream_run(&big);
    stream_run(&small);
    cr_assert_eq(small.row[KT_ROW_CENTROID][3], before);
    big.device = NULL;
    stream_free(&small);
    stream_free(&big);
}

Test(device, no_frames_and_no_spans_are_no_work)
{
    stream_t stream    = stream_new(&defaults, 0);
    stream.span.frames = 0;
    stream_run(&stream);
    cr_assert_eq(stream.peaks.count, 0);
    cr_assert_eq(kt_device_frontend(stream.device, stream.plan, NULL, 0, NULL), KT_OK);
    cr_assert_eq(kt_device_chroma(stream.device, stream.plan, 0, NULL, 0, NULL), KT_OK);
    stream_free(&stream);
}

Test(device, a_row_that_is_not_requested_is_not_written)
{
    stream_t  stream = stream_new(&defaults, 4096);
    kt_rows_t first = {.row[KT_ROW_RMS] = stream.row[KT_ROW_RMS]}, second = {.row[KT_ROW_MEL] = stream.row[KT_ROW_MEL]};
    const kt_rows_t both[2]  = {first, second};
    const kt_span_t spans[2] = {stream.span, stream.span};
    for (size_t i = 0; i < 4096; i++)
        stream.samples[i] = 0.5F;
    cr_assert_eq(kt_device_frontend(stream.device, stream.plan, spans, 2, both), KT_OK);
    cr_assert_float_eq(stream.row[KT_ROW_RMS][4], 0.5, 1e-6);
    cr_assert_gt(stream.row[KT_ROW_MEL][4 * 128], 0);
    cr_assert_eq(stream.row[KT_ROW_CENTROID][4], 0);
    stream_free(&stream);
}

Test(device, chroma_follows_the_tuning_it_is_given)
{
    stream_t stream = stream_new(&defaults, 8192);
    float    plain[12 * 17], tuned[12 * 17], again[12 * 17], *to = plain;
    for (size_t i = 0; i < 8192; i++)
        stream.samples[i] = sinf((float)i * 0.15F);
    cr_assert_eq(kt_device_chroma(stream.device, stream.plan, 0, &stream.span, 1, &to), KT_OK);
    to = tuned;
    cr_assert_eq(kt_device_chroma(stream.device, stream.plan, 0.4, &stream.span, 1, &to), KT_OK);
    to = again;
    cr_assert_eq(kt_device_chroma(stream.device, stream.plan, 0, &stream.span, 1, &to), KT_OK);
    cr_assert_neq(memcmp(plain, tuned, sizeof plain), 0);
    cr_assert_eq(memcmp(plain, again, sizeof plain), 0);
    stream_free(&stream);
}

Test(device, pictures_follow_each_other)
{
    enum { SIDE = 16, BYTES = 3 * SIDE * SIDE };
    uint8_t          rgb[3 * BYTES];
    kt_image_stats_t stats[2], ref;
    kt_device_t     *device = NULL;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i / 7);
    const kt_image_span_t span = {.rgb = rgb + BYTES, .before = rgb, .n = 2, .width = SIDE, .height = SIDE};
    cr_assert_eq(kt_device_cpu(&device, NULL), KT_OK);
    cr_assert_eq(kt_device_images(device, &span, stats), KT_OK);
    for (size_t i = 0; i < 2; i++) {
        kt_image_ops_ref.stats(rgb + (i + 1) * BYTES, rgb + i * BYTES, SIDE, SIDE, &ref);
        cr_expect_eq(memcmp(&stats[i], &ref, sizeof ref), 0, "picture %zu", i);
    }
    kt_device_destroy(&device);
}
