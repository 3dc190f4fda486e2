// Samples and rows that stay on the device from one request to the next (kt_device_keep_samples): their memory
// (keep.c), where a request finds its own, and what a part has of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_gpu_kept {
    size_t              bytes;
    void               *memory;   // on the device; NULL: not yet, or there was no room
    bool                refused;  // there was no room
    struct kt_gpu_kept *next;
} kt_gpu_kept_t;

// Of a request. Zeroed: it brings its samples, and they are not kept.
typedef struct kt_gpu_samples {
    kt_gpu_kept_t *kept;
    bool           fills;  // the request brings them and they are kept; else they are read there
    size_t         first;  // number of the request's first sample among those
} kt_gpu_samples_t;

// Of a part's input: what does not cross the bus, or is kept when it has.
typedef struct kt_gpu_share {
    kt_gpu_kept_t *kept;        // NULL: the host brings all of the input, and nothing is kept
    bool           fills;       // the host brings all of it, and the bytes from `skip` on are kept; else they are read
    size_t         skip;        // bytes of the input before them, which the host brings
    int64_t        at;          // byte of `kept` at which they begin
    int64_t        begin, end;  // of `kept`: what is read outside is zeros
    bool           in_place;    // the kernels read them where they are; the input is room for the part's work
    bool           made;        // with fills: the launch makes what is kept, and writes it below `end`
} kt_gpu_share_t;

// Of a part: its items of a few sections, which are kept. kept NULL: none are.
enum { KT_GPU_STAYS = 3 };
typedef struct kt_gpu_stay {
    kt_gpu_kept_t *kept;
    uint32_t       n;
    uint32_t       section[KT_GPU_STAYS];
    size_t         at[KT_GPU_STAYS];  // byte of `kept`
} kt_gpu_stay_t;

// Of a request's n samples at pcm, outside of which are zeros, those from `from` on, as a part's input.
// As a share of samples that are kept; skip: bytes of the input before them. NULL kept: none.
kt_gpu_share_t kt_gpu_samples_share(const kt_gpu_samples_t *self, size_t n, int64_t from, size_t skip);
// As a copy of `room` samples.
void kt_gpu_samples_copy(const float *pcm, size_t n, int64_t from, size_t room, float *to);
