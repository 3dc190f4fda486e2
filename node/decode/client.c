#include "node/decode/client.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/text.h"
#include "node/decode/server_client.h"
#include "node/decode/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// GRACE_MS: the server keeps the wall-clock limit; this long after it the client stops waiting for the record.
// GOODBYE_MS: longest wait for a child's exit after its last record.
enum { GRACE_MS = 2000, GOODBYE_MS = 2000 };

typedef enum state { FRESH, READING, ENDED } state_t;

struct kt_decode {
    int                 control_fd;
    const uint8_t      *ring;
    bool                pictures;  // wanted: the ring has large slots
    float              *pcm;       // everything is copied out of the ring: the child could change it while it is read
    uint8_t            *small, *whole;
    size_t              whole_bytes;
    kt_motion_vector_t *vectors;
    state_t             state;
    kt_err_t            err;  // sticky
    char                why[KT_WHY_BYTES];
    kt_decode_limits_t  limits;
    int64_t             wall_ms;  // when the wall-clock limit is reached
    uint32_t            rate_hz, channels;
    kt_media_counts_t   counts;
    uint64_t            frames, peak_bytes, cpu_us;
    uint64_t            n_pictures;
    double              first_s;       // time of the first picture
    uint32_t            batch, taken;  // pictures of the record that came last; those that were read
    uint32_t            free_slots;    // read and not yet returned, a bit each
    kt_decode_picture_t last;          // that was accepted
    struct {
        kt_decode_record_t record;
        union {
            kt_media_info_t     media_info;
            kt_media_counts_t   counts;
            kt_decode_picture_t pictures[KT_BATCH_PICTURES];
        };
    } in;  // the record that came last
};

static kt_err_t
decode_fail(kt_decode_t *self, kt_err_t err, const char *why)
{
    self->state = ENDED;
    self->err   = err;
    why         = *why ? why : kt_err_text(err);
    (void)kt_text_sanitize(self->why, sizeof self->why, why, strnlen(why, KT_WHY_BYTES));
    return err;
}

// The next record into self->in, with its length. KT_ETIME; KT_ECLOSED: child and server have closed the socket;
// KT_ESYSTEM.
static kt_err_t
receive_record(kt_decode_t *self, int64_t deadline_ms, size_t *bytes)
{
    for (;;) {
        ssize_t n = recv(self->control_fd, &self->in, sizeof self->in, MSG_DONTWAIT | MSG_TRUNC);
        if (n >= 0) {
            *bytes = (size_t)n;
            return n ? KT_OK : KT_ECLOSED;
        }
        // The other end was closed with unread slots; the records that it had sent before are still to be read.
        if (errno == ECONNRESET)
            continue;
        if (errno != EAGAIN && errno != EINTR)
            return KT_ESYSTEM;
        int64_t       left = deadline_ms - kt_clock_ms();
        struct pollfd one  = {.fd = self->control_fd, .events = POLLIN};
        if (left <= 0)
            return KT_ETIME;
        if (poll(&one, 1, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
            return KT_ESYSTEM;
    }
}

static void
store_usage(kt_decode_t *self)
{
    self->peak_bytes = self->in.record.peak_bytes;
    self->cpu_us     = self->in.record.cpu_us;
}

// After the child's last record: its exit, for the usage. Other records are ignored.
static void
await_exit(kt_decode_t *self)
{
    size_t  bytes;
    int64_t deadline_ms = kt_clock_ms() + GOODBYE_MS;
    while (receive_record(self, deadline_ms, &bytes) == KT_OK) {
        if (bytes == sizeof self->in.record && self->in.record.kind == KT_DECODE_EXIT) {
            store_usage(self);
            return;
        }
    }
}

// A child that ended without END or FAULT.
static kt_err_t
judge_exit(kt_decode_t *self)
{
    int  status = self->in.record.code;
    char why[64];
    store_usage(self);
    if (self->in.record.out_of_time)
        return decode_fail(self, KT_EDECWALL, "killed at the wall-clock limit");
    int  signal  = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    bool all_cpu = self->cpu_us >= (uint64_t)self->limits.cpu_s * 1000000u;
    if (signal == SIGXCPU || (signal == SIGKILL && all_cpu))
        return decode_fail(self, KT_EDECCPU, "killed at the CPU time limit");
    if (signal == SIGSYS)
        return decode_fail(self, KT_EDECODER, "killed for a forbidden system call");
    (void)snprintf(why, sizeof why, signal ? "killed by signal %d" : "ended with status %d",
                   signal ? signal : WEXITSTATUS(status));
    return decode_fail(self, KT_EDECODER, why);
}

static kt_err_t
accept_fault(kt_decode_t *self)
{
    // The codes that a child may send.
    static const kt_err_t codes[] = {KT_EEMPTY,      KT_EFORMAT, KT_ETEXT,     KT_EPLAYLIST, KT_ETRUNCATED,
                                     KT_ENOAUDIO,    KT_ECODEC,  KT_EDAMAGED,  KT_ETOOLONG,  KT_ESTREAM,
                                     KT_EDECMEM,     KT_EIO,     KT_ESYSTEM,   KT_EFULL,     KT_ENOMEM,
                                     KT_ENOTREGULAR, KT_EDECCPU, KT_EPROTECTED};
    kt_err_t              err     = KT_EDECODER;
    char                  why[KT_WHY_BYTES];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (self->in.record.code == (int32_t)codes[i])
            err = codes[i];
    memcpy(why, self->in.record.why, sizeof why);
    why[sizeof why - 1] = '\0';
    await_exit(self);
    // Out of memory for the child means out of its limit.
    return decode_fail(self, err == KT_ENOMEM ? KT_EDECMEM : err, why);
}

static kt_err_t
fail_protocol(kt_decode_t *self)
{
    return decode_fail(self, KT_EDECODER, "the decoder broke the protocol");
}

// Waits for MEDIA_INFO, PCM, PICTURE or END; every other record ends the decoding with its own error.
static kt_err_t
next_record(kt_decode_t *self, size_t *bytes)
{
    int64_t  stall_ms = kt_clock_ms() + self->limits.stall_ms, wall_ms = self->wall_ms + GRACE_MS;
    kt_err_t err = receive_record(self, stall_ms < wall_ms ? stall_ms : wall_ms, bytes);
    if (err == KT_ETIME)
        return decode_fail(self, KT_EDECWALL, "no answer within the time limit");
    if (err == KT_ECLOSED)
        return decode_fail(self, KT_ESYSTEM, "the decoder's server has ended");
    if (err != KT_OK)
        return decode_fail(self, err, "receiving from the decoder");
    if (*bytes < sizeof self->in.record || *bytes > sizeof self->in)
        return fail_protocol(self);
    const size_t described = *bytes - sizeof self->in.record;
    switch (self->in.record.kind) {
    case KT_DECODE_MEDIA_INFO: return KT_OK;
    case KT_DECODE_PICTURE:
        self->taken = 0;
        self->batch = (uint32_t)(described / sizeof *self->in.pictures);
        return self->batch >= 1 && self->batch <= KT_BATCH_PICTURES && described % sizeof *self->in.pictures == 0
                   ? KT_OK
                   : fail_protocol(self);
    case KT_DECODE_END: return described == sizeof self->in.counts ? KT_OK : fail_protocol(self);
    default: break;
    }
    if (described)
        return fail_protocol(self);
    switch (self->in.record.kind) {
    case KT_DECODE_PCM: return KT_OK;
    case KT_DECODE_FAULT: return accept_fault(self);
    case KT_DECODE_EXIT: return judge_exit(self);
    default: return fail_protocol(self);
    }
}

kt_err_t
kt_decode_media_info(kt_decode_t *self, kt_media_info_t *out)
{
    kt_media_info_t *info = &self->in.media_info;
    size_t           bytes;
    if (self->err != KT_OK)
        return self->err;
    kt_assert(self->state == FRESH);
    kt_err_t err = next_record(self, &bytes);
    if (err != KT_OK)
        return err;
    if (self->in.record.kind != KT_DECODE_MEDIA_INFO)
        return fail_protocol(self);
    if (bytes < sizeof self->in.record + KT_MEDIA_INFO_BYTES(0) || !kt_tidy_media_info_counts_ok(info) ||
        bytes != sizeof self->in.record + KT_MEDIA_INFO_BYTES(info->tag_count))
        return fail_protocol(self);

    kt_tidy_media_info(info);
    if (info->has_audio && !info->audio_why[0] &&
        (info->rate_hz < 1 || info->rate_hz > KT_RATE_MAX_HZ || info->channels < 1 || info->channels > KT_CHANNELS_MAX))
        return decode_fail(self, KT_ESTREAM, "the stream's rate or channel count");
    const bool sound = info->has_audio && !info->audio_why[0];
    self->rate_hz    = sound ? info->rate_hz : 0;
    self->channels   = sound ? info->channels : 0;
    self->state      = READING;
    *out             = *info;
    return KT_OK;
}

// Those that have been read. Fails only where the child has exited or reads nothing: then its last record, or its exit,
// comes next.
static void
return_slots(kt_decode_t *self)
{
    const kt_decode_record_t record = {.kind = KT_DECODE_SLOT, .slots = self->free_slots};
    if (self->free_slots)
        (void)!send(self->control_fd, &record, sizeof record, MSG_DONTWAIT | MSG_NOSIGNAL);
    self->free_slots = 0;
}

static kt_err_t
accept_pcm(kt_decode_t *self, kt_decoded_t *out)
{
    const uint32_t slot = self->in.record.slot, bytes = self->in.record.bytes;
    const uint32_t frame_bytes = self->channels * (uint32_t)sizeof(float);
    if (slot >= KT_RING_SLOTS || !bytes || bytes > KT_RING_SLOT_BYTES || !frame_bytes || bytes % frame_bytes)
        return fail_protocol(self);
    self->frames += bytes / frame_bytes;
    if ((double)self->frames > self->limits.max_duration_s * self->rate_hz)
        return decode_fail(self, KT_ETOOLONG, "more sound than is permitted");
    memcpy(self->pcm, self->ring + (size_t)slot * KT_RING_SLOT_BYTES, bytes);
    self->free_slots |= 1u << slot;
    *out = (kt_decoded_t){.kind = KT_DECODED_SOUND, .pcm = self->pcm, .frames = bytes / frame_bytes};
    return KT_OK;
}

static kt_yuv_t
yuv_of(const uint8_t *planes, uint32_t width, uint32_t height)
{
    const size_t luma = (size_t)width * height, c_width = (width + 1) / 2, chroma = c_width * ((height + 1) / 2);
    return (kt_yuv_t){.width    = width,
                      .height   = height,
                      .y        = planes,
                      .u        = planes + luma,
                      .v        = planes + luma + chroma,
                      .y_stride = width,
                      .c_stride = c_width};
}

static kt_err_t
copy_whole(kt_decode_t *self, const kt_decode_picture_t *p)
{
    const size_t bytes = kt_yuv_bytes(p->whole_width, p->whole_height);
    if (bytes > self->whole_bytes) {
        free(self->whole);
        self->whole       = malloc(bytes);
        self->whole_bytes = self->whole ? bytes : 0;
        if (!self->whole)
            return decode_fail(self, KT_ENOMEM, "a whole picture");
    }
    memcpy(self->whole, self->ring + KT_RING_BYTES + (size_t)(p->large_slot - KT_RING_SLOTS) * KT_LARGE_BYTES, bytes);
    self->free_slots |= 1u << p->large_slot;
    return KT_OK;
}

static kt_err_t
accept_picture(kt_decode_t *self, kt_decoded_t *out)
{
    const kt_decode_picture_t *p     = &self->in.pictures[self->taken++];
    const bool                 whole = (p->flags & KT_FRAME_SAMPLED) != 0;
    if (!self->pictures || !kt_tidy_picture_ok(p, self->n_pictures ? &self->last : NULL))
        return fail_protocol(self);
    self->first_s = self->n_pictures ? self->first_s : p->time_s;
    self->last    = *p;
    self->n_pictures++;
    if (p->time_s - self->first_s > self->limits.max_duration_s)
        return decode_fail(self, KT_ETOOLONG, "a longer film than is permitted");
    const uint8_t *from = self->ring + (size_t)p->slot * KT_RING_SLOT_BYTES;
    memcpy(self->small, from, kt_yuv_bytes(p->width, p->height));
    memcpy(self->vectors, from + kt_vectors_offset(p->width, p->height), p->vectors * sizeof *self->vectors);
    self->free_slots |= 1u << p->slot;
    kt_err_t err = whole ? copy_whole(self, p) : KT_OK;
    for (uint32_t i = 0; i < p->vectors; i++)
        self->vectors[i].backward = self->vectors[i].backward != 0;
    *out = (kt_decoded_t){.kind    = KT_DECODED_PICTURE,
                          .picture = {.index        = p->index,
                                      .time_s       = p->time_s,
                                      .flags        = p->flags,
                                      .whole_factor = p->whole_factor,
                                      .small        = yuv_of(self->small, p->width, p->height),
                                      .vectors      = p->has_vectors ? self->vectors : NULL,
                                      .n_vectors    = p->vectors}};
    if (whole && !err)
        out->picture.whole = yuv_of(self->whole, p->whole_width, p->whole_height);
    return err;
}

static kt_err_t
accept_end(kt_decode_t *self, kt_decoded_t *out)
{
    self->state  = ENDED;
    self->counts = self->in.counts;
    kt_tidy_counts(&self->counts);
    await_exit(self);
    *out = (kt_decoded_t){.kind = KT_DECODED_END};
    return KT_OK;
}

kt_err_t
kt_decode_read(kt_decode_t *self, kt_decoded_t *out)
{
    size_t bytes;
    if (self->err != KT_OK)
        return self->err;
    kt_assert(self->state != FRESH);
    *out = (kt_decoded_t){.kind = KT_DECODED_END};
    if (self->state == ENDED)
        return KT_OK;
    if (self->taken < self->batch)
        return accept_picture(self, out);
    return_slots(self);
    kt_err_t err = next_record(self, &bytes);
    if (err)
        return err;
    switch (self->in.record.kind) {
    case KT_DECODE_PCM: return accept_pcm(self, out);
    case KT_DECODE_PICTURE: return accept_picture(self, out);
    case KT_DECODE_END: return accept_end(self, out);
    default: return fail_protocol(self);
    }
}

kt_err_t
kt_decode_open(kt_decode_server_t *server, int fd, const kt_decode_limits_t *limits, const kt_decode_want_t *want,
               kt_decode_t **out)
{
    kt_decode_request_t request = {
        .magic = KT_DECODE_MAGIC, .version = KT_DECODE_VERSION, .limits = *limits, .want = *want};
    int          fds[KT_REQUEST_FDS] = {[KT_FD_MEDIA] = fd, [KT_FD_RING] = -1, [KT_FD_CONTROL] = -1};
    int          pair[2];
    kt_err_t     err  = KT_ENOMEM;
    kt_decode_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->control_fd = -1;
    self->limits     = *limits;
    self->wall_ms    = kt_clock_ms() + (int64_t)limits->wall_s * 1000;
    self->pictures   = want->pictures != 0;
    self->pcm        = malloc(KT_RING_SLOT_BYTES);
    self->small      = self->pictures ? malloc(kt_yuv_bytes(KT_SMALL_MOST, KT_SMALL_MOST)) : NULL;
    self->vectors    = self->pictures ? malloc(KT_VECTORS_MAX * sizeof *self->vectors) : NULL;
    if (!self->pcm || (self->pictures && (!self->small || !self->vectors)))
        goto fail;

    // A ring that neither side can shrink: the other would get SIGBUS on reading it.
    err                     = KT_ESYSTEM;
    const size_t ring_bytes = KT_RING_AND_LARGE_BYTES(self->pictures);
    int          ring = fds[KT_FD_RING] = memfd_create("kithara-pcm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ring < 0 || ftruncate(ring, (off_t)ring_bytes) ||
        fcntl(ring, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        goto fail;
    void *mapped = mmap(NULL, ring_bytes, PROT_READ, MAP_SHARED, ring, 0);
    if (mapped == MAP_FAILED)
        goto fail;
    self->ring = mapped;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        goto fail;
    self->control_fd   = pair[0];
    fds[KT_FD_CONTROL] = pair[1];
    err                = kt_decode_server_send(server, &request, fds, kt_clock_ms() + limits->stall_ms);
    if (err != KT_OK)
        goto fail;
    *out = self;
fail:
    for (int i = KT_FD_RING; i < KT_REQUEST_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (err != KT_OK)
        kt_decode_close(&self);
    return err;
}

const char *
kt_decode_why(const kt_decode_t *self)
{
    return self->why;
}

const kt_media_counts_t *
kt_decode_counts(const kt_decode_t *self)
{
    return &self->counts;
}

void
kt_decode_usage(const kt_decode_t *self, uint64_t *peak_bytes, double *cpu_s)
{
    *peak_bytes = self->peak_bytes;
    *cpu_s      = (double)self->cpu_us * 1e-6;
}

void
kt_decode_close(kt_decode_t **self_p)
{
    kt_decode_t *self = *self_p;
    if (!self)
        return;
    if (self->control_fd >= 0)
        close(self->control_fd);  // the server detects it and ends the child
    if (self->ring)
        munmap((void *)self->ring, KT_RING_AND_LARGE_BYTES(self->pictures));
    free(self->pcm);
    free(self->small);
    free(self->whole);
    free(self->vectors);
    free(self);
    *self_p = NULL;
}
