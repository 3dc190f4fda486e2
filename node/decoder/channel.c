#include "node/decoder/channel.h"

#include "common/clock.h"
#include "common/text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PCM_SEND_BYTES = KT_RING_SLOT_BYTES / 8, ALL_SLOTS = KT_RING_SLOTS + KT_LARGE_SLOTS };

// Pictures that take longer to decode are not waited for.
enum { PICTURES_WAIT_MS = 100 };

kt_err_t
kt_channel_init(kt_channel_t *self, int control_fd, int ring_fd, bool large)
{
    void *ring = mmap(NULL, KT_RING_AND_LARGE_BYTES(large), PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    if (ring == MAP_FAILED)
        return KT_ESYSTEM;
    *self = (kt_channel_t){.control_fd = control_fd, .ring = ring};
    return KT_OK;
}

static void
channel_send(kt_channel_t *self, const kt_decode_record_t *record, const void *description, size_t bytes)
{
    struct iovec  parts[2] = {{.iov_base = (void *)record, .iov_len = sizeof *record},
                              {.iov_base = (void *)description, .iov_len = bytes}};
    struct msghdr msg      = {.msg_iov = parts, .msg_iovlen = bytes ? 2 : 1};
    ssize_t       n;
    do
        n = sendmsg(self->control_fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        _exit(0);
}

static void
send_pictures(kt_channel_t *self)
{
    const uint32_t n = self->pending;
    self->pending    = 0;
    self->sent_ms    = kt_clock_ms();
    if (n > 0)
        channel_send(self, &(kt_decode_record_t){.kind = KT_DECODE_PICTURE}, self->pictures,
                     n * sizeof *self->pictures);
}

static void
receive_slots(kt_channel_t *self)
{
    kt_decode_record_t record;
    ssize_t            n;
    do
        n = recv(self->control_fd, &record, sizeof record, 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof record || record.kind != KT_DECODE_SLOT || record.slots >> ALL_SLOTS)
        _exit(0);
    for (uint32_t slot = 0; slot < ALL_SLOTS; slot++)
        if (record.slots >> slot & 1)
            self->taken[slot] = false;
}

static void
send_pcm(kt_channel_t *self)
{
    if (!self->filling)
        return;
    kt_decode_record_t record = {.kind = KT_DECODE_PCM, .slot = self->pcm_slot, .bytes = (uint32_t)self->pcm_bytes};
    self->filling             = false;
    send_pictures(self);
    channel_send(self, &record, NULL, 0);
}

// The next free one of `count` slots from `first` on, and waits for one to be returned.
static uint32_t
take_slot(kt_channel_t *self, uint32_t first, uint32_t count, uint32_t *next)
{
    for (;;) {
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t slot = first + (*next + i) % count;
            if (self->taken[slot])
                continue;
            self->taken[slot] = true;
            *next             = (slot - first + 1) % count;
            return slot;
        }
        send_pictures(self);
        receive_slots(self);
    }
}

void
kt_channel_media_info(kt_channel_t *self, const kt_media_info_t *media_info)
{
    channel_send(self, &(kt_decode_record_t){.kind = KT_DECODE_MEDIA_INFO}, media_info,
                 KT_MEDIA_INFO_BYTES(media_info->tag_count));
}

void
kt_channel_pcm(kt_channel_t *self, const float *pcm, size_t frames, uint32_t channels)
{
    size_t         frame_bytes = channels * sizeof(float), room = KT_RING_SLOT_BYTES / frame_bytes * frame_bytes;
    size_t         left = frames * frame_bytes;
    const uint8_t *from = (const uint8_t *)pcm;
    while (left) {
        if (!self->filling) {
            self->pcm_slot  = take_slot(self, 0, KT_RING_SLOTS, &self->slot);
            self->pcm_bytes = 0;
            self->filling   = true;
        }
        size_t n = room - self->pcm_bytes < left ? room - self->pcm_bytes : left;
        memcpy(self->ring + (size_t)self->pcm_slot * KT_RING_SLOT_BYTES + self->pcm_bytes, from, n);
        self->pcm_bytes += n;
        from += n;
        left -= n;
        if (self->pcm_bytes == room)
            send_pcm(self);
    }
}

uint8_t *
kt_channel_slot(kt_channel_t *self, uint32_t *slot)
{
    if (self->filling && self->pcm_bytes >= PCM_SEND_BYTES)
        send_pcm(self);
    *slot = take_slot(self, 0, KT_RING_SLOTS, &self->slot);
    return self->ring + (size_t)*slot * KT_RING_SLOT_BYTES;
}

uint8_t *
kt_channel_large(kt_channel_t *self, uint32_t *slot)
{
    *slot = take_slot(self, KT_RING_SLOTS, KT_LARGE_SLOTS, &self->large);
    return self->ring + KT_RING_BYTES + (size_t)(*slot - KT_RING_SLOTS) * KT_LARGE_BYTES;
}

void
kt_channel_release(kt_channel_t *self, uint32_t slot)
{
    self->taken[slot] = false;
}

void
kt_channel_picture(kt_channel_t *self, const kt_decode_picture_t *picture)
{
    self->pictures[self->pending++] = *picture;
    if (self->live || self->pending == KT_BATCH_PICTURES || kt_clock_ms() - self->sent_ms >= PICTURES_WAIT_MS)
        send_pictures(self);
}

void
kt_channel_end(kt_channel_t *self, const kt_media_counts_t *counts)
{
    send_pcm(self);
    send_pictures(self);
    channel_send(self, &(kt_decode_record_t){.kind = KT_DECODE_END}, counts, sizeof *counts);
    _exit(0);
}

void
kt_channel_fault(kt_channel_t *self, kt_err_t err, const char *why)
{
    kt_decode_record_t record = {.kind = KT_DECODE_FAULT, .code = err};
    (void)kt_text_sanitize(record.why, sizeof record.why, why, strlen(why));
    send_pcm(self);
    send_pictures(self);
    channel_send(self, &record, NULL, 0);
    _exit(0);
}

void
kt_channel_hang(kt_channel_t *self)
{
    for (;;)
        receive_slots(self);
}
