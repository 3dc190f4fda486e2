// Limits of FFmpeg that a file exceeds are the file's, and a failed allocation is the memory limit's: FFmpeg returns
// the same code for both.
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 };

TestSuite(decode_limits, .init = fx_open, .fini = fx_close);

static uint8_t bytes[BYTES_MAX];
static size_t  length;

static void
put(const void *data, size_t n)
{
    cr_assert_lt(length + n, sizeof bytes);
    memcpy(bytes + length, data, n);
    length += n;
}

// An element of Matroska with an id of `id_bytes` bytes; returns where its size of four bytes has to be set.
static size_t
open_element(uint32_t id, int id_bytes)
{
    const uint8_t big[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    put(big + 4 - id_bytes, (size_t)id_bytes);
    put("\x10\0\0\0", 4);
    return length;
}

static void
close_element(size_t from)
{
    const size_t n  = length - from;
    bytes[from - 4] = (uint8_t)(0x10 | n >> 24), bytes[from - 3] = (uint8_t)(n >> 16);
    bytes[from - 2] = (uint8_t)(n >> 8), bytes[from - 1] = (uint8_t)n;
}

static void
put_text(uint32_t id, int id_bytes, const char *text)
{
    size_t at = open_element(id, id_bytes);
    put(text, strlen(text));
    close_element(at);
}

static void
put_number(uint32_t id, int id_bytes, unsigned number)
{
    size_t        at     = open_element(id, id_bytes);
    const uint8_t big[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    put(big, sizeof big);
    close_element(at);
}

// Tracks of raw samples, and one block of the first one.
static void
make_matroska(unsigned streams)
{
    static const uint8_t BLOCK[4 + 4000] = {0x81, 0, 0, 0x80};
    length                               = 0;
    size_t head                          = open_element(0x1a45dfa3, 4);
    put_text(0x4282, 2, "matroska");
    close_element(head);
    size_t segment = open_element(0x18538067, 4), tracks = open_element(0x1654ae6b, 4);
    for (unsigned i = 1; i <= streams; i++) {
        size_t track = open_element(0xae, 1);
        put_number(0xd7, 1, i);
        put_number(0x73c5, 2, i);
        put_number(0x83, 1, 2);  // sound
        put_text(0x86, 1, "A_PCM/INT/LIT");
        size_t sound = open_element(0xe1, 1), rate = open_element(0xb5, 1);
        put("\x45\xfa\0\0", 4);  // 8000 as a float
        close_element(rate);
        put_number(0x9f, 1, 1);
        put_number(0x6264, 2, 16);
        close_element(sound);
        close_element(track);
    }
    close_element(tracks);
    size_t cluster = open_element(0x1f43b675, 4);
    put_number(0xe7, 1, 0);
    size_t block = open_element(0xa3, 1);
    put(BLOCK, sizeof BLOCK);
    close_element(block);
    close_element(cluster);
    close_element(segment);
    fx_write("a.mkv", bytes, length);
}

static size_t
open_box(const char *name)
{
    put("\0\0\0\0", 4);
    put(name, 4);
    return length - 8;
}

static void
close_box(size_t from)
{
    const size_t  n      = length - from;
    const uint8_t big[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    memcpy(bytes + from, big, sizeof big);
}

// A demuxer that logs more after the limit.
static void
make_mp4(unsigned streams)
{
    length      = 0;
    size_t type = open_box("ftyp");
    put("isom\0\0\2\0isomiso2mp41", 20);
    close_box(type);
    size_t movie = open_box("moov");
    for (unsigned i = 0; i < streams; i++) {
        size_t track = open_box("trak"), media = open_box("mdia");
        close_box(media);
        close_box(track);
    }
    close_box(movie);
    fx_write("a.mp4", bytes, length);
}

// A table of chunks whose entries are not there: 8 bytes of memory are taken for each.
static void
make_claim(unsigned entries)
{
    static const char *const NAMES[]  = {"moov", "trak", "mdia", "minf", "stbl", "stco"};
    const uint8_t            claim[8] = {
                   0, 0, 0, 0, (uint8_t)(entries >> 24), (uint8_t)(entries >> 16), (uint8_t)(entries >> 8), (uint8_t)entries};
    size_t at[6], type;
    length = 0;
    type   = open_box("ftyp");
    put("isom\0\0\2\0isomiso2mp41", 20);
    close_box(type);
    for (size_t i = 0; i < 6; i++)
        at[i] = open_box(NAMES[i]);
    put(claim, sizeof claim);
    for (size_t i = 6; i-- > 0;)
        close_box(at[i]);
    fx_write("a.mp4", bytes, length);
}

static void
make_large_film(unsigned side)
{
    char arguments[128];
    (void)snprintf(arguments, sizeof arguments, "-f lavfi -i color=red:size=%ux%u:rate=5:duration=1 -c:v mjpeg", side,
                   side);
    fx_ffmpeg(arguments, "a.avi");
}

static const struct row {
    const char *name;
    void (*make)(unsigned);
    unsigned    number;
    uint64_t    memory_mb;
    kt_err_t    err;
    const char *why;
} ROWS[] = {
    {"a.mkv", make_matroska, 1000, 512, KT_OK, ""},
    {"a.mkv", make_matroska, 1001, 512, KT_EFORMAT, "at most 1000 streams"},
    {"a.mkv", make_matroska, 8000, 512, KT_EFORMAT, "at most 1000 streams"},
    {"a.mp4", make_mp4, 1001, 512, KT_EFORMAT, "at most 1000 streams"},
    {"a.mp4", make_claim, 0x0fffffff, 512, KT_EDAMAGED, "more entries than the file holds"},
    {"a.avi", make_large_film, 4000, 512, KT_OK, ""},
    {"a.avi", make_large_film, 4000, 24, KT_EDECMEM, ""},
};

Test(decode_limits, what_a_file_has_too_many_of_is_told_from_memory_that_is_refused)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct row  *row    = &ROWS[i];
        kt_decode_limits_t limits = FX_LIMITS;
        limits.memory_bytes       = row->memory_mb << 20;
        row->make(row->number);
        fx_film_t *film = fx_film(row->name, &FX_FILM, &limits);
        cr_expect_eq(film->err, row->err, "row %zu: %s, %s", i, kt_err_name(film->err), film->why);
        cr_expect(strstr(film->why, row->why), "row %zu: %s", i, film->why);
        fx_film_free(film);
    }
}
