// Fuzzing the node's reader of decoder records: whatever a child sends, the caller gets checked facts and samples
// within bounds, or an error. This file takes the place of node/decode/server_client.c: the "child" sends the input as
// packets, each with its length before it, and closes.
#include "common/assert.h"
#include "common/buf.h"
#include "common/text.h"
#include "fuzz_main.h"
#include "node/decode/server_client.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH_BYTES = 2, READS_MAX = 64 };

static const uint8_t *input;
static size_t         input_bytes;

kt_err_t
kt_decode_server_send(kt_decode_server_t *self, const kt_decode_request_t *request, const int fds[KT_REQUEST_FDS],
                      int64_t deadline_ms)
{
    (void)self, (void)request, (void)deadline_ms;
    for (size_t at = 0; at + LENGTH_BYTES <= input_bytes;) {
        size_t length = input[at] | (size_t)input[at + 1] << 8;
        at += LENGTH_BYTES;
        length = length < input_bytes - at ? length : input_bytes - at;
        if (send(fds[KT_FD_CONTROL], input + at, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        at += length;
    }
    return KT_OK;
}

static void
check_text(const char *text, size_t capacity)
{
    size_t length = strnlen(text, capacity);
    kt_assert(length < capacity && kt_text_is_utf8(text, length));
}

// Every byte that a track may read is there.
static void
touch_planes(const kt_yuv_t *yuv)
{
    static volatile unsigned sum;
    for (uint32_t y = 0; y < yuv->height; y++)
        sum += yuv->y[y * yuv->y_stride] + yuv->y[y * yuv->y_stride + yuv->width - 1];
    for (uint32_t y = 0; y < (yuv->height + 1) / 2; y++)
        sum += yuv->u[y * yuv->c_stride] + yuv->v[y * yuv->c_stride + (yuv->width + 1) / 2 - 1];
}

static void
check_picture(const kt_video_frame_t *p)
{
    static double   last_s;
    static uint64_t next;
    kt_assert(p->index == 0 || (p->index == next && p->time_s >= last_s));
    next   = p->index + 1;
    last_s = p->time_s;
    kt_assert(isfinite(p->time_s) && p->small.width >= 1 && p->small.width <= KT_SMALL_MOST);
    kt_assert(p->n_vectors <= KT_VECTORS_MAX && (p->vectors || p->n_vectors == 0));
    kt_assert(((p->flags & KT_FRAME_SAMPLED) != 0) == (p->whole.width > 0));
    for (size_t i = 0; i < p->n_vectors; i++)
        kt_assert(p->vectors[i].backward <= 1);
    touch_planes(&p->small);
    if (p->whole.width > 0)
        touch_planes(&p->whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const kt_decode_limits_t limits = {.cpu_s = 1, .stall_ms = 60000, .wall_s = 60, .max_duration_s = 10};
    static kt_media_info_t   facts;
    kt_decode_t             *decode = NULL;
    const kt_decode_want_t   want   = {.sound = 1, .pictures = 1, .vectors = 1, .sample_hz = 1, .sample_max = 300};
    kt_decoded_t             piece  = {.kind = KT_DECODED_SOUND};
    input                           = bytes;
    input_bytes                     = length;
    kt_assert(kt_decode_open(NULL, STDIN_FILENO, &limits, &want, &decode) == KT_OK);
    kt_err_t err = kt_decode_media_info(decode, &facts);
    if (!err) {
        kt_assert(facts.tag_count <= KT_MEDIA_TAGS && isfinite(facts.duration_s) && facts.duration_s >= 0);
        kt_assert(!facts.has_audio || facts.audio_why[0] || (facts.channels >= 1 && facts.rate_hz >= 1));
        kt_assert(facts.channels <= KT_CHANNELS_MAX && facts.rate_hz <= KT_RATE_MAX_HZ);
        check_text(facts.container, sizeof facts.container);
        check_text(facts.audio_codec, sizeof facts.audio_codec);
        for (size_t i = 0; i < facts.tag_count; i++)
            check_text(facts.tags[i].value, sizeof facts.tags[i].value);
    }
    for (int reads = 0; !err && piece.kind != KT_DECODED_END && reads < READS_MAX; reads++) {
        err = kt_decode_read(decode, &piece);
        kt_assert(err || piece.frames * facts.channels * sizeof *piece.pcm <= KT_RING_SLOT_BYTES);
        if (!err && piece.kind == KT_DECODED_PICTURE)
            check_picture(&piece.picture);
    }
    kt_assert(!err || *kt_decode_why(decode));
    kt_decode_close(&decode);
    return 0;
}

static void
add_packet(kt_buf_t *out, const kt_decode_record_t *record, const void *description, size_t more)
{
    size_t  total                = sizeof *record + more;
    uint8_t prefix[LENGTH_BYTES] = {(uint8_t)total, (uint8_t)(total >> 8)};
    kt_buf_add(out, prefix, sizeof prefix);
    kt_buf_add(out, record, sizeof *record);
    if (more > 0)
        kt_buf_add(out, description, more);
}

static void
add_picture(kt_buf_t *out, uint32_t index, unsigned number)
{
    const kt_decode_picture_t picture = {.index        = index,
                                         .time_s       = .04 * index,
                                         .flags        = index % 2 ? KT_FRAME_SAMPLED : KT_FRAME_KEY,
                                         .whole_factor = 1,
                                         .width        = 320,
                                         .height       = 100 + number % 300,
                                         .whole_width  = 640 + number % 640,
                                         .whole_height = 360,
                                         .slot         = index,
                                         .large_slot   = KT_RING_SLOTS + index % KT_LARGE_SLOTS,
                                         .has_vectors  = number % 2,
                                         .vectors      = number % 2 ? number % 500 : 0};
    add_packet(out, &(kt_decode_record_t){.kind = KT_DECODE_PICTURE}, &picture, sizeof picture);
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    kt_buf_t        out;
    kt_media_info_t facts = {
        .container = "wav", .has_audio = true, .rate_hz = 44100, .channels = 1 + number % 8, .tag_count = 1};
    kt_buf_init(&out, 1 << 20);
    strcpy(facts.tags[0].key, "title");
    strcpy(facts.tags[0].value, "a");
    add_packet(&out, &(kt_decode_record_t){.kind = KT_DECODE_MEDIA_INFO}, &facts, KT_MEDIA_INFO_BYTES(1));
    add_packet(&out, &(kt_decode_record_t){.kind = KT_DECODE_PCM, .slot = number % 4, .bytes = 4096 * facts.channels},
               NULL, 0);
    for (uint32_t i = 0; i < number % 4; i++)
        add_picture(&out, i, number);
    if (number % 3 == 0)
        add_packet(&out, &(kt_decode_record_t){.kind = KT_DECODE_FAULT, .code = KT_EDAMAGED, .why = "why"}, NULL, 0);
    else if (number % 3 == 1)
        add_packet(&out, &(kt_decode_record_t){.kind = KT_DECODE_END}, &(kt_media_counts_t){.audio = {.damaged = 3}},
                   sizeof(kt_media_counts_t));
    add_packet(&out, &(kt_decode_record_t){.kind = KT_DECODE_EXIT, .code = 9, .cpu_us = 5}, NULL, 0);
    return (uint8_t *)kt_buf_take(&out, length);
}
