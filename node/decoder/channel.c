#include "node/decoder/channel.h"

#include "common/text.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

kt_err_t
kt_channel_init(kt_channel_t *self, int control_fd, int ring_fd)
{
    void *ring = mmap(NULL, KT_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
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
receive_slot(kt_channel_t *self)
{
    kt_decode_record_t record;
    ssize_t            n;
    do
        n = recv(self->control_fd, &record, sizeof record, 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof record || record.kind != KT_DECODE_SLOT || record.slot >= KT_RING_SLOTS)
        _exit(0);
    self->taken[record.slot] = false;
}

static void
send_slot(kt_channel_t *self)
{
    if (!self->fill_bytes)
        return;
    kt_decode_record_t record = {.kind = KT_DECODE_PCM, .slot = self->slot, .bytes = (uint32_t)self->fill_bytes};
    self->taken[self->slot]   = true;
    channel_send(self, &record, NULL, 0);
    self->fill_bytes = 0;
    self->slot       = (self->slot + 1) % KT_RING_SLOTS;
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
        while (self->taken[self->slot])
            receive_slot(self);
        size_t n = room - self->fill_bytes < left ? room - self->fill_bytes : left;
        memcpy(self->ring + (size_t)self->slot * KT_RING_SLOT_BYTES + self->fill_bytes, from, n);
        self->fill_bytes += n;
        from += n;
        left -= n;
        if (self->fill_bytes == room)
            send_slot(self);
    }
}

void
kt_channel_end(kt_channel_t *self, const kt_media_counts_t *counts)
{
    send_slot(self);
    channel_send(self, &(kt_decode_record_t){.kind = KT_DECODE_END}, counts, sizeof *counts);
    _exit(0);
}

void
kt_channel_fault(kt_channel_t *self, kt_err_t err, const char *why)
{
    kt_decode_record_t record = {.kind = KT_DECODE_FAULT, .code = err};
    (void)kt_text_sanitize(record.why, sizeof record.why, why, strlen(why));
    send_slot(self);
    channel_send(self, &record, NULL, 0);
    _exit(0);
}

void
kt_channel_hang(kt_channel_t *self)
{
    for (;;)
        receive_slot(self);
}
