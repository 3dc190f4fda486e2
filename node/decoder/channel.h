// kt_channel -- the child's end of the control socket and the ring: records out, freed slots in. Blocks while the
// client has all slots; ends the process without a message when the client has closed it.
#pragma once

#include "node/decode/protocol.h"

#include <stdbool.h>

typedef struct kt_channel {
    int                 control_fd;
    uint8_t            *ring;                                   // never unmapped
    bool                taken[KT_RING_SLOTS + KT_LARGE_SLOTS];  // sent and not yet returned
    uint32_t            slot, large;                            // the next of each kind
    bool                filling;                                // pcm_slot
    uint32_t            pcm_slot;                               // samples gather in it
    size_t              pcm_bytes;
    bool                live;     // pictures are sent one by one
    uint32_t            pending;  // pictures that are not sent yet
    int64_t             sent_ms;  // when the last were
    kt_decode_picture_t pictures[KT_BATCH_PICTURES];
} kt_channel_t;

// Maps the ring; large: with the large slots. KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_channel_init(kt_channel_t *self, int control_fd, int ring_fd, bool large);
void                 kt_channel_media_info(kt_channel_t *self, const kt_media_info_t *media_info);
// Interleaved samples in frames of channels * 4 bytes; sent when a slot is full, or before a picture.
void kt_channel_pcm(kt_channel_t *self, const float *pcm, size_t frames, uint32_t channels);
// A slot to fill with a picture; of a large slot the number as in the protocol. It is sent or released.
uint8_t *kt_channel_slot(kt_channel_t *self, uint32_t *slot);
uint8_t *kt_channel_large(kt_channel_t *self, uint32_t *slot);
void     kt_channel_release(kt_channel_t *self, uint32_t slot);
// Sent with the next ones, within some milliseconds of decoding; before sound that is sent, and before any wait.
void           kt_channel_picture(kt_channel_t *self, const kt_decode_picture_t *picture);
_Noreturn void kt_channel_end(kt_channel_t *self, const kt_media_counts_t *counts);  // sends what is left, END, exits
_Noreturn void kt_channel_fault(kt_channel_t *self, kt_err_t err, const char *why);
_Noreturn void kt_channel_hang(kt_channel_t *self);  // for tests: never sends anything
