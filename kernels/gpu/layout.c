#include "kernels/gpu/layout.h"

void
kt_gpu_layout(const kt_gpu_section_t section[KT_GPU_SECTIONS], uint32_t wanted, size_t items, kt_gpu_layout_t *out)
{
    *out = (kt_gpu_layout_t){0};
    for (int lists = 0; lists < 2; lists++) {
        out->lists = lists ? out->bytes : 0;
        for (size_t i = 0; i < KT_GPU_SECTIONS; i++) {
            if (!(wanted >> i & 1) || (section[i].entry_bytes != 0 || section[i].stays) != lists)
                continue;
            out->at[i]   = out->bytes;
            out->size[i] = section[i].fixed_bytes + items * section[i].item_bytes;
            out->bytes += kt_gpu_align(out->size[i]);
        }
    }
}

// What an item takes, and at most so much more for the alignment of each section.
size_t
kt_gpu_layout_items(const kt_gpu_section_t section[KT_GPU_SECTIONS], uint32_t wanted, size_t bytes)
{
    size_t fixed = 0, each = 0;
    for (size_t i = 0; i < KT_GPU_SECTIONS; i++) {
        if (!(wanted >> i & 1))
            continue;
        fixed += section[i].fixed_bytes + KT_GPU_ALIGN_BYTES;
        each += section[i].item_bytes;
    }
    return bytes <= fixed || each == 0 ? 0 : (bytes - fixed) / each;
}
