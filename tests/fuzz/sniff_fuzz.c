// Fuzzing the recognition of formats: any bytes are refused, or name a demuxer of the list and a beginning within them.
// Tags and what the structure says about the length are read too.
#include "common/assert.h"
#include "fuzz_main.h"
#include "node/decoder/extent.h"
#include "node/decoder/further_tags.h"
#include "node/decoder/id3.h"
#include "node/decoder/sniff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static kt_id3_t id3;
    kt_extent_t     extent;
    kt_sniffed_t    out;
    kt_input_t      input;
    char            why[KT_SNIFF_WHY];
    int             fd = memfd_create("sniff", MFD_CLOEXEC);
    kt_assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    kt_assert(kt_input_init(&input, fd) == KT_OK);
    kt_assert(kt_id3_read(&input, &id3) == KT_OK && id3.tag_count <= KT_MEDIA_TAGS);
    kt_assert(id3.sound == 0 || id3.sound < length);
    for (uint32_t i = 0; i < id3.tag_count; i++)
        kt_assert(memchr(id3.tags[i].key, 0, KT_MEDIA_TAG_KEY) && memchr(id3.tags[i].value, 0, KT_MEDIA_TAG_VALUE) &&
                  id3.first_end[i] <= strlen(id3.tags[i].value));
    kt_err_t err = kt_sniff(&input, 0, &out, why);
    kt_assert(memchr(why, 0, sizeof why));
    if (err == KT_OK) {
        kt_assert(strstr(KT_SNIFF_DEMUXERS, out.demuxer) && *out.container);
        kt_assert(out.start < length);
        kt_assert(kt_extent_find(&input, &out, &extent) == KT_OK && extent.what && extent.unmarked && extent.by);
        kt_assert(kt_further_tags_read(&input, &out, &id3) == KT_OK && id3.tag_count <= KT_MEDIA_TAGS);
        (void)!kt_sniff_further(&input, 0, &out);
        kt_assert(out.start < length);
    }
    close(fd);
    return 0;
}

enum { SEED_BYTES = 4096 };

typedef struct seed {
    const char *bytes;
    size_t      length, step;  // step: repeated at this distance; 0: at the beginning alone
} seed_t;

#define SEED(bytes, step)                                                                                              \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1, step                                                                                 \
    }

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const seed_t SEEDS[] = {
        SEED("\0\0\1\xba\x21\0\1\0\1\xc3\x33\x67\0\0\1\xbb\0\x09", 0),
        SEED("\0\0\1\xba\x44\0\4\0\4\1\1\x89\xc3\xf8\0\0\1\xe0\7\xec", 2048),
        SEED("\0\0\1\xb3\x18\1\x20\x13\xff\xff\xe0\x88", 0),
        SEED("\x47\x41\0\x10", 188),
        SEED("\0\0\0\0\x47\x41\0\x10", 192),
        SEED("\xff\xfb\x90\x00", 417),
        SEED("\xff\xf1\x50\x80\x0f\xff\xfc", 127),
        SEED("ID3\4\0\0\0\0\0\x20", 0),
        SEED("ID3\4\0\0\0\0\0\x20TPE1\0\0\0\x06\0\0\3A\0B\0CTXXX\0\0\0\4\0\0\3k\0v", 0),
        SEED("ID3\3\0\x80\0\0\0\x20TIT2\0\0\0\5\0\0\1\xff\0\xfe\x41\0\xff\xfb\x90\0", 0),
        SEED("ID3\2\0\0\0\0\0\x20TT2\0\0\3\0ABTXX\0\0\4\0k\0v", 0),
        SEED("\x0b\x77\x12\x34\x14\x40\x43", 512),
        SEED("wvpk\0\x10\0\0\7\4", 0),
        SEED("RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\2\0\x44\xac\0\0\x10\xb1\2\0\4\0\x10\0data", 0),
        SEED("\0\0\0\x10"
             "ftypisom\0\0\0\0\0\0\0\x08"
             "free\0\0\0\x08moov",
             0),
        SEED("#EXTM3U\n#EXTINF:5,\nfile:///a\n", 0),
        SEED("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm", 0),
    };
    const seed_t *seed = &SEEDS[number % (sizeof SEEDS / sizeof *SEEDS)];
    uint8_t      *out  = calloc(1, SEED_BYTES);
    kt_assert(out);
    for (size_t at = 0; at + seed->length <= SEED_BYTES && (at == 0 || seed->step); at += seed->step ? seed->step : 1)
        memcpy(out + at, seed->bytes, seed->length);
    *length = SEED_BYTES;
    return out;
}
