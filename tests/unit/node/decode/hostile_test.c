// A decoder that lies: the test program itself, started with KITHARA_DECODE_LIE, plays kithara-decode and breaks the
// protocol in one way. The client must come to an error, or to media info that is sound, and never to anything else.
#include "node/decode/protocol.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    kt_decode_record_t record;
    union {
        kt_media_info_t     media_info;
        kt_media_counts_t   counts;
        kt_decode_picture_t pictures[KT_BATCH_PICTURES + 1];
    };
} out;

static void
say(int fd, size_t bytes)
{
    (void)!send(fd, &out, bytes, MSG_NOSIGNAL);
}

static void
say_record(int fd, kt_decode_record_t record)
{
    out.record = record;
    say(fd, sizeof record);
}

static void
say_media_info(int fd, uint32_t rate_hz, uint32_t channels)
{
    out.record               = (kt_decode_record_t){.kind = KT_DECODE_MEDIA_INFO};
    out.media_info.has_audio = true;
    out.media_info.rate_hz   = rate_hz;
    out.media_info.channels  = channels;
    say(fd, sizeof out.record + KT_MEDIA_INFO_BYTES(out.media_info.tag_count));
}

static void
say_end(int fd)
{
    out.record = (kt_decode_record_t){.kind = KT_DECODE_END};
    out.counts = (kt_media_counts_t){0};
    say(fd, sizeof out.record + sizeof out.counts);
}

static void
say_wild_media_info(int fd)
{
    memset(&out.media_info, 0xff,
           KT_MEDIA_INFO_BYTES(2));  // texts without an end, flags of no value, numbers that are none
    out.media_info.tag_count    = 2;
    out.media_info.stream_count = 3;
    say_media_info(fd, 44100, 2);
    say_end(fd);
}

static void
say_pcm(int fd, uint32_t slot, uint32_t bytes)
{
    say_media_info(fd, 1000, 2);
    say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_PCM, .slot = slot, .bytes = bytes});
}

static void
say_pictures_from(int fd, size_t first, size_t n)
{
    out.record = (kt_decode_record_t){.kind = KT_DECODE_PICTURE};
    for (size_t i = 0; i < n; i++)
        out.pictures[i] = (kt_decode_picture_t){.index        = first + i,
                                                .time_s       = (double)(first + i) / 25,
                                                .width        = 4,
                                                .height       = 4,
                                                .whole_factor = 1,
                                                .slot         = (uint32_t)i};
    say(fd, sizeof out.record + n * sizeof *out.pictures);
}

// Pictures that the request does not ask for.
static void
say_pictures(int fd, size_t n)
{
    say_media_info(fd, 1000, 2);
    say_pictures_from(fd, 0, n);
}

// No lie: full packets, the second one after the slots of the first have come back in one record.
static void
say_full_packets(int fd)
{
    kt_decode_record_t back;
    say_pictures(fd, KT_BATCH_PICTURES);
    if (recv(fd, &back, sizeof back, 0) != sizeof back || back.kind != KT_DECODE_SLOT ||
        back.slots != (1u << KT_BATCH_PICTURES) - 1)
        return;
    say_pictures_from(fd, KT_BATCH_PICTURES, KT_BATCH_PICTURES);
    say_end(fd);
}

static void
lie(const char *how, int fd)
{
    if (!strcmp(how, "short"))
        say(fd, 5);
    else if (!strcmp(how, "kind"))
        say_record(fd, (kt_decode_record_t){.kind = 99});
    else if (!strcmp(how, "order"))
        say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_PCM, .bytes = 8});
    else if (!strcmp(how, "end"))
        say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_END});
    else if (!strcmp(how, "code"))
        say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_FAULT, .code = KT_OK});
    else if (!strcmp(how, "ledger"))
        say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_FAULT, .code = KT_ELOCKED});
    else if (!strcmp(how, "exit"))
        say_record(fd, (kt_decode_record_t){.kind = KT_DECODE_EXIT, .code = 0});
    else if (!strcmp(how, "rate"))
        say_media_info(fd, 0, 2);
    else if (!strcmp(how, "high"))
        say_media_info(fd, 768001, 2);
    else if (!strcmp(how, "channels"))
        say_media_info(fd, 44100, 65);
    else if (!strcmp(how, "tags")) {
        out.record               = (kt_decode_record_t){.kind = KT_DECODE_MEDIA_INFO};
        out.media_info.tag_count = UINT32_MAX;
        say(fd, sizeof out);
    } else if (!strcmp(how, "streams")) {
        out.media_info.stream_count = KT_MEDIA_STREAMS + 1;
        say_media_info(fd, 44100, 2);
    } else if (!strcmp(how, "few")) {
        out.record               = (kt_decode_record_t){.kind = KT_DECODE_MEDIA_INFO};
        out.media_info.tag_count = 3;
        say(fd, sizeof out.record + KT_MEDIA_INFO_BYTES(2));
    } else if (!strcmp(how, "wild"))
        say_wild_media_info(fd);
    else if (!strcmp(how, "twice")) {
        say_media_info(fd, 44100, 2);
        say_media_info(fd, 44100, 2);
    } else if (!strcmp(how, "slot"))
        say_pcm(fd, KT_RING_SLOTS, 8);
    else if (!strcmp(how, "none"))
        say_pcm(fd, 0, 0);
    else if (!strcmp(how, "odd"))
        say_pcm(fd, 0, 12);
    else if (!strcmp(how, "large"))
        say_pcm(fd, 0, KT_RING_SLOT_BYTES + 8);
    else if (!strcmp(how, "long"))
        say_pcm(fd, 0, 8 * 2000);
    else if (!strcmp(how, "picture"))
        say_pictures(fd, 1);
    else if (!strcmp(how, "no picture"))
        say_pictures(fd, 0);
    else if (!strcmp(how, "crowd"))
        say_pictures(fd, KT_BATCH_PICTURES + 1);
    else if (!strcmp(how, "full"))
        say_full_packets(fd);
}

// Takes requests until the client disconnects; answers each with the forged record and disconnects.
static void
play_server(const char *how)
{
    union {
        struct cmsghdr align;
        char           bytes[CMSG_SPACE(KT_REQUEST_FDS * sizeof(int))];
    } rights;
    kt_decode_request_t request;
    struct iovec        part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    say_record(KT_DECODE_FD, (kt_decode_record_t){.kind = KT_DECODE_HELLO, .code = KT_DECODE_VERSION});
    while (recvmsg(KT_DECODE_FD, &msg, 0) == sizeof request) {
        int fds[KT_REQUEST_FDS];
        memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fds);
        lie(how, fds[KT_FD_CONTROL]);
        for (int i = 0; i < KT_REQUEST_FDS; i++)
            close(fds[i]);
        msg.msg_controllen = sizeof rights;
    }
}

__attribute__((constructor)) static void
become_server(void)
{
    const char *how = getenv("KITHARA_DECODE_LIE");
    if (!how)
        return;
    play_server(how);
    _exit(0);
}

static void
decode_lie(const char *how, fx_decoded_t *d)
{
    kt_decode_limits_t limits = FX_LIMITS;
    limits.max_duration_s     = 1;
    fx_open_plain();
    setenv("KITHARA_DECODE_LIE", how, 1);
    cr_assert_eq(kt_decode_server_new(&fx_server, "/proc/self/exe"), KT_OK);
    unsetenv("KITHARA_DECODE_LIE");
    fx_write("any", "x", 1);
    fx_decode("any", &limits, d);
    fx_free(d);
    fx_close();
}

static void
expect_lie(const char *how, kt_err_t err)
{
    static fx_decoded_t d;
    decode_lie(how, &d);
    cr_expect_eq(d.err, err, "%s: %s: %s", how, kt_err_name(d.err), d.why);
}

Test(decode_hostile, records_of_a_wrong_size_kind_or_order_are_refused)
{
    expect_lie("short", KT_EDECODER);
    expect_lie("kind", KT_EDECODER);
    expect_lie("order", KT_EDECODER);
    expect_lie("end", KT_EDECODER);
    expect_lie("twice", KT_EDECODER);
    expect_lie("exit", KT_EDECODER);
}

Test(decode_hostile, codes_that_are_no_decoders_business_are_refused)
{
    expect_lie("code", KT_EDECODER);
    expect_lie("ledger", KT_EDECODER);
}

Test(decode_hostile, streams_out_of_range_are_refused)
{
    expect_lie("rate", KT_ESTREAM);
    expect_lie("high", KT_ESTREAM);
    expect_lie("channels", KT_ESTREAM);
}

Test(decode_hostile, slots_and_lengths_that_cannot_be_are_refused)
{
    expect_lie("tags", KT_EDECODER);
    expect_lie("streams", KT_EDECODER);
    expect_lie("few", KT_EDECODER);
    expect_lie("slot", KT_EDECODER);
    expect_lie("none", KT_EDECODER);
    expect_lie("odd", KT_EDECODER);
    expect_lie("large", KT_EDECODER);
    expect_lie("picture", KT_EDECODER);
    expect_lie("no picture", KT_EDECODER);
    expect_lie("crowd", KT_EDECODER);
}

Test(decode_hostile, full_packets_of_pictures_are_read_in_order_and_their_slots_returned_at_once)
{
    fx_open_plain();
    setenv("KITHARA_DECODE_LIE", "full", 1);
    cr_assert_eq(kt_decode_server_new(&fx_server, "/proc/self/exe"), KT_OK);
    unsetenv("KITHARA_DECODE_LIE");
    fx_write("any", "x", 1);
    fx_film_t *film = fx_film("any", &FX_FILM, &FX_LIMITS);
    cr_expect_eq(film->err, KT_OK, "%s: %s", kt_err_name(film->err), film->why);
    cr_assert_eq(film->pictures, 2 * (size_t)KT_BATCH_PICTURES);
    for (size_t i = 0; i < film->pictures; i++)
        cr_expect_eq(film->picture[i].index, i);
    fx_film_free(film);
    fx_close();
}

Test(decode_hostile, sound_beyond_the_limit_is_refused_by_the_client_too)
{
    expect_lie("long", KT_ETOOLONG);
}

Test(decode_hostile, silence_on_the_line_is_the_servers_death)
{
    expect_lie("nothing", KT_ESYSTEM);
}

Test(decode_hostile, wild_media_info_are_tidied)
{
    static fx_decoded_t d;
    decode_lie("wild", &d);
    cr_expect_eq(d.media_info_err, KT_OK);
    cr_expect_eq(d.err, KT_OK);
    cr_expect_eq(d.media_info.duration_s, 0);
    cr_expect_eq(d.media_info.aspect_ratio, 0);
    cr_expect_lt(strnlen(d.media_info.container, KT_MEDIA_TEXT), KT_MEDIA_TEXT);
    cr_expect_lt(strnlen(d.media_info.tags[1].value, KT_MEDIA_TAG_VALUE), KT_MEDIA_TAG_VALUE);
    cr_expect_eq(strncmp(d.media_info.container, "\xef\xbf\xbd", 3), 0);
    cr_expect_eq((int)d.media_info.has_cover_art, 1);
    cr_expect_eq(d.media_info.tags[2].key[0], '\0');
    cr_expect_lt(strnlen(d.media_info.stream[2].codec, KT_MEDIA_TEXT), KT_MEDIA_TEXT);
    cr_expect_eq((int)d.media_info.stream[2].forced, 1);
    cr_expect_eq(d.media_info.stream[3].kind[0], '\0');
    cr_expect_eq(d.media_info.rotation, 0);
}
