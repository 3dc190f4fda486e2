// Requests on their way: batches, order, errors and ends, on a GPU that is none (gpu_double.h). Tickets are posted by
// one thread, so what is in the queue at each moment is known.
#include "common/clock.h"
#include "common/log.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/images.h"
#include "kernels/gpu/private.h"
#include "kernels/gpu/ticket.h"
#include "tests/unit/kernels/gpu/gpu_double.h"
#include "tests/unit/kernels/gpu/gpu_film.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"

enum { FRAMES = 40, MANY = 6 };

// Chroma of a sound, posted; n_done and err are the callback's.
typedef struct posted {
    sound_t         sound;
    kt_gpu_frames_t frames;
    kt_gpu_ticket_t ticket;
    _Atomic int     n_done;
    kt_err_t        err;
    kt_gpu_t       *gpu;  // of release_cancelled
} posted_t;

static kt_gpu_t *
open_gpu(kt_gpu_opts_t opts)
{
    kt_gpu_t *gpu = NULL;
    char      why[KT_GPU_WHY];
    opts.backend = gpu_double_backend(1);
    kt_log_setup(KT_LOG_ERROR, KT_LOG_TEXT, "test");
    cr_assert_eq(kt_gpu_open(&gpu, &opts, 0, why), KT_OK);
    return gpu;
}

static void
count_done(void *context, kt_err_t err)
{
    posted_t *self = context;
    self->err      = err;
    self->n_done++;
}

static posted_t *
posted_new(size_t frames, uint32_t seed)
{
    posted_t *self = calloc(1, sizeof *self);
    cr_assert(self);
    self->sound  = sound_new(&gpu_defaults, frames, seed);
    self->frames = (kt_gpu_frames_t){.plan   = self->sound.plan,
                                     .span   = &self->sound.span,
                                     .tuning = self->sound.tuning,
                                     .chroma = self->sound.chroma};
    self->ticket =
        (kt_gpu_ticket_t){.request = {&kt_gpu_chroma_kind, &self->frames, frames}, .done = count_done, .context = self};
    self->err = KT_EIO;
    return self;
}

static posted_t *
post(kt_gpu_t *gpu, size_t frames, uint32_t seed)
{
    posted_t *self = posted_new(frames, seed);
    cr_assert_eq(kt_gpu_ticket_post(gpu, &self->ticket), KT_OK);
    return self;
}

// Awaits it, and compares the chroma with the processor's.
static void
check(kt_gpu_t *gpu, posted_t *self, kt_err_t err)
{
    cr_assert_eq(kt_gpu_ticket_await(gpu, &self->ticket), err);
    cr_assert_eq(self->n_done, 1);
    cr_assert_eq(self->err, err);
    if (!err) {
        const size_t n    = self->sound.span.frames * gpu_defaults.n_chroma;
        float       *want = calloc(n, sizeof *want);
        kt_device_t *cpu  = NULL;
        cr_assert(want);
        cr_assert_eq(kt_device_cpu(&cpu, NULL), KT_OK);
        cr_assert_eq(kt_device_chroma(cpu, self->sound.plan, self->sound.tuning, &self->sound.span, 1, &want), KT_OK);
        cr_assert_eq(memcmp(want, self->sound.chroma, n * sizeof *want), 0);
        kt_device_destroy(&cpu);
        free(want);
    }
    sound_free(&self->sound);
    free(self);
}

Test(ticket, posting_waits_for_nothing_and_done_is_called_once)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    gpu_double_hold(true);
    posted_t *self = post(gpu, FRAMES, 1);
    gpu_double_await(1);
    cr_assert_eq(self->n_done, 0);
    gpu_double_hold(false);
    check(gpu, self, KT_OK);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, two_batches_go_at_once_and_the_others_gather)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    posted_t *all[MANY];
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = post(gpu, FRAMES + i, i);
        if (i < KT_GPU_EAGER)
            gpu_double_await(i + 1);
    }
    gpu_double_hold(false);
    for (size_t i = 0; i < MANY; i++)
        check(gpu, all[i], KT_OK);
    cr_assert_eq(gpu_double.n_batches, KT_GPU_EAGER + 1);
    cr_assert_eq(gpu_double.batches[0].parts, 1);
    cr_assert_eq(gpu_double.batches[1].parts, 1);
    cr_assert_eq(gpu_double.batches[2].parts, MANY - KT_GPU_EAGER);
    cr_assert_eq(gpu_double.batches[2].frames, 4 * FRAMES + 2 + 3 + 4 + 5);
    cr_assert(kt_gpu_close(&gpu));
}

// Both slots' worth of the first one are full, so they do not wait for company, and the short one is not behind it.
Test(ticket, a_whole_segment_goes_in_pieces_and_lets_others_through)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 2 << 20;
    kt_gpu_t *gpu      = open_gpu(opts);
    gpu_double_hold(true);
    posted_t *segment = post(gpu, 400, 1), *small = post(gpu, 3, 2);
    gpu_double_await(KT_GPU_SLOTS);
    for (size_t i = 0; i < KT_GPU_SLOTS; i++)
        cr_assert_eq(gpu_double.batches[i].frames, segment->ticket.most);
    gpu_double_hold(false);
    check(gpu, small, KT_OK);
    check(gpu, segment, KT_OK);
    cr_assert_eq(gpu->frames, 403);
    cr_assert_gt(gpu->in_bytes, 403 * gpu_defaults.hop * sizeof(float));
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, pictures_share_a_batch_of_their_size)
{
    kt_gpu_t       *gpu = open_gpu(KT_GPU_DEFAULTS);
    film_t          films[MANY];
    kt_gpu_images_t images[MANY];
    kt_gpu_ticket_t tickets[MANY];
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++) {
        films[i]   = film_new(i == 3 ? 20 : 33, 21, 2 + i, i);
        images[i]  = (kt_gpu_images_t){&films[i].span, films[i].stats};
        tickets[i] = (kt_gpu_ticket_t){.request = {&kt_gpu_image_kind, &images[i], 2 + i}};
        cr_assert_eq(kt_gpu_ticket_post(gpu, &tickets[i]), KT_OK);
        if (i < KT_GPU_EAGER)
            gpu_double_await(i + 1);
    }
    gpu_double_hold(false);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(kt_gpu_ticket_await(gpu, &tickets[i]), KT_OK);
        film_check(&films[i]);
        film_free(&films[i]);
    }
    cr_assert_eq(gpu_double.n_batches, KT_GPU_EAGER + 2, "another size, another batch");
    cr_assert_eq(gpu_double.batches[2].parts, MANY - KT_GPU_EAGER - 1);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, a_batch_that_fails_in_flight_fails_its_requests_alone)
{
    kt_gpu_t *gpu   = open_gpu(KT_GPU_DEFAULTS);
    gpu_double.fail = KT_EINVAL;
    gpu_double_hold(true);
    posted_t *bad = post(gpu, FRAMES, 1);
    gpu_double_await(1);
    posted_t *good = post(gpu, FRAMES, 2);
    gpu_double_hold(false);
    check(gpu, bad, KT_EINVAL);
    check(gpu, good, KT_OK);
    cr_assert_eq(gpu->on_cpu, 1);
    cr_assert_not(gpu->lost);
    cr_assert(kt_gpu_close(&gpu));
}

// The pieces behind the one that failed are waited for: they are written nowhere.
Test(ticket, a_request_that_failed_in_part_is_over_when_no_piece_is_in_flight)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 2 << 20;
    kt_gpu_t *gpu      = open_gpu(opts);
    gpu_double.fail    = KT_EINVAL;
    gpu_double_hold(true);
    posted_t *segment = post(gpu, 400, 3);
    gpu_double_await(KT_GPU_SLOTS);
    gpu_double_hold(false);
    check(gpu, segment, KT_EINVAL);
    check(gpu, post(gpu, 400, 4), KT_OK);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, a_device_lost_in_flight_ends_every_request)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    posted_t *all[MANY];
    gpu_double.fail = KT_ESTATE;
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = post(gpu, FRAMES, i);
    gpu_double_await(1);
    gpu_double_hold(false);
    for (size_t i = 0; i < MANY; i++)
        check(gpu, all[i], KT_ESTATE);
    posted_t *late = posted_new(FRAMES, 1);
    cr_assert_eq(kt_gpu_ticket_post(gpu, &late->ticket), KT_ESTATE);
    cr_assert_eq(late->n_done, 0);
    sound_free(&late->sound);
    free(late);
    cr_assert_eq(gpu->on_cpu, MANY + 1);
    cr_assert(kt_gpu_close(&gpu));
    cr_assert_eq(gpu_double.n_closed, 1);
}

Test(ticket, requests_of_a_device_that_hangs_are_over_within_the_deadline)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    posted_t     *all[MANY];
    opts.deadline_ms = 100;
    kt_gpu_t *gpu    = open_gpu(opts);
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = posted_new(FRAMES, i);  // takes long on a loaded machine
    for (uint32_t i = 0; i < MANY; i++)
        cr_assert_eq(kt_gpu_ticket_post(gpu, &all[i]->ticket), KT_OK);
    for (size_t i = 0; i < MANY; i++)
        check(gpu, all[i], KT_ESTATE);
    cr_assert(!kt_gpu_close(&gpu));
    cr_assert_eq(gpu_double.n_closed, 0, "what hangs cannot be closed");
}

Test(ticket, requests_of_a_device_that_hangs_in_a_submit_are_over_within_the_deadline)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.deadline_ms   = 100;
    gpu_double.stall   = true;
    kt_gpu_t *gpu      = open_gpu(opts);
    posted_t *first = post(gpu, FRAMES, 1), *second = post(gpu, 5, 2);
    check(gpu, first, KT_ESTATE);
    check(gpu, second, KT_ESTATE);
    cr_assert(!kt_gpu_close(&gpu));
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

Test(ticket, closing_ends_what_is_in_work_and_in_the_queue)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    posted_t *all[MANY];
    pthread_t releaser;
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++)
        all[i] = post(gpu, FRAMES, i);
    gpu_double_await(1);
    cr_assert_eq(pthread_create(&releaser, NULL, release, gpu), 0);
    cr_assert(kt_gpu_close(&gpu));
    cr_assert_eq(pthread_join(releaser, NULL), 0);
    cr_assert_eq(gpu_double.n_closed, 1);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(all[i]->n_done, 1);
        cr_assert_eq(all[i]->err, KT_OK);
        sound_free(&all[i]->sound);
        free(all[i]);
    }
}

Test(ticket, a_cancelled_request_in_the_queue_is_never_sent)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    posted_t *all[MANY];
    gpu_double_hold(true);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = post(gpu, FRAMES, i);
        if (i < KT_GPU_EAGER)
            gpu_double_await(i + 1);
    }
    kt_gpu_ticket_cancel(gpu, &all[MANY - 1]->ticket);
    cr_assert_eq(all[MANY - 1]->n_done, 1, "while the device is still held");
    gpu_double_hold(false);
    for (size_t i = 0; i < MANY; i++)
        check(gpu, all[i], i + 1 < MANY ? KT_OK : KT_ECANCELLED);
    cr_assert_eq(gpu->frames, (MANY - 1) * FRAMES);
    cr_assert_eq(gpu->on_cpu, 0, "the processor computes nothing instead");
    cr_assert(kt_gpu_close(&gpu));
}

static void *
release_cancelled(void *argument)
{
    posted_t *self = argument;
    kt_gpu_t *gpu  = self->gpu;
    pthread_mutex_lock(&gpu->lock);
    while (!self->ticket.err)
        (void)kt_gpu_wait(gpu, kt_clock_us() + 1000);
    const bool over = self->ticket.over;
    pthread_mutex_unlock(&gpu->lock);
    gpu_double_hold(false);
    return over ? self : NULL;
}

// Its memory is the device's until the piece in flight has ended; the pieces behind it are not sent.
Test(ticket, a_cancelled_request_in_flight_is_waited_for)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    pthread_t     releaser;
    void         *early = NULL;
    opts.max_bytes      = 2 << 20;
    kt_gpu_t *gpu       = open_gpu(opts);
    gpu_double_hold(true);
    posted_t *self = post(gpu, 400, 1);
    self->gpu      = gpu;
    gpu_double_await(KT_GPU_SLOTS);
    cr_assert_lt(self->ticket.most * KT_GPU_SLOTS, 400);
    cr_assert_eq(pthread_create(&releaser, NULL, release_cancelled, self), 0);
    kt_gpu_ticket_cancel(gpu, &self->ticket);
    cr_assert_eq(self->ticket.flying, 0);
    cr_assert_eq(gpu->frames, KT_GPU_SLOTS * self->ticket.most);
    cr_assert_eq(pthread_join(releaser, &early), 0);
    cr_assert_null(early, "not over while a piece was in flight");
    check(gpu, self, KT_ECANCELLED);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, cancelling_what_is_over_changes_nothing)
{
    kt_gpu_t *gpu  = open_gpu(KT_GPU_DEFAULTS);
    posted_t *self = post(gpu, FRAMES, 1);
    cr_assert_eq(kt_gpu_ticket_await(gpu, &self->ticket), KT_OK);
    kt_gpu_ticket_cancel(gpu, &self->ticket);
    check(gpu, self, KT_OK);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, a_request_without_items_is_over_at_once)
{
    kt_gpu_t *gpu              = open_gpu(KT_GPU_DEFAULTS);
    posted_t *self             = posted_new(1, 1);
    self->ticket.request.items = 0;
    cr_assert_eq(kt_gpu_ticket_post(gpu, &self->ticket), KT_OK);
    cr_assert_eq(self->n_done, 1);
    cr_assert_eq(self->err, KT_OK);
    sound_free(&self->sound);
    free(self);
    cr_assert(kt_gpu_close(&gpu));
}

// Before anything was measured an item on the device is half a microsecond, a frame on the processor 11.5, and a file
// waits KT_GPU_WAITS times.
Test(ticket, a_file_goes_behind_a_queue_that_is_shorter_than_the_processors_time)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    gpu_double_hold(true);
    cr_assert(kt_gpu_takes_file(gpu, 1, true), "there is no queue");
    posted_t *self = post(gpu, 400, 1);
    cr_assert(kt_gpu_takes_file(gpu, KT_GPU_WAITS * 18, true));
    cr_assert_not(kt_gpu_takes_file(gpu, KT_GPU_WAITS * 17, true));
    cr_assert(kt_gpu_takes_file(gpu, KT_GPU_WAITS * 17, false), "the file may not leave the GPU");
    gpu_double_hold(false);
    check(gpu, self, KT_OK);
    cr_assert(kt_gpu_takes_file(gpu, 1, true));
    cr_assert_eq(gpu->files, 4);
    cr_assert_eq(gpu->cpu_files, 1);
    cr_assert_eq(gpu->on_cpu, 0, "nothing failed");
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, what_has_ended_is_no_queue)
{
    kt_gpu_opts_t opts = KT_GPU_DEFAULTS;
    opts.max_bytes     = 2 << 20;
    kt_gpu_t *gpu      = open_gpu(opts);
    gpu_double_hold(true);
    posted_t *self = post(gpu, 400, 1);
    gpu_double_await(KT_GPU_SLOTS);
    const size_t ended = KT_GPU_SLOTS * self->ticket.most;
    cr_assert_lt(ended, 400);
    cr_assert_not(kt_gpu_takes_file(gpu, KT_GPU_WAITS * (400 - ended) / 23 + 1, true), "what is on the device counts");
    gpu_double_hold(false);
    check(gpu, self, KT_OK);
    cr_assert(kt_gpu_takes_file(gpu, 1, true));
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, a_lost_device_takes_files_that_fail)
{
    kt_gpu_t *gpu = open_gpu(KT_GPU_DEFAULTS);
    gpu_double_hold(true);
    posted_t *self = post(gpu, 400, 1);
    cr_assert_not(kt_gpu_takes_file(gpu, 1, true));
    pthread_mutex_lock(&gpu->lock);
    kt_gpu_lose(gpu, "test");
    pthread_mutex_unlock(&gpu->lock);
    cr_assert(kt_gpu_takes_file(gpu, 1, true));
    gpu_double_hold(false);
    check(gpu, self, KT_ESTATE);
    cr_assert(kt_gpu_close(&gpu));
}

Test(ticket, times_of_more_configurations_than_places_replace_the_oldest)
{
    kt_gpu_t      *gpu  = open_gpu(KT_GPU_DEFAULTS);
    kt_gpu_batch_t like = {.kind = KT_GPU_CHROMA};
    uint32_t       at[KT_GPU_PACES + 1];
    pthread_mutex_lock(&gpu->lock);
    for (uint32_t i = 0; i <= KT_GPU_PACES; i++) {
        like.config[0] = (unsigned char)i;
        at[i]          = kt_gpu_pace_of(gpu, &like);
        for (uint32_t j = 0; j < i && i < KT_GPU_PACES; j++)
            cr_assert_neq(at[i], at[j]);
        cr_assert_eq(kt_gpu_pace_of(gpu, &like), at[i]);
    }
    cr_assert_eq(at[KT_GPU_PACES], at[0]);
    like.kind = KT_GPU_CQT;
    cr_assert_eq(kt_gpu_pace_of(gpu, &like), at[1], "another kind is another configuration");
    pthread_mutex_unlock(&gpu->lock);
    cr_assert(kt_gpu_close(&gpu));
}
