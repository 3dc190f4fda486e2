// The actor and what is around it, on a GPU that is none (gpu_double.h).
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/private.h"
#include "tests/unit/kernels/gpu/gpu_double.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"

enum { LONG_US = 20000000, FRAMES = 40 };

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

static kt_gpu_facts_t
facts_of(const kt_gpus_t *gpus)
{
    kt_gpu_facts_t facts;
    kt_gpus_facts(gpus, &facts);
    return facts;
}

Test(gpu, spans_of_many_workers_share_a_batch)
{
    enum { WORKERS = 5 };
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.wait_us       = LONG_US;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    sounds[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        sounds[i] = sound_new(&gpu_defaults, FRAMES + i, i);
        cr_assert_eq(kt_device_gpu(&sounds[i].device, gpus), KT_OK);  // it may come, so a batch waits for it
    }
    gpu_double_hold(true);
    for (size_t i = 0; i < WORKERS; i++) {
        sound_start(&sounds[i], gpus);
        if (i == 0)
            gpu_double_await(1);  // the first goes alone: nothing is in work
    }
    gpu_double_await(2);  // the others when all are there
    cr_assert_eq(gpu_double.batches[0].parts, 1);
    cr_assert_eq(gpu_double.batches[1].parts, WORKERS - 1);
    cr_assert_eq(gpu_double.batches[1].frames, 4 * FRAMES + 1 + 2 + 3 + 4);
    gpu_double_hold(false);
    for (uint32_t i = 0; i < WORKERS; i++) {
        sound_join(&sounds[i]);
        sound_check(&sounds[i], &gpu_defaults, i, 0);
        sound_free(&sounds[i]);
    }
    cr_assert_eq(facts_of(gpus).parts, 2 * WORKERS);
    cr_assert_eq(facts_of(gpus).on_cpu, 0);
    kt_gpus_close(&gpus);
}

Test(gpu, a_batch_waits_for_company_no_longer_than_it_may)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.wait_us       = 1000;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    first = sound_new(&gpu_defaults, FRAMES, 1), second = sound_new(&gpu_defaults, FRAMES, 2);
    sound_t    absent = sound_new(&gpu_defaults, FRAMES, 3);
    cr_assert_eq(kt_device_gpu(&absent.device, gpus), KT_OK);  // who might still come, and does not
    gpu_double_hold(true);
    sound_start(&first, gpus);
    gpu_double_await(1);
    sound_start(&second, gpus);
    gpu_double_await(2);
    gpu_double_hold(false);
    sound_join(&first);
    sound_join(&second);
    sound_free(&first);
    sound_free(&second);
    sound_free(&absent);
    kt_gpus_close(&gpus);
}

Test(gpu, a_lone_worker_waits_for_nobody)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.wait_us       = LONG_US;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    sound   = sound_new(&gpu_defaults, FRAMES, 4);
    int64_t    start   = kt_clock_us();
    sound_run(&sound, gpus);
    cr_assert_lt(kt_clock_us() - start, LONG_US / 2);
    sound_check(&sound, &gpu_defaults, 4, 0);
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

Test(gpu, a_span_larger_than_a_slot_goes_in_pieces)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 2 << 20;
    kt_gpus_t *gpus    = open_double(1, opts);
    sound_t    sound   = sound_new(&gpu_defaults, 333, 5);
    sound_run(&sound, gpus);
    cr_assert_gt(facts_of(gpus).parts, 6);
    cr_assert_eq(facts_of(gpus).frames, 2 * 333);
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
    cr_assert_eq(told_lost, 1, "said once");
    cr_assert_eq(facts_of(gpus).lost, 1);
    cr_assert_eq(facts_of(gpus).on_cpu, 4);
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
    cr_assert_eq(facts_of(gpus).lost, 1);
    cr_assert_eq(facts_of(gpus).on_cpu, 1);
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
    cr_assert_eq(facts_of(gpus).lost, 1);
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

Test(gpu, a_refused_batch_costs_no_device)
{
    kt_gpus_t *gpus   = open_double(1, KT_GPU_DEFAULTS);
    sound_t    sound  = sound_new(&gpu_defaults, FRAMES, 12);
    gpu_double.refuse = KT_ENOMEM;
    sound_run(&sound, gpus);
    sound_check(&sound, &gpu_defaults, 12, 0);
    cr_assert_eq(facts_of(gpus).lost, 0);
    cr_assert_eq(facts_of(gpus).on_cpu, 1);
    cr_assert(!kt_gpus_whole(gpus));
    cr_assert_eq(facts_of(gpus).batches, 1, "chroma");
    sound_free(&sound);
    kt_gpus_close(&gpus);
}

typedef struct direct {
    kt_gpu_t        *gpu;
    kt_gpu_request_t request;
    kt_err_t         err;
} direct_t;

static void *
run_direct(void *argument)
{
    direct_t *self = argument;
    self->err      = kt_gpu_run(self->gpu, &self->request);
    return NULL;
}

static void *
release(void *argument)
{
    kt_gpu_t *gpu = argument;
    pthread_mutex_lock(&gpu->lock);
    while (!gpu->closing)
        (void)kt_gpu_wait(gpu, kt_clock_us() + 1000);
    pthread_mutex_unlock(&gpu->lock);
    gpu_double_hold(false);
    return NULL;
}

Test(gpu, closing_waits_for_what_is_in_work)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    kt_gpu_t     *gpu  = NULL;
    char          why[KT_GPU_WHY];
    sound_t       sound = sound_new(&gpu_defaults, FRAMES, 13);
    pthread_t     worker, releaser;
    opts.backend = gpu_double_backend(1);
    cr_assert_eq(kt_gpu_open(&gpu, &opts, 0, why), KT_OK);
    direct_t direct = {
        gpu, {.plan = sound.plan, .pass = KT_GPU_CHROMA, .span = &sound.span, .chroma = sound.chroma}, KT_ESTATE};
    gpu_double_hold(true);
    cr_assert_eq(pthread_create(&worker, NULL, run_direct, &direct), 0);
    gpu_double_await(1);
    cr_assert_eq(pthread_create(&releaser, NULL, release, gpu), 0);
    kt_gpu_close(&gpu);
    cr_assert_eq(pthread_join(worker, NULL), 0);
    cr_assert_eq(pthread_join(releaser, NULL), 0);
    cr_assert_eq(direct.err, KT_OK);
    cr_assert_eq(gpu_double.n_closed, 1);
    sound_free(&sound);
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
        cr_assert_eq(facts_of(gpus).opened, rows[i].opened, "%s", rows[i].setting ? rows[i].setting : "none");
        kt_gpus_close(&gpus);
    }
}

Test(gpu, a_device_that_is_not_here_is_told_by_name)
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
    cr_assert_eq(facts_of(gpus).opened, 2);
    char name[64];
    cr_assert_str_eq(kt_gpus_name(gpus, name, sizeof name), "cuda: Double x2");
    sound_free(&a);
    sound_free(&b);
    kt_gpus_close(&gpus);
}

Test(gpu, a_host_without_a_gpu_says_why)
{
    kt_gpus_t    *gpus = NULL;
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.backend       = gpu_double_backend(0);
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_ENOTFOUND);
    cr_assert_str_eq(why, "the double has none");
}

Test(gpu, a_host_without_the_library_says_why)
{
    kt_gpus_t    *gpus = NULL;
    char          why[KT_GPU_WHY];
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    setenv("KITHARA_CUDA_LIBRARY", "/nowhere/libkithara-cuda.so", 1);
    cr_assert_eq(kt_gpus_open(&gpus, &opts, why), KT_ENOTFOUND);
    cr_assert(strstr(why, "/nowhere/"), "%s", why);
}

Test(gpu, the_layout_holds_what_it_promises)
{
    kt_plan_t     *plan   = NULL;
    const uint32_t wanted = KT_GPU_WANTS(KT_ROW_MEL) | KT_GPU_WANTS(KT_ROW_RMS) | KT_GPU_WANTS_PEAKS(KT_GPU_PITCHES) |
                            KT_GPU_WANTS_PEAKS(KT_GPU_CQT_PITCHES);
    cr_assert_eq(kt_plan_new(&plan, &gpu_defaults), KT_OK);
    for (size_t bytes = 0; bytes < 3 << 20; bytes += 4099) {
        for (int pass = KT_GPU_FIRST; pass <= KT_GPU_CHROMA; pass++) {
            kt_gpu_layout_t layout;
            size_t          frames = kt_gpu_layout_frames(plan, (kt_gpu_pass_t)pass, wanted, bytes);
            kt_gpu_layout(plan, (kt_gpu_pass_t)pass, wanted, frames, &layout);
            cr_assert(frames == 0 || layout.bytes <= bytes, "%zu frames in %zu bytes take %zu", frames, bytes,
                      layout.bytes);
            cr_assert_leq(layout.peaks, layout.bytes);
        }
    }
    kt_plan_destroy(&plan);
}
