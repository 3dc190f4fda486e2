#include "node/decoder/packets.h"

#include "common/assert.h"

bool
kt_packets_full(const kt_packets_t *self)
{
    return self->count == KT_PACKETS_MAX || self->bytes >= KT_PACKETS_BYTES;
}

kt_err_t
kt_packets_push(kt_packets_t *self, AVPacket *packet)
{
    kt_assert(!kt_packets_full(self));
    AVPacket *own = av_packet_alloc();
    if (!own || av_packet_make_refcounted(packet) < 0) {
        av_packet_free(&own);
        return KT_EDECMEM;
    }
    av_packet_move_ref(own, packet);
    self->bytes += own->size > 0 ? (size_t)own->size : 0;
    self->packet[(self->first + self->count++) % KT_PACKETS_MAX] = own;
    return KT_OK;
}

bool
kt_packets_pop(kt_packets_t *self, AVPacket *packet)
{
    if (!self->count)
        return false;
    AVPacket **own = &self->packet[self->first];
    self->bytes -= (*own)->size > 0 ? (size_t)(*own)->size : 0;
    av_packet_move_ref(packet, *own);
    av_packet_free(own);
    self->first = (self->first + 1) % KT_PACKETS_MAX;
    self->count--;
    return true;
}
