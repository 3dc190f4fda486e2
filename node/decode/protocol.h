// The protocol between the node and kithara-decode, version 6: both sides are of the same build and the same machine,
// so records are C structs. Every socket is SOCK_SEQPACKET: one record is one packet, whole or not at all.
//
//   server socket (descriptor 3 of kithara-decode)
//     server -> client  HELLO record                         once, when FFmpeg is loaded
//     client -> server  request + {media, ring, control}     descriptors by SCM_RIGHTS, in this order
//     closed for writing by the client: no more requests; the server ends when its last child has
//     closed by the client: the server kills its children and ends
//   control socket, one per file
//     child  -> client  MEDIA_INFO record, then the info     once
//     child  -> client  PCM record (slot, bytes)             slots in any order, the client's until it returns them
//     child  -> client  PICTURE record, then descriptions    1 to KT_BATCH_PICTURES; of each, reduced planes and
//     vectors
//                                                            in a slot, a whole picture in one of the large slots
//     client -> child   SLOT record (slots)                  returns those
//     child  -> client  END record, then the counts, or a FAULT record; then the child exits
//     server -> client  EXIT record                          the last one, when the child has been reaped
//     closed by the client: the server kills the child
//   ring: a memfd of KT_RING_SLOTS slots and, where pictures are wanted, KT_LARGE_SLOTS large ones; sealed against
//     growing and shrinking, written by the child alone
//
// The client trusts nothing from a child. The server trusts the client and reads nothing from a child.
#pragma once

#include "node/decode/client.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KT_DECODE_MAGIC    = 0x4b44,
    KT_DECODE_VERSION  = 6,
    KT_DECODE_FD       = 3,    // the server socket's descriptor in kithara-decode
    KT_DECODE_CHILDREN = 256,  // more at a time are refused with KT_EFULL
    KT_RING_SLOTS      = 16,
    KT_RING_SLOT_BYTES =
        512 * 1024,  // reduced planes (at most 345,600 bytes) and vectors (at most 98,304) of a picture
    KT_RING_BYTES     = KT_RING_SLOTS * KT_RING_SLOT_BYTES,
    KT_BATCH_PICTURES = 7,  // of a packet, which costs two switches where both processes share a core
    KT_LARGE_SLOTS    = 2,
    KT_LARGE_BYTES    = KT_WHOLE_MOST * KT_WHOLE_MOST * 3 / 2,
    KT_WHY_BYTES      = 240,
    KT_RATE_MAX_HZ    = 768000,
    KT_CHANNELS_MAX   = 64,
};

enum { KT_FD_MEDIA, KT_FD_RING, KT_FD_CONTROL, KT_REQUEST_FDS };

typedef struct kt_decode_request {
    uint32_t           magic, version;
    kt_decode_limits_t limits;
    kt_decode_want_t   want;
} kt_decode_request_t;

typedef enum kt_decode_kind {
    KT_DECODE_HELLO = 1,
    KT_DECODE_MEDIA_INFO,
    KT_DECODE_PCM,
    KT_DECODE_PICTURE,
    KT_DECODE_SLOT,
    KT_DECODE_END,
    KT_DECODE_FAULT,
    KT_DECODE_EXIT,
} kt_decode_kind_t;

typedef struct kt_decode_record {
    uint32_t kind;
    uint32_t slot, bytes;        // PCM
    uint32_t slots;              // SLOT: a bit each, from KT_RING_SLOTS on large ones
    int32_t  code;               // FAULT: kt_err_t; EXIT: wait status; HELLO: version
    uint32_t out_of_time;        // EXIT: the server killed the child at its wall-clock limit
    uint32_t walls;              // HELLO: kt_wall_t
    uint64_t peak_bytes;         // EXIT
    uint64_t cpu_us;             // EXIT
    char     why[KT_WHY_BYTES];  // FAULT
} kt_decode_record_t;

// Bytes of the ring: large: with the large slots.
#define KT_RING_AND_LARGE_BYTES(large) ((size_t)KT_RING_BYTES + ((large) ? (size_t)KT_LARGE_SLOTS * KT_LARGE_BYTES : 0))

// Follow a PICTURE record. Planes without gaps: Y, U, V, then the vectors.
typedef struct kt_decode_picture {
    uint64_t index;
    double   time_s;
    uint32_t flags, whole_factor;
    uint32_t width, height;              // of the reduced planes
    uint32_t whole_width, whole_height;  // of the whole picture; 0: none
    uint32_t large_slot;                 // that it lies in, from KT_RING_SLOTS on
    uint32_t has_vectors, vectors;       // has_vectors: 0: the codec exports none
    uint32_t slot;                       // that planes and vectors lie in
} kt_decode_picture_t;

// Where the vectors lie in a slot.
static inline size_t
kt_vectors_offset(uint32_t width, uint32_t height)
{
    return (kt_yuv_bytes(width, height) + 7) / 8 * 8;
}

// Bytes of media info that are sent: without the unused tags.
#define KT_MEDIA_INFO_BYTES(tag_count) (offsetof(kt_media_info_t, tags) + (size_t)(tag_count) * sizeof(kt_media_tag_t))
