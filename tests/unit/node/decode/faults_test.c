// Processes: each limit of a child, the death of a child or of the server, and what is left behind.
#include "common/clock.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RATE = 44100, BAD_SAMPLES = 1000, GOOD_SAMPLES = 400000 };

static int16_t samples[GOOD_SAMPLES];

// The faults are for files of the bad one's size only, so that both go through one server.
static void
open_with_fault(const char *kind)
{
    char fault[64];
    fx_open_plain();
    (void)snprintf(fault, sizeof fault, "%s:%d", kind, 44 + BAD_SAMPLES * 2);
    setenv("KITHARA_DECODE_FAULT", fault, 1);
    cr_assert_eq(kt_decode_server_new(&fx_server, NULL), KT_OK);
    unsetenv("KITHARA_DECODE_FAULT");
    fx_wav("bad.wav", 1, 16, 1, RATE, samples, BAD_SAMPLES * 2);
    fx_wav("good.wav", 1, 16, 1, RATE, samples, GOOD_SAMPLES * 2);
}

typedef struct neighbour {
    int         fd;
    atomic_bool stop;
    size_t      good, decoded;
} neighbour_t;

// Decodes the good file again and again.
static void *
decode_good(void *arg)
{
    neighbour_t *self = arg;
    do {
        kt_decode_t    *d = NULL;
        kt_media_info_t media_info;
        kt_decoded_t    piece = {.kind = KT_DECODED_SOUND};
        size_t          total = 0;
        kt_err_t        err   = kt_decode_open(fx_server, self->fd, &FX_LIMITS, &FX_SOUND, &d);
        if (err == KT_OK)
            err = kt_decode_media_info(d, &media_info);
        while (err == KT_OK && piece.kind != KT_DECODED_END) {
            err = kt_decode_read(d, &piece);
            total += err == KT_OK ? piece.frames : 0;
        }
        self->decoded++;
        self->good += err == KT_OK && total == GOOD_SAMPLES;
        kt_decode_close(&d);
    } while (!atomic_load(&self->stop));
    return NULL;
}

static void
expect_fault(const char *kind, kt_err_t err)
{
    pthread_t          thread;
    fx_decoded_t       d;
    kt_decode_limits_t limits = FX_LIMITS;
    limits.cpu_s              = 1;
    limits.wall_s             = strcmp(kind, "hang") ? 60 : 2;
    limits.memory_bytes       = 64u << 20;
    open_with_fault(kind);
    neighbour_t neighbour = {.fd = open(fx_path("good.wav"), O_RDONLY | O_CLOEXEC)};
    cr_assert_eq(pthread_create(&thread, NULL, decode_good, &neighbour), 0);
    fx_decode("bad.wav", &limits, &d);
    atomic_store(&neighbour.stop, true);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    close(neighbour.fd);
    cr_expect_eq(d.err, err, "%s: %s: %s", kind, kt_err_name(d.err), d.why);
    cr_expect(*d.why);
    cr_expect_gt(neighbour.decoded, 0);
    cr_expect_eq(neighbour.good, neighbour.decoded, "%zu of %zu", neighbour.good, neighbour.decoded);
    fx_close();
}

Test(decode_faults, a_crash_fails_its_file_alone)
{
    expect_fault("crash", KT_EDECODER);
}

Test(decode_faults, a_forbidden_system_call_fails_its_file_alone)
{
    expect_fault("forbidden", KT_EDECODER);
}

Test(decode_faults, a_hang_ends_at_the_wall_clock_limit_and_fails_its_file_alone)
{
    expect_fault("hang", KT_EDECWALL);
}

Test(decode_faults, a_spin_ends_at_the_cpu_limit_and_fails_its_file_alone)
{
    expect_fault("spin", KT_EDECCPU);
}

Test(decode_faults, a_growing_child_ends_at_the_memory_limit_and_fails_its_file_alone)
{
    expect_fault("grow", KT_EDECMEM);
}

Test(decode_faults, a_stall_is_noticed_before_the_wall_clock_limit)
{
    fx_decoded_t       d;
    kt_decode_limits_t limits = FX_LIMITS;
    limits.stall_ms           = 100;
    open_with_fault("hang");
    int64_t begin_ms = kt_clock_ms();
    fx_decode("bad.wav", &limits, &d);
    cr_expect_eq(d.err, KT_EDECWALL);
    cr_expect_lt(kt_clock_ms() - begin_ms, 5000);
    fx_close();
}

static kt_decode_t *
open_file(const char *name, kt_media_info_t *media_info)
{
    kt_decode_t *d  = NULL;
    int          fd = open(fx_path(name), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(kt_decode_open(fx_server, fd, &FX_LIMITS, &FX_SOUND, &d), KT_OK);
    close(fd);
    if (media_info)
        cr_assert_eq(kt_decode_media_info(d, media_info), KT_OK);
    return d;
}

// A WAV that is larger than the ring, so that its child still waits for slots.
static void
make_long_wav(void)
{
    size_t bytes = 8u << 20;
    void  *zeros = calloc(1, bytes);
    cr_assert_not_null(zeros);
    fx_wav("long.wav", 1, 16, 1, RATE, zeros, bytes);
    free(zeros);
}

static kt_err_t
read_to_end(kt_decode_t *d)
{
    kt_decoded_t piece = {.kind = KT_DECODED_SOUND};
    kt_err_t     err   = KT_OK;
    while (err == KT_OK && piece.kind != KT_DECODED_END)
        err = kt_decode_read(d, &piece);
    return err;
}

Test(decode_faults, a_killed_child_fails_its_file_alone_and_the_error_stays)
{
    kt_media_info_t media_info;
    fx_open();
    make_long_wav();
    kt_decode_t *d      = open_file("long.wav", &media_info);
    pid_t        server = fx_server_process();
    cr_assert_eq(kill(fx_child_of(server), SIGKILL), 0);
    cr_expect_eq(read_to_end(d), KT_EDECODER);
    cr_expect_eq(read_to_end(d), KT_EDECODER);
    cr_expect_str_eq(kt_decode_why(d), "killed by signal 9");
    kt_decode_close(&d);
    cr_expect_eq(fx_verdict("long.wav"), KT_OK);
    fx_close();
}

Test(decode_faults, a_killed_server_takes_its_children_along_and_is_started_again)
{
    kt_media_info_t media_info;
    fx_open();
    make_long_wav();
    kt_decode_t *d      = open_file("long.wav", &media_info);
    pid_t        server = fx_child_of(getpid());
    cr_assert_eq(kill(server, SIGKILL), 0);
    siginfo_t gone;  // on a busy machine the child could end before the server has exited
    cr_assert_eq(waitid(P_PID, (id_t)server, &gone, WEXITED | WNOWAIT), 0);
    cr_expect_eq(read_to_end(d), KT_ESYSTEM, "not the fault of the file");
    kt_decode_close(&d);
    cr_expect_eq(fx_verdict("long.wav"), KT_OK);
    cr_expect_neq(fx_child_of(getpid()), server);
    fx_close();
}

Test(decode_faults, closing_ends_the_child_and_destroying_ends_all)
{
    kt_media_info_t media_info;
    fx_open();
    make_long_wav();
    kt_decode_t *d = open_file("long.wav", &media_info), *e = open_file("long.wav", NULL);
    pid_t        server = fx_child_of(getpid());
    kt_decode_close(&d);
    kt_decode_server_destroy(&fx_server);  // waits for the server, which waits for its children
    cr_expect_eq(kill(server, 0), -1);
    kt_err_t err = kt_decode_media_info(e, &media_info);
    cr_expect(err == KT_OK || err == KT_ESYSTEM || err == KT_EDECODER);
    kt_decode_close(&e);
    fx_close();
}

Test(decode_faults, a_program_that_is_missing_or_no_decoder_is_reported_at_the_start)
{
    kt_decode_server_t *server = NULL;
    cr_expect_eq(kt_decode_server_new(&server, "/nowhere/kithara-decode"), KT_ENOFILE);
    cr_expect_eq(kt_decode_server_new(&server, "/bin/true"), KT_ESYSTEM);
    cr_expect_null(server);
}

Test(decode_faults, two_hundred_files_leave_no_descriptor_and_no_process_behind)
{
    fx_open();
    fx_wav("good.wav", 1, 16, 1, RATE, samples, 1000);
    fx_write("bad.wav", "no media\1", 9);
    cr_assert_eq(fx_verdict("good.wav"), KT_OK);
    pid_t  server = fx_server_process();
    size_t mine = fx_open_fds(getpid()), theirs = 3 + 2 + 2;  // stdio; socket and signals; "." and ".."
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(fx_verdict("good.wav"), KT_OK);
        cr_assert_eq(fx_verdict("bad.wav"), KT_EFORMAT);
    }
    cr_expect_eq(fx_open_fds(getpid()), mine);
    cr_expect_leq(fx_open_fds_settled(server, theirs), theirs);
    cr_expect_eq(fx_first_child(server), 0);
    fx_close();
}

Test(decode_faults, many_threads_share_a_server)
{
    enum { THREADS = 8 };
    pthread_t   threads[THREADS];
    neighbour_t all[THREADS];
    fx_open();
    fx_wav("good.wav", 1, 16, 1, RATE, samples, GOOD_SAMPLES * 2);
    int fd = open(fx_path("good.wav"), O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < THREADS; i++) {
        all[i] = (neighbour_t){.fd = fd, .stop = true};
        cr_assert_eq(pthread_create(&threads[i], NULL, decode_good, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_eq(all[i].good, 1);
    }
    close(fd);
    fx_close();
}
