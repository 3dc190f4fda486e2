// Numbers in bytes, whatever the machine's order.
#pragma once

#include <stdint.h>

static inline uint32_t
kt_be16(const uint8_t *b)
{
    return (uint32_t)b[0] << 8 | b[1];
}

static inline uint32_t
kt_be32(const uint8_t *b)
{
    return kt_be16(b) << 16 | kt_be16(b + 2);
}

static inline uint64_t
kt_be64(const uint8_t *b)
{
    return (uint64_t)kt_be32(b) << 32 | kt_be32(b + 4);
}

static inline uint32_t
kt_le16(const uint8_t *b)
{
    return (uint32_t)b[1] << 8 | b[0];
}

static inline uint32_t
kt_le32(const uint8_t *b)
{
    return kt_le16(b + 2) << 16 | kt_le16(b);
}

static inline uint64_t
kt_le64(const uint8_t *b)
{
    return (uint64_t)kt_le32(b + 4) << 32 | kt_le32(b);
}
