// decode_bench -- what the start of a decoder costs per file, with its walls: a child of the fork server, as the node
// has it, and a program that is executed for each file, which has an address layout of its own. Each file is a WAV of
// one millisecond in memory, opened, recognised and closed, so that nearly all of the time is the start.
//
//   decode_bench DECODE-PROGRAM [FILES]
//
// The two are measured in turn, in groups; a row is the median of the groups. Prints last `decode ratio=X`: the time of
// the executed program over that of the fork server.
#include "common/clock.h"
#include "node/decode/client.h"
#include "node/decode/walls.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GROUPS = 11, FILES = 20, RATE_HZ = 8000, SAMPLES = 8, HEAD_BYTES = 44, WALLS_TEXT = 128 };

static const kt_decode_limits_t LIMITS = {
    .memory_bytes   = 512 << 20,
    .cpu_s          = 10,
    .stall_ms       = 10000,
    .wall_s         = 20,
    .max_duration_s = 3600,
    .search_bytes   = 1 << 20,
};
static const kt_decode_want_t SOUND = {.sound = 1};

static void
check(kt_err_t err, const char *what)
{
    if (!err)
        return;
    fprintf(stderr, "decode_bench: %s: %s\n", what, kt_err_name(err));
    exit(EXIT_FAILURE);
}

// A WAV of 16 bits; little-endian machines only, as all that Kithara is built for.
static int
make_wav(void)
{
    const uint32_t data = SAMPLES * sizeof(int16_t), riff = HEAD_BYTES - 8 + data, format = 16, rate = RATE_HZ,
                   per_s          = RATE_HZ * sizeof(int16_t);
    const uint16_t layout[]       = {1, 1};
    const uint16_t block[]        = {sizeof(int16_t), 16};
    const int16_t  zeros[SAMPLES] = {0};
    int            fd             = memfd_create("decode_bench", MFD_CLOEXEC);
    FILE          *file           = fd < 0 ? NULL : fdopen(dup(fd), "we");
    if (!file)
        check(KT_ESYSTEM, "memfd_create");
    fwrite("RIFF", 1, 4, file), fwrite(&riff, 4, 1, file), fwrite("WAVEfmt ", 1, 8, file);
    fwrite(&format, 4, 1, file), fwrite(layout, 2, 2, file), fwrite(&rate, 4, 1, file), fwrite(&per_s, 4, 1, file);
    fwrite(block, 2, 2, file), fwrite("data", 1, 4, file), fwrite(&data, 4, 1, file), fwrite(zeros, 1, data, file);
    if (fclose(file))
        check(KT_EIO, "the file");
    return fd;
}

static void
start_decoder(kt_decode_server_t *server, int fd)
{
    kt_decode_t    *decode = NULL;
    kt_media_info_t info;
    check(kt_decode_open(server, fd, &LIMITS, &SOUND, &decode), "open");
    check(kt_decode_media_info(decode, &info), "media info");
    kt_decode_close(&decode);
}

static void
start_program(const char *program, int fd)
{
    kt_decode_server_t *server = NULL;
    check(kt_decode_server_new(&server, program), program);
    start_decoder(server, fd);
    kt_decode_server_destroy(&server);
}

static int
compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
print_row(const char *name, double ms[GROUPS])
{
    qsort(ms, GROUPS, sizeof *ms, compare);
    printf("%-28s %6.2f ms per file (%.2f to %.2f)\n", name, ms[GROUPS / 2], ms[0], ms[GROUPS - 1]);
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: decode_bench DECODE-PROGRAM [FILES]\n");
        return 2;
    }
    kt_decode_server_t *server = NULL;
    const int           fd     = make_wav();
    const long          files  = argc > 2 && atol(argv[2]) > 0 ? atol(argv[2]) : FILES;
    double              forked[GROUPS], executed[GROUPS];
    check(kt_decode_server_new(&server, argv[1]), argv[1]);
    start_decoder(server, fd);  // pages of the program come in
    for (int group = 0; group < GROUPS; group++) {
        int64_t begin_us = kt_clock_us();
        for (long i = 0; i < files; i++)
            start_decoder(server, fd);
        forked[group] = (double)(kt_clock_us() - begin_us) / 1e3 / (double)files;
        begin_us      = kt_clock_us();
        for (long i = 0; i < files; i++)
            start_program(argv[1], fd);
        executed[group] = (double)(kt_clock_us() - begin_us) / 1e3 / (double)files;
    }
    char missing[WALLS_TEXT] = "";
    kt_walls_print(KT_WALLS_ALL & ~kt_decode_server_walls(server), missing, sizeof missing);
    printf("walls that are missing here: %s\n", *missing ? missing : "none");
    print_row("a child of the fork server", forked);
    print_row("fork and exec for each file", executed);
    printf("decode ratio=%.2f\n", executed[GROUPS / 2] / forked[GROUPS / 2]);
    kt_decode_server_destroy(&server);
    close(fd);
    return 0;
}
