// Flags of 64 neighbours as the bits of a number, so that loops pass over the many that are not set.
#pragma once

#include <stdint.h>

enum { KT_BITS = 64 };

// bytes: 0 or 1 each; the first is the lowest bit.
static inline uint64_t
kt_bits_of(const uint8_t bytes[KT_BITS])
{
    uint64_t out = 0;
    for (int i = 0; i < KT_BITS; i += 8) {
        uint64_t eight = 0;
        for (int k = 0; k < 8; k++)
            eight |= (uint64_t)bytes[i + k] << 8 * k;
        out |= (eight * 0x0102040810204080u >> 56) << i;
    }
    return out;
}
