// kt_packets -- packets that wait, in the order of the file, with a bound on their number and bytes. One thread.
#pragma once

#include "common/err.h"

#include <libavcodec/packet.h>
#include <stdbool.h>
#include <stddef.h>

enum { KT_PACKETS_MAX = 4096, KT_PACKETS_BYTES = 64 << 20 };

typedef struct kt_packets {
    AVPacket *packet[KT_PACKETS_MAX];  // a circle
    size_t    first, count, bytes;
} kt_packets_t;

bool kt_packets_full(const kt_packets_t *self);
// Takes the packet's content. Not when full. KT_EDECMEM.
KT_MUST_USE kt_err_t kt_packets_push(kt_packets_t *self, AVPacket *packet);
bool                 kt_packets_pop(kt_packets_t *self, AVPacket *packet);  // false: empty
