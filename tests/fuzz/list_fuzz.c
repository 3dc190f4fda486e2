// Fuzzing the lists of backfills: chunks of any bytes, whose sizes the first bytes choose, give rows within the bounds,
// each a path as texts or a refusal, and come to an end.
#include "common/assert.h"
#include "common/text.h"
#include "coordinator/backfill/source.h"
#include "fuzz_main.h"

enum { CHUNKS = 4, HEAD = CHUNKS };

typedef struct list {
    const uint8_t *bytes;
    size_t         length, begin[CHUNKS + 1];
} list_t;

static kt_err_t
read_chunk(void *context, uint64_t chunk, char **bytes, size_t *length)
{
    const list_t *list = context;
    if (chunk >= CHUNKS)
        return KT_ENOTFOUND;
    *length = list->begin[chunk + 1] - list->begin[chunk];
    *bytes  = malloc(*length ? *length : 1);
    kt_assert(*bytes);
    memcpy(*bytes, list->bytes + list->begin[chunk], *length);
    return KT_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    kt_backfill_source_t *source = NULL;
    kt_backfill_t         b      = {.id = 1, .kind = KT_BACKFILL_LIST, .chunks = CHUNKS};
    list_t                list   = {.bytes = bytes, .length = length};
    char                  why[KT_SOURCE_WHY];
    if (length < HEAD)
        return 0;
    list.begin[0] = HEAD;
    for (size_t i = 0; i < CHUNKS; i++) {
        const size_t left = length - list.begin[i], wanted = i + 1 == CHUNKS ? left : bytes[i];
        list.begin[i + 1] = list.begin[i] + (wanted < left ? wanted : left);
    }
    if (kt_backfill_source_new(&source, &b, "/nowhere", read_chunk, &list, why))
        return 0;
    kt_backfill_page_t page  = {0};
    kt_err_t           err   = KT_OK;
    size_t             turns = 0;
    do {
        kt_backfill_path_t *paths = NULL;
        err                       = kt_backfill_source_page(source, &page, &paths);
        for (size_t i = 0; !err && i < page.n; i++)
            kt_assert(kt_text_is_utf8(paths[i].path, strlen(paths[i].path)));
        kt_assert(err || page.n <= KT_BACKFILL_PAGE);
        kt_assert(++turns < length + CHUNKS + 2);
    } while (!err && !page.last);
    kt_backfill_source_destroy(&source);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char LIST[] = "\xef\xbb\xbf/music/a.mp3\n/music/b%20c.mp3\r\n\n# no comment\nfile:///music/x%FF.mp3\n"
                               "https://host/a.mp3?sig=b\nrelative.mp3\n/music/\xff.mp3\0/music/d.mp3\0";
    const size_t      cut    = sizeof LIST - 1;
    uint8_t          *out    = malloc(HEAD + cut);
    kt_assert(out);
    for (size_t i = 0; i < HEAD; i++)
        out[i] = (uint8_t)(number * (i + 3) % (cut / 2));
    memcpy(out + HEAD, LIST, cut);
    *length = HEAD + cut;
    return out;
}
