// kt_slots -- when pictures are shown in a container that states no presentation times, but an order: AVI. Each packet
// with a picture is a slot; the first picture in the order of presentation is shown in the first slot, and so on. A
// decoder that reorders gives out a picture while it takes a packet some places further on. Pure; one thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KT_SLOTS = 32 };          // packets that are remembered; decoders hold at most 16 pictures
#define KT_SLOTS_NONE INT64_MIN  // as AV_NOPTS_VALUE

typedef struct kt_slots {
    int64_t  stamp[KT_SLOTS];  // of the last packets, by their number
    uint64_t packets, drained;
    bool     ended;
} kt_slots_t;

void kt_slots_begin(kt_slots_t *self);  // before the first packet, and before the first one behind a gap
void kt_slots_packet(kt_slots_t *self, int64_t stamp);  // goes to the decoder
void kt_slots_end(kt_slots_t *self);                    // no packet is left: the decoder gives out what it holds
// The stamp of the slot of a picture that the decoder gives out. held: pictures that it holds to reorder them.
int64_t kt_slots_picture(kt_slots_t *self, uint32_t held);
