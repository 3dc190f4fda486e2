// The same on the simulated device: the library as a node loads it, with the kernels as they are.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "tests/unit/kernels/gpu/gpu_film.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"
#include "tests/unit/kernels/gpu/gpu_kept.h"
#include "tests/unit/kernels/gpu/gpu_pitch.h"
#include "tests/unit/kernels/gpu/gpu_sim.h"
#include "tests/unit/kernels/gpu/gpu_table.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 11 };
static const float LIMIT = 2e-5f;  // of the largest value of a row: CHROMA's in tests/kernels/tolerances.def

static void
numbers_agree(const char *seed)
{
    const kt_frontend_opts_t small = {8000, 512, 128, 40, 13, 12};
    kt_gpus_t               *gpus  = open_sim(seed, KT_GPU_DEFAULTS);
    sound_t                  a = sound_new(&gpu_defaults, FRAMES, 1), b = sound_new(&small, 5, 2);
    sound_run(&a, gpus);
    sound_run(&b, gpus);
    sound_check(&a, &gpu_defaults, 1, LIMIT);
    sound_check(&b, &small, 2, LIMIT);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    cr_assert_eq(info_of(gpus).frames, 2 * (FRAMES + 5));
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, rows_and_chroma_are_the_processors_in_order)
{
    numbers_agree("0");
}

Test(gpu_sim, rows_and_chroma_are_the_processors_in_a_random_order)
{
    numbers_agree("5");
}

// Alone, then with three others at once, then in small pieces.
static void
company_changes_nothing(const char *seed)
{
    enum { WORKERS = 4 };
    kt_gpus_t *gpus  = open_sim(seed, KT_GPU_DEFAULTS);
    sound_t    alone = sound_new(&gpu_defaults, FRAMES, 3), many[WORKERS];
    sound_run(&alone, gpus);
    for (uint32_t i = 0; i < WORKERS; i++)
        many[i] = sound_new(&gpu_defaults, i == 2 ? FRAMES : 2 + 3 * i, i == 2 ? 3 : 20 + i);
    for (size_t i = 0; i < WORKERS; i++)
        sound_start(&many[i], gpus);
    for (size_t i = 0; i < WORKERS; i++)
        sound_join(&many[i]);
    sound_same(&alone, &many[2], 0);
    for (size_t i = 0; i < WORKERS; i++)
        sound_free(&many[i]);
    kt_device_destroy(&alone.device);
    kt_gpus_close(&gpus);
    kt_gpu_opts_t tight = KT_GPU_DEFAULTS;
    tight.max_bytes     = 256 << 10;
    gpus                = open_sim(seed, tight);
    sound_t pieces      = sound_new(&gpu_defaults, FRAMES, 3);
    sound_run(&pieces, gpus);
    cr_assert_gt(info_of(gpus).parts, 2);
    sound_same(&alone, &pieces, 0);
    sound_free(&pieces);
    sound_free(&alone);
    kt_gpus_close(&gpus);
    check_clean();
}

// Whole and in pieces: the same bytes, and the processor's numbers.
static void
constant_q_agrees(const char *seed)
{
    enum { MANY = 300 };
    kt_device_info_t info;
    float           *cpu = sound_cqt(&gpu_defaults, MANY, NULL, &info), *made[2];
    for (size_t i = 0; i < 2; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.max_bytes     = i ? 18 << 20 : 0;
        kt_gpus_t *gpus    = open_sim(seed, opts);
        made[i]            = sound_cqt(&gpu_defaults, MANY, gpus, &info);
        cr_assert_eq(info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i);
        sound_same_row(cpu, made[i], MANY * KT_CQT_CLASSES, LIMIT, "chroma_cqt");
        kt_gpus_close(&gpus);
    }
    cr_assert_eq(memcmp(made[0], made[1], MANY * KT_CQT_CLASSES * sizeof(float)), 0);
    for (size_t i = 0; i < 2; i++)
        free(made[i]);
    free(cpu);
    check_clean();
}

// Whole, and in pieces; sums in another order.
static void
columns_agree(const char *seed)
{
    static table_t want, got;
    for (size_t i = 0; i < 2; i++) {
        const size_t  frames = i ? 2000 : 300;
        kt_gpu_opts_t opts   = KT_GPU_DEFAULTS;
        opts.max_bytes       = i ? 1 << 20 : 0;
        kt_gpus_t *gpus      = open_sim(seed, opts);
        table_run(&want, frames, NULL);
        table_run(&got, frames, gpus);
        cr_assert_eq(got.info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i);
        table_same(&want, &got, frames, 1e-13);
        kt_gpus_close(&gpus);
    }
    check_clean();
}

// Whole, and in pieces: the same bytes; the processor's but for a unit.
static void
rises_agree(const char *seed)
{
    enum { MANY = 200 };
    kt_device_info_t info;
    for (size_t begins = 0; begins < 2; begins++) {
        uint16_t *want = sound_rises(MANY, begins, NULL, &info), *got[2];
        for (size_t i = 0; i < 2; i++) {
            kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
            opts.max_bytes     = i ? 400 << 10 : 0;
            kt_gpus_t *gpus    = open_sim(seed, opts);
            got[i]             = sound_rises(MANY, begins, gpus, &info);
            cr_assert_eq(info.replaced, 0);
            cr_assert_eq(info_of(gpus).parts > 1, i);
            rises_same(want, got[i], MANY, 1);
            kt_gpus_close(&gpus);
        }
        rises_same(got[0], got[1], MANY, 0);
        free(want);
        free(got[0]);
        free(got[1]);
    }
    check_clean();
}

Test(gpu_sim, rises_are_the_processors_in_order)
{
    rises_agree("0");
}

Test(gpu_sim, rises_are_the_processors_at_random)
{
    rises_agree("4");
}

// Threads in order and at random, the request whole and in pieces: the same bytes; the processor's but for the last
// bits of its transform.
static const char *const ORDERS[] = {"0", "4"};

Test(gpu_sim, the_bass_is_the_processors)
{
    enum { MANY = 60, UNITS = 4 };
    kt_device_info_t info;
    uint16_t        *want = sound_bass(MANY, NULL, &info), *got[4];
    for (size_t i = 0; i < 4; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.max_bytes     = i % 2 ? 512 << 10 : 0;
        kt_gpus_t *gpus    = open_sim(ORDERS[i / 2], opts);
        got[i]             = sound_bass(MANY, gpus, &info);
        cr_assert_eq(info.replaced, 0);
        cr_assert_eq(info_of(gpus).parts > 1, i % 2);
        bass_same(want, got[i], MANY, UNITS);
        bass_same(got[0], got[i], MANY, 0);
        kt_gpus_close(&gpus);
    }
    for (size_t i = 0; i < 4; i++)
        free(got[i]);
    free(want);
    check_clean();
}

// Of any number of samples: the last frame is filled up with zeros.
Test(gpu_sim, cents_are_the_processors)
{
    static const size_t SAMPLES[] = {5000, 8192, 45000};
    static kt_cents_t   want, got[4];
    kt_device_info_t    info;
    for (size_t s = 0; s < sizeof SAMPLES / sizeof *SAMPLES; s++) {
        sound_cents(SAMPLES[s], NULL, &info, &want);
        for (size_t i = 0; i < 4; i++) {
            kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
            opts.max_bytes     = i % 2 ? 512 << 10 : 0;
            kt_gpus_t *gpus    = open_sim(ORDERS[i / 2], opts);
            sound_cents(SAMPLES[s], gpus, &info, &got[i]);
            cr_assert_eq(info.replaced, 0);
            cr_assert_eq(info_of(gpus).parts > 1, i % 2 && SAMPLES[s] > 40000);
            cents_same(&want, &got[i], 1e-3);
            cr_assert_eq(memcmp(&got[0], &got[i], sizeof *got), 0);
            kt_gpus_close(&gpus);
        }
    }
    check_clean();
}

Test(gpu_sim, columns_are_the_processors_in_order)
{
    columns_agree("0");
}

Test(gpu_sim, columns_are_the_processors_at_random)
{
    columns_agree("4");
}

Test(gpu_sim, constant_q_is_the_processors_in_order)
{
    constant_q_agrees("0");
}

Test(gpu_sim, constant_q_is_the_processors_in_a_random_order)
{
    constant_q_agrees("5");
}

// What is counted is what crosses: further in, the runs of a batch and chroma's weights; further out, the peaks.
Test(gpu_sim, bytes_over_the_bus_are_counted)
{
    void (*copied)(uint64_t *, uint64_t *) = (void (*)(uint64_t *, uint64_t *))(uintptr_t)symbol("cudasim_copied");
    kt_gpus_t *gpus                        = open_sim("0", KT_GPU_DEFAULTS);
    sound_t    sound                       = sound_new(&gpu_defaults, 64, 3);
    uint64_t   in_before, out_before, in_bytes, out_bytes;
    sound_run(&sound, gpus);  // tables of the configuration, once
    copied(&in_before, &out_before);
    const kt_gpus_info_t before = info_of(gpus);
    sound_run(&sound, gpus);
    copied(&in_bytes, &out_bytes);
    const kt_gpus_info_t after = info_of(gpus);
    const uint64_t       in = after.in_bytes - before.in_bytes, out = after.out_bytes - before.out_bytes;
    cr_assert_eq(in, 2 * (63 * 512 + 2048) * sizeof(float));
    cr_assert_geq(in_bytes - in_before, in);
    cr_assert_leq(in_bytes - in_before, in + (64 << 10));
    cr_assert_geq(out_bytes - out_before, out);
    cr_assert_leq(out_bytes - out_before, 2 * out);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

// The first pass brings the samples, the others bring the table of a tuning alone.
static void
samples_cross_once(const char *seed)
{
    enum { SAMPLES = (KEPT_FRAMES - 1) * 512 + 2048 };
    static kept_t cpu, brought, kept;
    kt_gpus_t    *gpus = open_sim(seed, KT_GPU_DEFAULTS);
    kept_run(&cpu, NULL, true);
    kept_run(&brought, gpus, false);
    const kt_gpus_info_t before = info_of(gpus);
    kept_run(&kept, gpus, true);
    const kt_gpus_info_t after = info_of(gpus);
    // Of columns, two items of rms and chroma; mel rows are there.
    cr_assert_eq(after.in_bytes - before.in_bytes,
                 SAMPLES * sizeof(float) + sizeof(kt_gpu_cqt_table_t) + 2 * kt_gpu_columns_in_bytes(KEPT_FRAMES));
    cr_assert_gt(before.in_bytes, 3 * SAMPLES * sizeof(float));
    cr_assert_eq(after.on_cpu, 0);
    kept_same(&brought, &kept, 0);
    kept_same(&cpu, &kept, LIMIT);
    // The memory comes back with the next batch.
    sound_run(&brought.sound, gpus);
    cr_assert_leq(info_of(gpus).pool_bytes, before.pool_bytes + (2 << 20));
    sound_free(&cpu.sound);
    sound_free(&brought.sound);
    sound_free(&kept.sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, samples_that_are_kept_cross_once_and_change_no_byte_in_order)
{
    samples_cross_once("0");
}

Test(gpu_sim, samples_that_are_kept_cross_once_and_change_no_byte_at_random)
{
    samples_cross_once("6");
}

// Two pieces of a first pass are kept one behind the other; chroma reads across their border.
Test(gpu_sim, pieces_of_samples_are_kept_as_a_whole)
{
    enum { MANY = 2300, BORDER = 2236, SOME = 8 };
    const kt_frontend_opts_t opts  = {22050, 2048, 1024, 128, 13, 12};
    kt_gpus_t               *gpus  = open_sim("6", KT_GPU_DEFAULTS);
    sound_t                  sound = sound_new(&opts, MANY, 5);
    const kt_rows_t          rows  = {.row[KT_ROW_RMS] = sound.row[KT_ROW_RMS]};
    const kt_span_t          span  = {sound.pcm + (size_t)BORDER * 1024, SOME, 0, (SOME - 1) * 1024 + 2048};
    kt_device_job_t         *job   = NULL;
    float                    kept[SOME * 12], brought[SOME * 12];
    cr_assert_eq(kt_device_gpu(&sound.device, gpus, NULL), KT_OK);
    kt_device_keep_samples(sound.device);
    cr_assert_eq(kt_device_begin_frontend(sound.device, sound.plan, &sound.span, &rows, &job), KT_OK);
    end_job(sound.device, &job);
    cr_assert_eq(info_of(gpus).parts, 2);
    const uint64_t before = info_of(gpus).in_bytes;
    cr_assert_eq(kt_device_begin_chroma(sound.device, sound.plan, 0, &span, kept, &job), KT_OK);
    end_job(sound.device, &job);
    cr_assert_eq(info_of(gpus).in_bytes, before);
    kt_device_forget_samples(sound.device);
    cr_assert_eq(kt_device_begin_chroma(sound.device, sound.plan, 0, &span, brought, &job), KT_OK);
    end_job(sound.device, &job);
    cr_assert_gt(info_of(gpus).in_bytes, before);
    cr_assert_eq(memcmp(kept, brought, sizeof kept), 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

static void
kept_without_room(const char *memory, uint64_t most, bool fits)
{
    static kept_t cpu, made;
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = most;
    setenv("KITHARA_SIM_MEMORY", memory, 1);
    kt_gpus_t *gpus = open_sim("0", opts);
    kept_run(&cpu, NULL, true);
    kept_run(&made, gpus, true);
    kept_same(&cpu, &made, LIMIT);
    cr_assert_eq(info_of(gpus).on_cpu == 0, fits);
    sound_free(&cpu.sound);
    sound_free(&made.sound);
    kt_gpus_close(&gpus);
    check_clean();
}

// An eighth of 500 KB is less than the samples.
Test(gpu_sim, samples_for_which_the_device_is_too_small_are_brought_by_each_request)
{
    kept_without_room("500000", 0, false);
}

// The slots get all of 24 MB.
Test(gpu_sim, samples_for_which_the_limit_has_no_room_are_brought_by_each_request)
{
    kept_without_room("67108864", 24 << 20, true);
}

static void
lost_with_kept_samples(uint64_t launches)
{
    static kept_t cpu, made;
    kt_gpus_t    *gpus = open_sim("0", KT_GPU_DEFAULTS);
    break_after("cudaLaunchKernel", launches);
    kept_run(&cpu, NULL, true);
    kept_run(&made, gpus, true);
    cr_assert_eq(info_of(gpus).lost, 1);
    kept_same(&cpu, &made, LIMIT);
    sound_free(&cpu.sound);
    sound_free(&made.sound);
    kt_gpus_close(&gpus);
}

Test(gpu_sim, a_device_that_breaks_before_samples_are_kept_leaves_right_numbers)
{
    lost_with_kept_samples(1);
}

Test(gpu_sim, a_device_that_breaks_with_kept_samples_leaves_right_numbers)
{
    lost_with_kept_samples(2);
}

Test(gpu_sim, company_changes_no_byte_in_order)
{
    company_changes_nothing("1");
}

Test(gpu_sim, company_changes_no_byte_in_a_random_order)
{
    company_changes_nothing("4");
}

// Two films at once, one in pieces that each need the picture before.
static void
pictures_agree(const char *seed)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 512 << 10;
    kt_gpus_t *gpus    = open_sim(seed, opts);
    film_t     a = film_new(67, 35, 2, 1), b = film_new(67, 35, 9, 2);
    cr_assert_eq(kt_device_gpu(&a.device, gpus, NULL), KT_OK);
    cr_assert_eq(kt_device_gpu(&b.device, gpus, NULL), KT_OK);
    film_start(&a);
    film_start(&b);
    film_join(&a);
    film_join(&b);
    film_check(&a);
    film_check(&b);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    cr_assert_eq(info_of(gpus).frames, 2 + 9);
    cr_assert_gt(info_of(gpus).parts, 2);
    film_free(&a);
    film_free(&b);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, pictures_have_the_references_statistics_in_order)
{
    pictures_agree("0");
}

Test(gpu_sim, pictures_have_the_references_statistics_in_a_random_order)
{
    pictures_agree("3");
}

Test(gpu_sim, pictures_of_a_device_that_breaks_are_the_processors)
{
    kt_gpus_t *gpus = open_sim("1", KT_GPU_DEFAULTS);
    film_t     film = film_new(40, 30, 3, 4);
    break_after("cudaLaunchKernel", 1);
    film_run(&film, gpus);
    film_check(&film);
    cr_assert_eq(info_of(gpus).lost, 1);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    film_free(&film);
    kt_gpus_close(&gpus);
}

Test(gpu_sim, memory_grows_with_the_batches_and_stays_below_the_limit)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 24 << 20;
    kt_gpus_t *gpus    = open_sim("0", opts);
    sound_t    sound   = sound_new(&gpu_defaults, FRAMES, 4);
    cr_assert_eq(info_of(gpus).pool_bytes, 0);
    sound_run(&sound, gpus);
    uint64_t after = info_of(gpus).pool_bytes;
    cr_assert_gt(after, 0);
    cr_assert_lt(after, opts.max_bytes / 2);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, without_growth_the_memory_is_taken_at_once)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 24 << 20;
    opts.growth        = false;
    kt_gpus_t *gpus    = open_sim("0", opts);
    uint64_t   taken   = info_of(gpus).pool_bytes;
    sound_t    sound   = sound_new(&gpu_defaults, FRAMES, 5);
    cr_assert_leq(taken, opts.max_bytes);
    cr_assert_geq(taken, opts.max_bytes - (1 << 20));
    sound_run(&sound, gpus);
    cr_assert_eq(info_of(gpus).pool_bytes, taken);
    cr_assert_eq(info_of(gpus).on_cpu, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, without_growth_any_limit_of_memory_opens_the_device)
{
    static const uint64_t MEGABYTES[] = {20, 30, 50, 100, 110, 112};
    for (size_t i = 0; i < sizeof MEGABYTES / sizeof *MEGABYTES; i++) {
        kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
        opts.max_bytes     = MEGABYTES[i] << 20;
        opts.growth        = false;
        kt_gpus_t *gpus    = open_sim("0", opts);
        cr_assert_leq(info_of(gpus).pool_bytes, opts.max_bytes);
        kt_gpus_close(&gpus);
    }
    check_clean();
}

Test(gpu_sim, memory_that_others_have_costs_no_device)
{
    setenv("KITHARA_SIM_MEMORY", "1048576", 1);
    kt_gpus_t *gpus  = open_sim("0", KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 6);
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 6, 0);
    cr_assert_eq(info_of(gpus).lost, 0);
    cr_assert_eq(info_of(gpus).on_cpu, 2);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

static void
lost_in_work(const char *seed, const char *call, uint64_t n)
{
    kt_gpus_t *gpus = open_sim(seed, KT_GPU_DEFAULTS);
    sound_t    a = sound_new(&gpu_defaults, FRAMES, 7), b = sound_new(&gpu_defaults, FRAMES + 3, 8);
    break_after(call, n);
    sound_start(&a, gpus);
    sound_start(&b, gpus);
    sound_join(&a);
    sound_join(&b);
    cr_assert_eq(info_of(gpus).lost, 1);
    cr_assert_gt(info_of(gpus).on_cpu, 0);
    sound_check(&a, &gpu_defaults, 7, LIMIT);
    sound_check(&b, &gpu_defaults, 8, LIMIT);
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
}

Test(gpu_sim, a_device_that_breaks_in_a_launch_leaves_right_numbers)
{
    lost_in_work("0", "cudaLaunchKernel", 2);
}

Test(gpu_sim, a_device_that_breaks_in_a_copy_leaves_right_numbers)
{
    lost_in_work("5", "cudaMemcpyAsync", 5);
}

Test(gpu_sim, a_device_that_breaks_while_it_is_waited_for_leaves_right_numbers)
{
    lost_in_work("2", "cudaEventSynchronize", 2);
}

static char   refusals[4][256], lost_why[256];
static size_t n_refusals;

static void
keep_why(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context;
    (void)level;
    if (strcmp(id, "GPU-LOST") == 0)
        snprintf(lost_why, sizeof lost_why, "%s", fields);
    if (strcmp(id, "GPU-REFUSED") == 0 && n_refusals < sizeof refusals / sizeof *refusals)
        snprintf(refusals[n_refusals++], sizeof *refusals, "%s", fields);
}

// CUDA refuses the first launch: the CPU computes that batch, and the next one is the device's again.
static void
launch_is_refused(const char *fault, const char *name)
{
    setenv("KITHARA_SIM_FAULTS", fault, 1);
    kt_gpus_t *gpus  = open_sim("0", KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 9);
    kt_log_setup(KT_LOG_WARN, KT_LOG_TEXT, "test");
    kt_log_set_sink(keep_why, NULL);
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 9, LIMIT);
    cr_assert_eq(n_refusals, 1);
    cr_assert(strstr(refusals[0], name), "%s", refusals[0]);
    cr_assert_str_empty(lost_why);
    cr_assert_eq(info_of(gpus).lost, 0);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    cr_assert_eq(info_of(gpus).batches, 1, "chroma");
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 9, LIMIT);
    cr_assert_eq(info_of(gpus).on_cpu, 1);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, a_launch_refused_for_a_wrong_argument_costs_its_batch_alone)
{
    launch_is_refused("cudaLaunchKernel:1:1", "a launch failed: cudaErrorInvalidValue");
}

Test(gpu_sim, a_launch_refused_for_its_function_costs_its_batch_alone)
{
    launch_is_refused("cudaLaunchKernel:1:98", "a launch failed: cudaErrorInvalidDeviceFunction");
}

Test(gpu_sim, a_launch_without_code_for_the_device_costs_its_batch_alone)
{
    launch_is_refused("cudaLaunchKernel:1:209", "a launch failed: cudaErrorNoKernelImageForDevice");
}

Test(gpu_sim, a_launch_refused_for_resources_costs_its_batch_alone)
{
    launch_is_refused("cudaLaunchKernel:1:701", "a launch failed: cudaErrorLaunchOutOfResources");
}

Test(gpu_sim, a_warm_up_takes_the_memory_and_shows_the_first_error)
{
    setenv("KITHARA_SIM_FAULTS", "cudaFuncSetAttribute:1:98", 1);
    kt_gpus_t *gpus  = open_sim("0", KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 10);
    kt_log_setup(KT_LOG_WARN, KT_LOG_TEXT, "test");
    kt_log_set_sink(keep_why, NULL);
    cr_assert_eq(kt_gpus_warm_up(gpus, sound.plan), KT_OK);
    cr_assert_eq(n_refusals, 1);
    cr_assert(strstr(refusals[0], "the plan failed: cudaErrorInvalidDeviceFunction"), "%s", refusals[0]);
    cr_assert_eq(kt_gpus_warm_up(gpus, sound.plan), KT_OK);
    cr_assert_gt(info_of(gpus).pool_bytes, 0);
    cr_assert_eq(info_of(gpus).batches, 9);
    cr_assert_eq(info_of(gpus).lost, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, a_configuration_that_is_refused_repeatedly_is_given_up)
{
    setenv("KITHARA_SIM_FAULTS",
           "cudaLaunchKernel:1:701,cudaLaunchKernel:1:701,cudaLaunchKernel:1:701,cudaLaunchKernel:1:701", 1);
    kt_gpus_t *gpus  = open_sim("0", KT_GPU_DEFAULTS);
    sound_t    sound = sound_new(&gpu_defaults, FRAMES, 9);
    kt_log_setup(KT_LOG_WARN, KT_LOG_TEXT, "test");
    kt_log_set_sink(keep_why, NULL);
    sound_run(&sound, gpus);
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 9, LIMIT);
    cr_assert_eq(info_of(gpus).on_cpu, 4);
    cr_assert_eq(info_of(gpus).batches, 0);
    cr_assert_eq(n_refusals, 2);
    cr_assert(strstr(refusals[1], "the device cannot transform with n_fft 2048"), "%s", refusals[1]);
    sound_free(&sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim, an_xid_is_noticed_when_nothing_runs)
{
    void (*break_device)(int, int, int) = (void (*)(int, int, int))(uintptr_t)symbol("cudasim_break_device");
    kt_gpus_t *gpus                     = open_sim("0", KT_GPU_DEFAULTS);
    int64_t    until                    = kt_clock_ms() + 20000;
    break_device(0, BREAK_ERROR, BREAK_XID);
    while (kt_gpus_usable(gpus) && kt_clock_ms() < until)
        sched_yield();
    cr_assert(!kt_gpus_usable(gpus));
    kt_gpus_close(&gpus);
}

Test(gpu_sim, nvml_reports_memory_load_and_temperature)
{
    kt_gpus_t     *gpus  = open_sim("0", KT_GPU_DEFAULTS);
    int64_t        until = kt_clock_ms() + 20000;
    kt_gpus_info_t info;
    do
        kt_gpus_info(gpus, &info);
    while (info.celsius < 0 && kt_clock_ms() < until);
    cr_assert_geq(info.percent, 0);
    cr_assert_gt(info.celsius, 0);
    cr_assert_eq(info.memory_total_mb, 4096);
    kt_gpus_close(&gpus);
    check_clean();
}

static void
is_none(const char *variable, const char *value, const char *words)
{
    kt_gpus_t    *gpus = NULL;
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    setenv(variable, value, 1);
    cr_assert_eq(try_open(&gpus, &opts, why), KT_ENOTFOUND);
    cr_assert(strstr(why, words), "%s", why);
    cr_assert_null(gpus);
}

// The driver is there and does not work: never "no GPU".
Test(gpu_sim, a_driver_in_trouble_is_named)
{
    is_none("KITHARA_SIM_FAULTS", "cudaGetDeviceCount:1:802", "cudaErrorSystemNotReady");
}

Test(gpu_sim, a_driver_that_does_not_start_is_named)
{
    is_none("KITHARA_SIM_FAULTS", "cudaGetDeviceCount:1:3", "cudaErrorInitializationError");
}

Test(gpu_sim, an_unknown_error_of_the_driver_is_named)
{
    is_none("KITHARA_SIM_FAULTS", "cudaGetDeviceCount:1:999", "cudaErrorUnknown");
}

Test(gpu_sim, a_call_after_a_fork_is_a_report)
{
    kt_gpus_t *gpus              = open_sim("0", KT_GPU_DEFAULTS);
    int (*set_device)(int)       = (int (*)(int))(uintptr_t)symbol("cudaSetDevice");
    size_t (*report_count)(void) = (size_t(*)(void))(uintptr_t)symbol("cudasim_report_count");
    const pid_t child            = fork();
    if (child == 0) {
        (void)set_device(0);
        _exit(report_count() == 1 ? 0 : 1);
    }
    int status = 1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    kt_gpus_close(&gpus);
    check_clean();
}

static void
profile_agrees(const char *name)
{
    setenv("KITHARA_SIM_DEVICE", name, 1);
    numbers_agree("0");
}

Test(gpu_sim, a_t4_has_room_for_the_default_configuration)
{
    profile_agrees("t4");
}

Test(gpu_sim, an_l4_computes_the_processors_rows)
{
    profile_agrees("l4");
}

Test(gpu_sim, an_h200_computes_the_processors_rows)
{
    profile_agrees("h200");
}

Test(gpu_sim, a_b200_computes_the_processors_rows)
{
    profile_agrees("b200");
}

Test(gpu_sim, a_missing_driver_is_reported)
{
    is_none("KITHARA_SIM_DEVICES", "0", "no NVIDIA driver");
}

Test(gpu_sim, a_missing_device_is_reported)
{
    is_none("KITHARA_SIM_FAULTS", "cudaGetDeviceCount:1:100", "no NVIDIA GPU");
}

Test(gpu_sim, a_driver_that_is_too_old_is_reported)
{
    is_none("KITHARA_SIM_FAULTS", "cudaGetDeviceCount:1:35", "insufficient");
}
