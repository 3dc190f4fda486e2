#include "node/decoder/counts/slots.h"

void
kt_slots_begin(kt_slots_t *self)
{
    self->packets = self->drained = 0;
    self->ended                   = false;
}

void
kt_slots_packet(kt_slots_t *self, int64_t stamp)
{
    self->stamp[self->packets++ % KT_SLOTS] = stamp;
}

void
kt_slots_end(kt_slots_t *self)
{
    self->ended = true;
}

int64_t
kt_slots_picture(kt_slots_t *self, uint32_t held)
{
    if (self->packets == 0)
        return KT_SLOTS_NONE;
    self->drained += self->ended;
    const uint64_t last = self->packets - 1, most = last < KT_SLOTS - 1 ? last : KT_SLOTS - 1;
    const uint64_t back = held > self->drained ? held - self->drained : 0;
    return self->stamp[(last - (back < most ? back : most)) % KT_SLOTS];
}
