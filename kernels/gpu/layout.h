// kt_gpu_layout -- offsets of the results of one GPU batch, for the side that launches and the side that reads. Results
// are sections: arrays over all items of the batch. Pure, any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_GPU_ALIGN_BYTES = 256, KT_GPU_SECTIONS = 16 };

typedef struct kt_gpu_section {
    uint32_t item_bytes, fixed_bytes;  // per item, and once per batch
    bool     is_zeroed;                // before the launch
    bool     stays;                    // is not copied back
    // A list: the room of all items holds entries of entry_bytes each, of which only the used ones are copied back. The
    // first uint32_t of the section `used` counts them. 0: no list, copied back whole.
    uint32_t entry_bytes, used;
} kt_gpu_section_t;

// Byte offsets, each a multiple of KT_GPU_ALIGN_BYTES. Last are lists, as most of their room stays empty, and what
// stays.
typedef struct kt_gpu_layout {
    size_t at[KT_GPU_SECTIONS], size[KT_GPU_SECTIONS];  // size: without the alignment; 0: not wanted
    size_t lists;                                       // where these begin: the part before is copied back whole
    size_t bytes;
} kt_gpu_layout_t;

// wanted: bit i is section i.
void kt_gpu_layout(const kt_gpu_section_t section[KT_GPU_SECTIONS], uint32_t wanted, size_t items,
                   kt_gpu_layout_t *out);
// How many items fit into so many bytes; 0: none.
size_t kt_gpu_layout_items(const kt_gpu_section_t section[KT_GPU_SECTIONS], uint32_t wanted, size_t bytes);

static inline size_t
kt_gpu_align(size_t bytes)
{
    return (bytes + KT_GPU_ALIGN_BYTES - 1) / KT_GPU_ALIGN_BYTES * KT_GPU_ALIGN_BYTES;
}
