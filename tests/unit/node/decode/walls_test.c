// The walls around a decoder, seen from outside: what the kernel says of a child that is decoding.
#include "node/decode/child_environment.h"
#include "node/decode/walls.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[1 << 16];

// /proc/PID/NAME, terminated.
static const char *
proc(pid_t pid, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n  = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    cr_assert_geq(n, 0, "%s", path);
    close(fd);
    text[n] = '\0';
    return text;
}

static bool
in_own_namespace(pid_t pid, const char *kind)
{
    char        path[64];
    struct stat theirs, mine;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    cr_assert_eq(stat(path, &theirs), 0);
    (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    cr_assert_eq(stat(path, &mine), 0);
    return theirs.st_ino != mine.st_ino;
}

// A file that keeps its child until it is closed: the ring is full.
static kt_decode_t *
open_long(void)
{
    static const unsigned char silence[8 << 20];
    kt_decode_t               *d;
    if (access(fx_path("long.wav"), F_OK) != 0)
        fx_wav("long.wav", 1, 16, 1, 8000, silence, sizeof silence);
    int fd = open(fx_path("long.wav"), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(kt_decode_open(fx_server, fd, &FX_LIMITS, &FX_SOUND, &d), KT_OK);
    close(fd);
    kt_media_info_t info;
    cr_assert_eq(kt_decode_media_info(d, &info), KT_OK);
    return d;
}

Test(decode_walls, each_wall_that_is_reported_stands)
{
    fx_open();
    kt_decode_t   *d      = open_long();
    const uint32_t walls  = kt_decode_server_walls(fx_server);
    const pid_t    child  = fx_child_of(fx_server_process());
    const char    *status = proc(child, "status");
    cr_expect(walls & KT_WALL_CALLS);
    cr_expect_not_null(strstr(status, "\nSeccomp:\t2\n"));
    cr_expect_not_null(strstr(status, "\nNoNewPrivs:\t1\n"));
    cr_expect(walls & KT_WALL_UID);
    cr_expect_null(strstr(status, "\nUid:\t0\t"), "not root");
    if (walls & KT_WALL_CAPABILITIES)
        cr_expect_not_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
    if (walls & KT_WALL_OOM)
        cr_expect_str_eq(proc(child, "oom_score_adj"), "1000\n");
    cr_expect_eq(in_own_namespace(child, "net"), !!(walls & KT_WALL_NETWORK));
    cr_expect_eq(in_own_namespace(child, "ipc"), !!(walls & KT_WALL_IPC));
    cr_expect_eq(in_own_namespace(child, "user"), !!(walls & KT_WALL_USER));
    cr_expect_eq(in_own_namespace(child, "pid"), !!(walls & KT_WALL_PROCESSES));
    if (walls & KT_WALL_NETWORK)
        cr_expect_null(strstr(proc(child, "net/route"), "eth"), "no interface but a loopback that is down");
    if (walls & KT_WALL_ROOT)
        cr_expect_null(strchr(strchr(proc(child, "mountinfo"), '\n') + 1, '\n'), "one mount: %s", text);
    kt_decode_close(&d);
    fx_close();
}

// Whether the status of /proc has no user or group of root, no capability of any set, and no way to new ones.
static void
expect_no_rights(pid_t pid)
{
    static const char *const LINES[] = {"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
                                        "\nCapEff:\t0000000000000000\n", "\nCapAmb:\t0000000000000000\n",
                                        "\nNoNewPrivs:\t1\n"};
    const char              *status  = proc(pid, "status");
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++)
        cr_expect_not_null(strstr(status, LINES[i]), "%s in %s", LINES[i], status);
    cr_expect_null(strstr(status, "\nUid:\t0\t"), "%s", status);
    cr_expect_null(strstr(status, "\nGid:\t0\t"), "%s", status);
    if (geteuid() != 0)
        return;  // then all of them have the test's own user
    char        path[64];
    struct stat owner;
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    cr_assert_eq(stat(path, &owner), 0);
    cr_expect_eq(owner.st_uid, 0, "%d can be traced by other processes of its user", (int)pid);
}

Test(decode_walls, the_server_and_the_process_outside_its_namespace_have_no_rights_either)
{
    fx_open();
    kt_decode_t *d = open_long();
    if (kt_decode_server_walls(fx_server) & KT_WALL_CAPABILITIES) {
        expect_no_rights(fx_child_of(getpid()));
        expect_no_rights(fx_server_process());
        expect_no_rights(fx_child_of(fx_server_process()));
    }
    kt_decode_close(&d);
    fx_close();
}

// Of the lines of /proc/PID/maps, those of a ring.
static size_t
rings_mapped(pid_t pid)
{
    size_t count = 0;
    for (const char *at = proc(pid, "maps"); (at = strstr(at, "memfd:kithara-pcm")); at++)
        count++;
    return count;
}

Test(decode_walls, a_child_has_its_own_file_ring_and_socket_beside_others_and_nothing_else)
{
    fx_open();
    kt_decode_t *d[3];
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
        d[i] = open_long();
    char        path[64];
    const pid_t server = fx_server_process();
    int         pid, seen = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server, (int)server);
    FILE *children = fopen(path, "re");
    cr_assert_not_null(children);
    while (fscanf(children, "%d", &pid) == 1) {
        struct stat at;
        cr_expect_eq(fx_open_fds(pid), 2 + 2, "socket, file, . and ..");
        (void)snprintf(path, sizeof path, "/proc/%d/fd/3", pid);
        cr_expect(stat(path, &at) == 0 && S_ISSOCK(at.st_mode));
        (void)snprintf(path, sizeof path, "/proc/%d/fd/4", pid);
        cr_expect(stat(path, &at) == 0 && S_ISREG(at.st_mode));
        cr_expect_eq(rings_mapped(pid), 1);
        seen++;
    }
    (void)fclose(children);
    cr_expect_eq(seen, 3);
    cr_expect_eq(rings_mapped(server), 0);
    for (size_t i = 0; i < sizeof d / sizeof *d; i++)
        kt_decode_close(&d[i]);
    fx_close();
}

Test(decode_walls, passwords_of_the_environment_do_not_reach_a_decoder)
{
    setenv("DATABASE_URL", "postgresql://u:s3cret@host/db", 1);
    setenv("AMQP_CONNECTION_STRING", "amqp://u:s3cret@host/", 1);
    fx_open();
    kt_decode_t *d     = open_long();
    const pid_t  child = fx_child_of(fx_server_process());
    char         path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)child);
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n  = read(fd, text, sizeof text);  // without the terminators of its strings it could not be searched
    cr_expect_gt(n, 0);
    cr_expect_null(memmem(text, (size_t)n, "s3cret", 6));
    close(fd);
    kt_decode_close(&d);
    fx_close();
}

Test(decode_walls, a_child_that_runs_models_gets_folders_and_the_gpu_but_no_password)
{
    char **list;
    bool   home = false, gpu = false;
    setenv("ANALYZER_API_TOKEN", "s3cret", 1);
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    setenv("HOME", "/home/x", 1);
    cr_assert_eq(kt_child_environment(KT_CHILD_MODELS, &list), KT_OK);
    for (size_t i = 0; list[i]; i++) {
        home = home || strcmp(list[i], "HOME=/home/x") == 0;
        gpu  = gpu || strcmp(list[i], "CUDA_VISIBLE_DEVICES=1") == 0;
        cr_expect_null(strstr(list[i], "s3cret"));
    }
    free(list);
    cr_expect(home && gpu);
}

Test(decode_walls, a_new_server_takes_over_after_some_hundred_files_while_old_files_go_on)
{
    enum { MOST = 600 };
    fx_open();
    kt_decode_t *old   = open_long();
    const pid_t  first = fx_child_of(getpid());
    pid_t        now   = first;
    int          files = 0;
    fx_wav("a.wav", 1, 16, 1, 8000, "\1\2\3\4\5\6\7\10", 8);
    for (; files < MOST && now == first; files++) {
        cr_assert_eq(fx_verdict("a.wav"), KT_OK);
        char path[64];
        int  last = 0, pid;
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *f = fopen(path, "re");
        while (fscanf(f, "%d", &pid) == 1)
            last = pid;
        (void)fclose(f);
        now = last;
    }
    cr_expect_lt(files, MOST, "a new process");
    kt_decoded_t got;
    cr_expect_eq(kt_decode_read(old, &got), KT_OK, "the old file is still decoded");
    cr_expect_eq(got.kind, KT_DECODED_SOUND);
    kt_decode_close(&old);
    cr_expect_eq(fx_verdict("a.wav"), KT_OK);
    fx_close();
}

Test(decode_walls, names_are_printed_in_order)
{
    char out[128];
    kt_walls_print(KT_WALL_CALLS | KT_WALL_NETWORK, out, sizeof out);
    cr_expect_str_eq(out, "seccomp, network");
    kt_walls_print(KT_WALLS_ALL, out, sizeof out);
    cr_expect_not_null(strstr(out, "oom-score"), "the longest fits: %s", out);
    kt_walls_print(0, out, sizeof out);
    cr_expect_str_eq(out, "");
}
