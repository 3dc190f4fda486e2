// A node's GPUs and a worker's device, on a GPU that is none (gpu_double.h).
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/private.h"
#include "tests/unit/kernels/gpu/gpu_double.h"
#include "tests/unit/kernels/gpu/gpu_film.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"
#include "tests/unit/kernels/gpu/gpu_pitch.h"
#include "tests/unit/kernels/gpu/gpu_rises.h"
#include "tests/unit/kernels/gpu/gpu_stream.h"
#include "tests/unit/kernels/gpu/gpu_table.h"

enum { FRAMES = 40 };

static _Atomic int told_lost;

static void
count_losses(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context;
    (void)level;
    (void)fields;
    told_lost += strcmp(id, "GPU-LOST") == 0;
}

static kt_gpus_t *
open_double(int devices, kt_gpu_opts_t opts)
{
    kt_gpus_t *gpus = NULL;
    char       why[KT_GPU_WHY];
    opts.backend = gpu_double_backend(devices);
    kt_log_set_sink(count_losses, NULL);
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_OK, "%s", why);
    return gpus;
}

static kt_gpus_info_t
info_of(const kt_gpus_t *gpus)
{
    kt_gpus_info_t info;
    kt_gpus_info(gpus, &info);
    return info;
}

// Two go at once, as nothing is in work; the others gather while those are.
Test(gpu, spans_of_many_workers_share_a_batch)
{
    enum { WORKERS = 6 };
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sounds[WORKERS];
    size_t     least = SIZE_MAX;
    gpu_double_hold(true);
    for (uint32_t i = 0; i < WORKERS; i++) {
        sounds[i] = sound_new(&gpu_defaults, FRAMES + i, i);
        sound_start(&sounds[i], gpus);
        if (i < 2)
            gpu_double_await(i + 1);
    }
    gpu_double_hold(false);
    for (uint32_t i = 0; i < WORKERS; i++) {
        sound_join(&sounds[i]);
        sound_check(&sounds[i], &gpu_defaults, i, 0);
        sound_free(&sounds[i]);
    }
    for (size_t i = 0; i < 2; i++)
        least = gpu_double.batches[i].parts < least ? gpu_double.batches[i].parts : least;
    cr_assert_eq(least, 1);
    cr_assert_eq(info_of(gpus).parts, 2 * WORKERS);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    kt_gpus_close(&gpus);
}

Test(gpu, a_span_larger_than_a_slot_goes_in_pieces)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 2 << 20;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    sound   = sound_new(&gpu_defaults, 333, 5);
    sound_run(&sound, gpus);
    cr_assert_gt(info_of(gpus).parts, 6);
    cr_assert_eq(info_of(gpus).frames, 2 * 333);
    sound_check(&sound, &gpu_defaults, 5, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, a_frame_that_fits_nowhere_is_the_processors)
{
    const kt_frontend_opts_t large = {48000, 16384, 512, 128, 13, 12};
    kt_gpu_opts_t            opts  = KT_GPU_DEFAULTS;
    opts.max_bytes                 = 256 << 10;
    kt_gpus_t *gpus                = open_double(1, opts);
    sound_t    sound               = sound_new(&large, 9, 6);
    sound_run(&sound, gpus);
    cr_assert_eq(gpu_double.n_batches, 0);
    sound_check(&sound, &large, 6, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, plans_do_not_share_a_batch)
{
    const kt_frontend_opts_t other = {22050, 1024, 220, 40, 13, 12};
    kt_gpu_opts_t            opts  = KT_GPU_DEFAULTS;
    kt_gpus_t               *gpus  = open_double(1, opts);
    sound_t                  a = sound_new(&gpu_defaults, FRAMES, 7), b = sound_new(&other, FRAMES, 8);
    gpu_double_hold(true);
    sound_start(&a, gpus);
    sound_start(&b, gpus);
    gpu_double_await(2);
    gpu_double_hold(false);
    sound_join(&a);
    sound_join(&b);
    for (size_t i = 0; i < gpu_double.n_batches; i++)
        cr_assert_eq(gpu_double.batches[i].parts, 1);
    sound_check(&a, &gpu_defaults, 7, 0);
    sound_check(&b, &other, 8, 0);
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
}

Test(gpu, a_batch_has_a_bound_of_tunings)
{
    enum { WORKERS = KT_GPU_TUNINGS + 3 };
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    kt_gpus_t    *gpus = open_double(1, opts);
    sound_t       sounds[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        sounds[i] = sound_new(&gpu_defaults, 3, i);
        sound_start(&sounds[i], gpus);
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        sound_join(&sounds[i]);
    for (uint32_t i = 0; i < WORKERS; i++) {
        sound_check(&sounds[i], &gpu_defaults, i, 0);
        sound_free(&sounds[i]);
    }
    kt_gpus_close(&gpus);
}

static void
cqt_check(const kt_frontend_opts_t *opts, size_t frames, kt_gpus_t *gpus, float limit, uint64_t replaced)
{
    kt_device_info_t info;
    float           *want = sound_cqt(opts, frames, NULL, &info), *got = sound_cqt(opts, frames, gpus, &info);
    sound_same_row(want, got, frames * KT_CQT_CLASSES, limit, "chroma_cqt");
    cr_assert_eq(info.replaced, replaced);
    free(want);
    free(got);
}

Test(gpu, samples_that_the_device_cannot_keep_are_brought_by_each_request)
{
    kt_gpus_t       *gpus  = open_double(1, KT_GPU_DEFAULTS);
    sound_t          sound = sound_new(&gpu_defaults, FRAMES, 2), cpu = sound_new(&gpu_defaults, FRAMES, 2);
    kt_device_info_t info;
    cr_assert_eq(kt_device_gpu(&sound.device, gpus, NULL), KT_OK);
    kt_device_keep_samples(sound.device);
    sound_run(&sound, gpus);
    sound_run(&cpu, NULL);
    sound_same(&cpu, &sound, 1e-6f);
    kt_device_info(sound.device, &info);
    cr_assert_eq(info.replaced, 0);
    cr_assert_eq(gpu_double.n_keeps, 2);
    cr_assert_eq(info_of(gpus).in_bytes, 2 * ((FRAMES - 1) * 512 + 2048) * sizeof(float));
    sound_free(&sound);
    sound_free(&cpu);
    kt_gpus_close(&gpus);
}

Test(gpu, rises_are_computed_whole_and_in_pieces)
{
    enum { MANY = 300 };
    for (size_t i = 0; i < 4; i++) {
        kt_device_info_t info;
        kt_gpu_opts_t    opts = KT_GPU_DEFAULTS;
        opts.max_bytes        = i / 2 ? 256 << 10 : 0;
        kt_gpus_t *gpus       = open_double(1, opts);
        uint16_t  *want = sound_rises(MANY, i % 2, NULL, &info), *got = sound_rises(MANY, i % 2, gpus, &info);
        cr_assert_eq(info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i / 2);
        rises_same(want, got, MANY, 0);
        free(want);
        free(got);
        kt_gpus_close(&gpus);
    }
}

Test(gpu, refused_rises_are_the_processors)
{
    kt_device_info_t info;
    kt_gpus_t       *gpus = open_double(1, KT_GPU_DEFAULTS);
    gpu_double.refuse     = KT_EINVAL;
    uint16_t *want = sound_rises(FRAMES, false, NULL, &info), *got = sound_rises(FRAMES, false, gpus, &info);
    cr_assert_eq(info.replaced, 1);
    rises_same(want, got, FRAMES, 0);
    free(want);
    free(got);
    kt_gpus_close(&gpus);
}

Test(gpu, the_bass_is_computed_whole_and_in_pieces)
{
    enum { MANY = 60 };
    kt_device_info_t info;
    uint16_t        *want = sound_bass(MANY, NULL, &info);
    for (size_t i = 0; i < 2; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.max_bytes     = i ? 512 << 10 : 0;
        kt_gpus_t *gpus    = open_double(1, opts);
        uint16_t  *got     = sound_bass(MANY, gpus, &info);
        cr_assert_eq(info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i);
        bass_same(want, got, MANY, 0);
        free(got);
        kt_gpus_close(&gpus);
    }
    free(want);
}

// Pieces add up: each in a batch of its own.
Test(gpu, cents_are_counted_whole_and_in_pieces)
{
    enum { SAMPLES = 100000 };
    static kt_cents_t want, got;
    kt_device_info_t  info;
    sound_cents(SAMPLES, NULL, &info, &want);
    for (size_t i = 0; i < 2; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.max_bytes     = i ? 512 << 10 : 0;
        kt_gpus_t *gpus    = open_double(1, opts);
        sound_cents(SAMPLES, gpus, &info, &got);
        cr_assert_eq(info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i);
        cr_assert_eq(info_of(gpus).parts, info_of(gpus).batches);
        cents_same(&want, &got, 1e-7);
        kt_gpus_close(&gpus);
    }
}

Test(gpu, a_refused_bass_and_refused_cents_are_the_processors)
{
    enum { SAMPLES = 30000 };
    static kt_cents_t want_cents, cents;
    kt_device_info_t  info;
    kt_gpus_t        *gpus = open_double(1, KT_GPU_DEFAULTS);
    sound_cents(SAMPLES, NULL, &info, &want_cents);
    gpu_double.refuse = KT_EINVAL;
    sound_cents(SAMPLES, gpus, &info, &cents);
    cr_assert_eq(info.replaced, 1);
    cents_same(&want_cents, &cents, 0);
    gpu_double.refuse = KT_EINVAL;
    uint16_t *want = sound_bass(FRAMES, NULL, &info), *got = sound_bass(FRAMES, gpus, &info);
    cr_assert_eq(info.replaced, 1);
    bass_same(want, got, FRAMES, 0);
    free(want);
    free(got);
    kt_gpus_close(&gpus);
}

Test(gpu, pieces_of_a_stream_are_computed)
{
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    stream_t   cpu, made;
    stream_run(&cpu, NULL);
    stream_run(&made, gpus);
    stream_same(&cpu, &made);
    cr_assert_eq(made.info.replaced, 0);
    cr_assert_eq(gpu_double.n_keeps, 2);  // for the pieces, and for the first pass
    cr_assert_eq(gpu_double.batches[0].kind, KT_GPU_SOURCE);
    stream_free(&cpu);
    stream_free(&made);
    kt_gpus_close(&gpus);
}

Test(gpu, memory_for_pieces_has_a_bound_and_is_used_again)
{
    enum { MANY = 16 };  // KT_GPU_DEFAULTS
    kt_gpus_t   *gpus   = open_double(1, KT_GPU_DEFAULTS);
    kt_device_t *device = NULL;
    void        *block[MANY];
    cr_assert_eq(kt_device_gpu(&device, gpus, NULL), KT_OK);
    cr_assert_null(kt_device_take_pinned(device, KT_GPU_PINNED_BYTES + 1), "larger than a block");
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_not_null(block[i] = kt_device_take_pinned(device, KT_GPU_PINNED_BYTES));
        memset(block[i], (int)i, KT_GPU_PINNED_BYTES);
    }
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(*((unsigned char *)block[i] + KT_GPU_PINNED_BYTES - 1), i, "a block of its own");
    cr_assert_null(kt_device_take_pinned(device, 1));
    kt_device_give_pinned(device, block[5]);
    cr_assert_eq(kt_device_take_pinned(device, 1), block[5]);
    for (size_t i = 0; i < MANY; i++)
        kt_device_give_pinned(device, block[i]);
    kt_device_destroy(&device);
    kt_gpus_close(&gpus);
}

Test(gpu, a_refused_piece_of_a_stream_is_the_processors)
{
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    stream_t   cpu, made;
    stream_run(&cpu, NULL);
    gpu_double.refuse = KT_EINVAL;
    stream_run(&made, gpus);
    stream_same(&cpu, &made);
    cr_assert_eq(made.info.replaced, 1);
    stream_free(&cpu);
    stream_free(&made);
    kt_gpus_close(&gpus);
}

Test(gpu, a_lost_device_leaves_pieces_of_a_stream_to_the_processor)
{
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    stream_t   cpu, made;
    stream_run(&cpu, NULL);
    gpu_double.lose = 1;
    stream_run(&made, gpus);
    stream_same(&cpu, &made);
    cr_assert_eq(made.info.replaced, 3);
    stream_free(&cpu);
    stream_free(&made);
    kt_gpus_close(&gpus);
}

// While many pieces are on their way a file's sound stays on the processor, unless every file is to go to the GPU.
Test(gpu, a_long_queue_of_pieces_leaves_the_sound_of_a_file_to_the_processor)
{
    static const float     pcm[32];
    const kt_source_opts_t opts = {44100, 1, 0, KT_SAMPLES_F32, true, false};
    kt_gpus_t             *gpus = open_double(1, KT_GPU_DEFAULTS);
    kt_device_t           *busy = NULL, *next = NULL;
    kt_plan_t             *plan = NULL;
    kt_device_job_t       *job[KT_GPU_PIECES_MOST];
    kt_source_piece_t      piece[KT_GPU_PIECES_MOST];
    cr_assert_eq(kt_plan_new(&plan, &gpu_defaults), KT_OK);
    cr_assert(kt_device_gpu(&busy, gpus, NULL) == KT_OK && kt_device_gpu(&next, gpus, NULL) == KT_OK);
    gpu_double_hold(true);
    for (size_t i = 0; i < KT_GPU_PIECES_MOST; i++) {
        kt_device_begin_file(next, true);
        cr_assert(kt_device_takes_pieces(next, plan, &opts, 0, false), "%zu are on their way", i);
        piece[i] = (kt_source_piece_t){.pcm = pcm, .frames = 32};
        cr_assert_eq(kt_device_begin_piece(busy, &opts, &piece[i], &job[i]), KT_OK);
    }
    kt_device_begin_file(next, true);
    cr_assert_not(kt_device_takes_pieces(next, plan, &opts, 0, false));
    kt_device_begin_file(next, false);
    cr_assert(kt_device_takes_pieces(next, plan, &opts, 0, false));
    gpu_double_hold(false);
    for (size_t i = 0; i < KT_GPU_PIECES_MOST; i++)
        cr_assert_eq(kt_device_end(busy, &job[i]), KT_OK);
    kt_device_destroy(&busy);
    kt_device_destroy(&next);
    kt_plan_destroy(&plan);
    kt_gpus_close(&gpus);
}

// Rates without a table of the resampler, more channels than planes have room for, or no room in a slot.
Test(gpu, streams_that_the_kernels_lack_are_not_taken)
{
    static const struct {
        kt_source_opts_t opts;
        uint64_t         max_bytes;
        bool             taken;
    } CASES[] = {
        {{44100, 2, 22050, KT_SAMPLES_F32, true, true}, 0, true},
        {{44101, 2, 22050, KT_SAMPLES_F32, true, true}, 0, false},
        {{44101, 2, 0, KT_SAMPLES_F32, true, true}, 0, true},
        {{44100, 64, 22050, KT_SAMPLES_S16, true, true}, 0, false},
        {{999, 1, 0, KT_SAMPLES_F32, true, true}, 0, false},
        {{44100, 0, 22050, KT_SAMPLES_F32, true, true}, 0, false},
        {{44100, 2, 22050, KT_SAMPLES_F32, true, true}, 8 << 20, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        kt_device_t  *device = NULL;
        kt_plan_t    *plan   = NULL;
        kt_gpu_opts_t opts   = KT_GPU_DEFAULTS;
        opts.max_bytes       = CASES[i].max_bytes;
        kt_gpus_t *gpus      = open_double(1, opts);
        cr_assert_eq(kt_plan_new(&plan, &gpu_defaults), KT_OK);
        cr_assert_eq(kt_device_gpu(&device, gpus, NULL), KT_OK);
        cr_assert_eq(kt_device_takes_pieces(device, plan, &CASES[i].opts, 0, false), CASES[i].taken, "%zu", i);
        kt_device_destroy(&device);
        kt_plan_destroy(&plan);
        kt_gpus_close(&gpus);
    }
}

Test(gpu, constant_q_is_computed_whole_and_in_pieces)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    kt_gpus_t    *gpus = open_double(1, opts);
    cqt_check(&gpu_defaults, FRAMES, gpus, 0, 0);
    cr_assert_eq(info_of(gpus).parts, 1);
    kt_gpus_close(&gpus);
    opts.max_bytes = 18 << 20;
    gpus           = open_double(1, opts);
    cqt_check(&gpu_defaults, 700, gpus, 1e-5F, 0);
    cr_assert_gt(info_of(gpus).parts, 2);
    cr_assert_eq(info_of(gpus).frames, 700);
    kt_gpus_close(&gpus);
}

Test(gpu, constant_q_that_the_kernels_lack_is_the_processors)
{
    const kt_frontend_opts_t early = {44100, 2048, 512, 128, 13, 12};
    kt_gpus_t               *gpus  = open_double(1, KT_GPU_DEFAULTS);
    cqt_check(&early, FRAMES, gpus, 0, 0);
    cr_assert_eq(gpu_double.n_batches, 0);
    kt_gpus_close(&gpus);
}

Test(gpu, refused_constant_q_is_the_processors)
{
    kt_gpus_t *gpus   = open_double(1, KT_GPU_DEFAULTS);
    gpu_double.refuse = KT_EINVAL;
    cqt_check(&gpu_defaults, FRAMES, gpus, 0, 1);
    kt_gpus_close(&gpus);
}

static void
columns_check(size_t frames, kt_gpus_t *gpus, uint64_t replaced)
{
    static table_t want, got;
    table_run(&want, frames, NULL);
    table_run(&got, frames, gpus);
    table_same(&want, &got, frames, 0);
    cr_assert_eq(got.info.replaced, replaced);
}

Test(gpu, statistics_of_columns_are_computed_whole_and_in_pieces)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    kt_gpus_t    *gpus = open_double(1, opts);
    columns_check(1, gpus, 0);
    columns_check(1000, gpus, 0);
    cr_assert_eq(info_of(gpus).parts, 2);
    kt_gpus_close(&gpus);
    opts.max_bytes = 1 << 20;  // a slot takes 80 KB of input
    gpus           = open_double(1, opts);
    columns_check(2000, gpus, 0);
    cr_assert_eq(info_of(gpus).parts, 4);
    kt_gpus_close(&gpus);
}

Test(gpu, columns_that_no_slot_takes_are_the_processors)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 1 << 20;
    kt_gpus_t *gpus    = open_double(1, opts);
    columns_check(4000, gpus, 0);
    cr_assert_eq(gpu_double.n_batches, 0);
    kt_gpus_close(&gpus);
}

Test(gpu, refused_columns_are_the_processors)
{
    kt_gpus_t *gpus   = open_double(1, KT_GPU_DEFAULTS);
    gpu_double.refuse = KT_EINVAL;
    columns_check(50, gpus, 1);
    kt_gpus_close(&gpus);
}

Test(gpu, columns_without_frames_or_quantiles_are_an_error)
{
    const float               value   = 1;
    const kt_columns_matrix_t matrix  = {&value, 1};
    const kt_column_set_t     wrong[] = {{&matrix, 1, 0, 2}, {&matrix, 1, 1, 1}};
    kt_gpus_t                *gpus    = open_double(1, KT_GPU_DEFAULTS);
    kt_device_t              *device  = NULL;
    kt_column_moments_t       moments;
    float                     quantile[2];
    cr_assert_eq(kt_device_gpu(&device, gpus, NULL), KT_OK);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(kt_device_columns(device, &wrong[i], &moments, quantile), KT_EINVAL);
    cr_assert_eq(gpu_double.n_batches, 0);
    kt_device_destroy(&device);
    kt_gpus_close(&gpus);
}

Test(gpu, a_lost_device_leaves_the_work_to_the_processor)
{
    kt_gpus_t *gpus  = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 9);
    told_lost        = 0;
    sound_run(&sound, gpus);
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.lose = 1;
    pthread_mutex_unlock(&gpu_double.lock);
    sound_run(&sound, gpus);
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 9, 0);
    cr_assert_eq(told_lost, 1, "reported once");
    cr_assert_eq(info_of(gpus).lost, 1);
    cr_assert_eq(info_of(gpus).on_cpu, 4);
    cr_assert(!kt_gpus_usable(gpus));
    sound_free(&sound);
    kt_gpus_close(&gpus);
    cr_assert_eq(gpu_double.n_closed, 1);
}

Test(gpu, who_lost_a_device_goes_on_with_another)
{
    kt_gpus_t *gpus  = open_double(2, KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 16);
    gpu_double.lose  = 1;
    sound_run(&sound, gpus);  // the first pass is the processor's, the second the other device's
    cr_assert_eq(info_of(gpus).lost, 1);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    cr_assert_eq(gpu_double.n_batches, 1);
    cr_assert_eq(gpu_double.batches[0].device, 1);
    cr_assert(kt_gpus_usable(gpus));
    sound_check(&sound, &gpu_defaults, 16, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, a_batch_that_does_not_end_loses_the_device)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.deadline_ms   = 100;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    a = sound_new(&gpu_defaults, FRAMES, 10), b = sound_new(&gpu_defaults, FRAMES, 11);
    gpu_double_hold(true);
    sound_start(&a, gpus);
    sound_start(&b, gpus);
    sound_join(&a);
    sound_join(&b);
    sound_check(&a, &gpu_defaults, 10, 0);
    sound_check(&b, &gpu_defaults, 11, 0);
    cr_assert_eq(info_of(gpus).lost, 1);
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
    cr_assert_eq(gpu_double.n_closed, 0, "what hangs cannot be closed");
}

Test(gpu, an_xid_loses_an_idle_device)
{
    kt_gpus_t *gpus  = open_double(1, KT_GPU_DEFAULTS);
    int64_t    until = kt_clock_ms() + 20000;
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.xid = 79;
    pthread_mutex_unlock(&gpu_double.lock);
    while (kt_gpus_usable(gpus) && kt_clock_ms() < until)
        sched_yield();
    cr_assert(!kt_gpus_usable(gpus));
    kt_gpus_close(&gpus);
}

Test(gpu, an_xid_of_another_program_loses_nothing)
{
    kt_gpus_t *gpus  = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 14);
    pthread_mutex_lock(&gpu_double.lock);
    gpu_double.xid   = 109;
    gpu_double.looks = 0;
    pthread_mutex_unlock(&gpu_double.lock);
    gpu_double_await_looks(2);
    sound_run(&sound, gpus);
    cr_assert_eq(info_of(gpus).lost, 0);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, one_refused_batch_is_replaced_once_per_device)
{
    kt_gpus_t       *gpus = open_double(1, KT_GPU_DEFAULTS);
    sound_t          a = sound_new(&gpu_defaults, FRAMES, 15), b = sound_new(&gpu_defaults, FRAMES, 16);
    kt_device_info_t device;
    gpu_double.refuse = KT_EINVAL;
    sound_run(&a, gpus);
    sound_run(&b, gpus);
    kt_device_info(a.device, &device);
    cr_assert_eq(device.replaced, 1);
    kt_device_info(b.device, &device);
    cr_assert_eq(device.replaced, 0);
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
}

Test(gpu, a_refused_batch_costs_no_device)
{
    kt_gpus_t *gpus   = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sound  = sound_new(&gpu_defaults, FRAMES, 12);
    gpu_double.refuse = KT_ENOMEM;
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 12, 0);
    cr_assert_eq(info_of(gpus).lost, 0);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    kt_device_info_t device;
    kt_device_info(sound.device, &device);
    cr_assert_eq(device.replaced, 1);
    cr_assert_eq(info_of(gpus).batches, 1, "chroma");
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, devices_are_chosen_by_index_and_uuid)
{
    static const struct {
        const char *setting;
        uint32_t    opened;
    } rows[] = {{NULL, 3}, {"", 3}, {"1", 1}, {"0, 2", 2}, {"gpu-b", 1}, {"2 GPU-c0000000 2", 1}, {"MIG-1234", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.devices       = rows[i].setting;
        kt_gpus_t *gpus    = open_double(3, opts);
        cr_assert_eq(info_of(gpus).opened, rows[i].opened, "%s", rows[i].setting ? rows[i].setting : "none");
        kt_gpus_close(&gpus);
    }
}

Test(gpu, a_missing_device_is_reported_by_name)
{
    static const char *const wrong[] = {"3", "0 GPU-zz", "-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kt_gpus_t    *gpus = NULL;
        char          why[KT_GPU_WHY];
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.backend       = gpu_double_backend(3);
        opts.devices       = wrong[i];
        cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_ENOTFOUND, "%s", wrong[i]);
        cr_assert(strstr(why, "ANALYZER_GPU_DEVICES names"), "%s", why);
        cr_assert_null(gpus);
    }
}

Test(gpu, workers_spread_over_the_devices)
{
    kt_gpus_t *gpus = open_double(2, KT_GPU_DEFAULTS);
    sound_t    a = sound_new(&gpu_defaults, 4, 14), b = sound_new(&gpu_defaults, 4, 15);
    sound_run(&a, gpus);
    sound_run(&b, gpus);
    cr_assert_neq(gpu_double.batches[0].device, gpu_double.batches[2].device);
    cr_assert_eq(info_of(gpus).opened, 2);
    char name[64];
    cr_assert_str_eq(kt_gpus_name(gpus, name, sizeof name), "cuda: Double x2");
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
}

Test(gpu, a_host_without_a_gpu_has_a_reason)
{
    kt_gpus_t    *gpus = NULL;
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.backend       = gpu_double_backend(0);
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_ENOTFOUND);
    cr_assert_str_eq(why, "the double has none");
}

Test(gpu, a_host_without_the_library_has_a_reason)
{
    kt_gpus_t    *gpus = NULL;
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    setenv("KITHARA_CUDA_LIBRARY", "/nowhere/libkithara-cuda.so", 1);
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_ENOTFOUND);
    cr_assert(strstr(why, "/nowhere/"), "%s", why);
}

// Of all kinds, with everything that they can give.
Test(gpu, the_layout_meets_its_contract)
{
    sound_t                sound   = sound_new(&gpu_defaults, 3, 1);
    const kt_rows_t        rows    = {.row[KT_ROW_MEL] = sound.row[KT_ROW_MEL],
                                      .row[KT_ROW_RMS] = sound.row[KT_ROW_RMS],
                                      .peaks           = &sound.peaks,
                                      .cqt_peaks       = &sound.cqt_peaks};
    const kt_gpu_frames_t  frames  = {.plan = sound.plan, .span = &sound.span, .rows = &rows, .chroma = sound.chroma};
    const kt_image_span_t  span    = {.n = 1, .width = 320, .height = 180};
    const kt_gpu_images_t  images  = {.span = &span};
    const kt_gpu_cqt_t     cqt     = {.config = {22050, 512, 1024, 0}};
    const kt_column_set_t  table   = {.frames = 3, .quantiles = 257};
    const kt_gpu_columns_t columns = {.columns = &table, .width = 9};
    const kt_gpu_request_t all[]   = {{&kt_gpu_frontend_kind, &frames, 3},
                                      {&kt_gpu_chroma_kind, &frames, 3},
                                      {&kt_gpu_image_kind, &images, 1},
                                      {&kt_gpu_cqt_kind, &cqt, 3},
                                      {&kt_gpu_columns_kind, &columns, 2}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        kt_gpu_batch_t batch = {0};
        all[k].kind->describe(all[k].work, &batch);
        cr_assert(batch.wanted);
        for (size_t bytes = 0; bytes < 3 << 20; bytes += 4099) {
            kt_gpu_layout_t layout;
            const size_t    items = kt_gpu_layout_items(batch.shape.section, batch.wanted, bytes);
            kt_gpu_layout(batch.shape.section, batch.wanted, items, &layout);
            cr_assert(items == 0 || layout.bytes <= bytes, "%s: %zu items in %zu bytes take %zu", all[k].kind->name,
                      items, bytes, layout.bytes);
            cr_assert_leq(layout.lists, layout.bytes);
        }
    }
    sound_free(&sound);
}

Test(gpu, sound_and_pictures_do_not_share_a_batch)
{
    kt_gpus_t *gpus  = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 17);
    film_t     film  = film_new(16, 9, 3, 5);
    cr_assert_eq(kt_device_gpu(&film.device, gpus, NULL), KT_OK);
    gpu_double_hold(true);
    sound_start(&sound, gpus);
    film_start(&film);
    gpu_double_await(2);
    gpu_double_hold(false);
    sound_join(&sound);
    film_join(&film);
    for (size_t i = 0; i < gpu_double.n_batches; i++)
        cr_assert_eq(gpu_double.batches[i].parts, 1);
    sound_check(&sound, &gpu_defaults, 17, 0);
    film_check(&film);
    sound_free(&sound);
    film_free(&film);
    kt_gpus_close(&gpus);
}

Test(gpu, pictures_that_fit_no_slot_at_once_go_in_pieces)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 256 << 10;
    kt_gpus_t *gpus    = open_double(1, opts);
    film_t     film = film_new(64, 32, 9, 6), large = film_new(128, 80, 2, 7);
    film_run(&film, gpus);
    cr_assert_gt(info_of(gpus).parts, 3);
    film_check(&film);
    film_run(&large, gpus);  // one picture is more than a slot
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    film_check(&large);
    film_free(&film);
    film_free(&large);
    kt_gpus_close(&gpus);
}

Test(gpu, a_lost_device_leaves_the_pictures_to_the_processor)
{
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    film_t     film = film_new(20, 10, 3, 8);
    gpu_double.lose = 1;
    film_run(&film, gpus);
    film_check(&film);
    cr_assert_eq(info_of(gpus).lost, 1);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    film_free(&film);
    kt_gpus_close(&gpus);
}

Test(gpu, a_picture_alone_waits_for_no_batch)
{
    kt_gpus_t *gpus = open_double(1, KT_GPU_DEFAULTS);
    film_t     film = film_new(20, 10, 1, 1);
    film_run(&film, gpus);
    film_check(&film);
    cr_assert_eq(gpu_double.n_batches, 0);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    film_free(&film);
    kt_gpus_close(&gpus);
}

Test(gpu, pictures_without_pixels_or_too_large_reach_no_batch)
{
    kt_gpus_t            *gpus   = open_double(1, KT_GPU_DEFAULTS);
    kt_device_t          *device = NULL;
    kt_image_stats_t      stats  = {.sum = {1}};
    const kt_image_span_t none = {.n = 1, .height = 5}, large = {.n = 1, .width = KT_IMAGE_MOST_SIDE + 1, .height = 1};
    cr_assert_eq(kt_device_gpu(&device, gpus, NULL), KT_OK);
    cr_assert_eq(kt_device_images(device, &none, &stats), KT_OK);
    cr_assert_eq(stats.sum[0], 0);
    cr_assert_eq(kt_device_images(device, &large, &stats), KT_EINVAL);
    cr_assert_eq(gpu_double.n_batches, 0);
    kt_device_destroy(&device);
    kt_gpus_close(&gpus);
}
