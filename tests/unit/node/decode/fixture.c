#include "tests/unit/node/decode/fixture.h"

#include "common/clock.h"
#include "node/decode/walls.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

kt_decode_server_t *fx_server;
char                fx_folder[64];

const kt_decode_want_t   FX_SOUND  = {.sound = 1};
const kt_decode_limits_t FX_LIMITS = {
    .memory_bytes = 512u << 20, .cpu_s = 60, .stall_ms = 20000, .wall_s = 60, .max_duration_s = 3600};

void
fx_open_plain(void)
{
    (void)snprintf(fx_folder, sizeof fx_folder, "/tmp/kithara-test-XXXXXX");
    cr_assert_not_null(mkdtemp(fx_folder));
}

void
fx_open(void)
{
    fx_open_plain();
    cr_assert_eq(kt_decode_server_new(&fx_server, NULL), KT_OK, "kithara-decode must lie beside the test program");
}

void
fx_close(void)
{
    char command[128];
    kt_decode_server_destroy(&fx_server);
    kt_decode_server_destroy(&fx_server);  // idempotent
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fx_folder);
    cr_assert_eq(system(command), 0);
}

const char *
fx_path(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", fx_folder, name);
    return path;
}

void
fx_write(const char *name, const void *bytes, size_t length)
{
    FILE *f = fopen(fx_path(name), "wbe");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, length, f), length);
    cr_assert_eq(fclose(f), 0);
}

size_t
fx_read(const char *name, void *bytes, size_t capacity)
{
    FILE *f = fopen(fx_path(name), "rbe");
    cr_assert_not_null(f);
    size_t n = fread(bytes, 1, capacity, f);
    (void)fclose(f);
    return n;
}

void
fx_ffmpeg(const char *arguments, const char *name)
{
    char command[1024];
    int  n =
        snprintf(command, sizeof command, "cd '%s' && ffmpeg -v error -nostdin -y %s '%s'", fx_folder, arguments, name);
    cr_assert(n > 0 && (size_t)n < sizeof command);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void
put(unsigned char *at, unsigned value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

void
fx_wav(const char *name, unsigned tag, unsigned bits, unsigned channels, unsigned rate_hz, const void *samples,
       size_t bytes)
{
    unsigned char *file  = calloc(1, 44 + bytes);
    unsigned       block = channels * bits / 8;
    cr_assert_not_null(file);
    memcpy(file, "RIFF----WAVEfmt ", 16);
    put(file + 4, (unsigned)bytes + 36, 4);
    put(file + 16, 16, 4);
    put(file + 20, tag, 2);
    put(file + 22, channels, 2);
    put(file + 24, rate_hz, 4);
    put(file + 28, rate_hz * block, 4);
    put(file + 32, block, 2);
    put(file + 34, bits, 2);
    memcpy(file + 36, "data", 4);
    put(file + 40, (unsigned)bytes, 4);
    if (bytes)
        memcpy(file + 44, samples, bytes);
    fx_write(name, file, 44 + bytes);
    free(file);
}

static void
read_all(kt_decode_t *self, fx_decoded_t *out)
{
    kt_decoded_t piece;
    while (out->err == KT_OK) {
        out->err = kt_decode_read(self, &piece);
        if (out->err != KT_OK || piece.kind == KT_DECODED_END)
            break;
        if (piece.kind != KT_DECODED_SOUND)
            continue;
        size_t channels = out->media_info.channels, frames = piece.frames;
        out->pcm = realloc(out->pcm, (out->frames + frames) * channels * sizeof(float));
        cr_assert_not_null(out->pcm);
        memcpy(out->pcm + out->frames * channels, piece.pcm, frames * channels * sizeof(float));
        out->frames += frames;
    }
}

void
fx_decode(const char *name, const kt_decode_limits_t *limits, fx_decoded_t *out)
{
    kt_decode_t *self = NULL;
    int          fd   = open(fx_path(name), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", name);
    memset(out, 0, sizeof *out);
    cr_assert_eq(kt_decode_open(fx_server, fd, limits, &FX_SOUND, &self), KT_OK);
    close(fd);  // the server has its own
    out->media_info_err = out->err = kt_decode_media_info(self, &out->media_info);
    read_all(self, out);
    out->damaged = kt_decode_counts(self)->audio.damaged;
    kt_decode_usage(self, &out->peak_bytes, &out->cpu_s);
    (void)snprintf(out->why, sizeof out->why, "%s", kt_decode_why(self));
    kt_decode_close(&self);
    kt_decode_close(&self);  // idempotent
}

kt_err_t
fx_verdict(const char *name)
{
    fx_decoded_t decoded;
    fx_decode(name, &FX_LIMITS, &decoded);
    fx_free(&decoded);
    return decoded.err;
}

void
fx_free(fx_decoded_t *decoded)
{
    free(decoded->pcm);
    decoded->pcm = NULL;
}

pid_t
fx_first_child(pid_t parent)
{
    char path[64];
    int  pid = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    if (fscanf(f, "%d", &pid) != 1)
        pid = 0;
    (void)fclose(f);
    return pid;
}

pid_t
fx_child_of(pid_t parent)
{
    pid_t pid = 0;
    for (int64_t deadline_ms = kt_clock_ms() + 10000; !pid && kt_clock_ms() < deadline_ms;)
        pid = fx_first_child(parent);
    cr_assert_gt(pid, 0, "no child process of %d", (int)parent);
    return pid;
}

pid_t
fx_server_process(void)
{
    const pid_t started = fx_child_of(getpid());
    return kt_decode_server_walls(fx_server) & KT_WALL_PROCESSES ? fx_child_of(started) : started;
}

size_t
fx_open_fds(pid_t pid)
{
    char   path[64];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    cr_assert_not_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

size_t
fx_open_fds_settled(pid_t pid, size_t most)
{
    size_t  count       = fx_open_fds(pid);
    int64_t deadline_ms = kt_clock_ms() + 10000;
    while (count > most && kt_clock_ms() < deadline_ms)
        count = fx_open_fds(pid);
    return count;
}
