#include "models/input/blocks.h"

#include <string.h>

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Blocks that begin inside the stream and have a row that the one before lacks.
static size_t
begun(const kt_audio_blocks_t *self, size_t total)
{
    if (total <= self->frames)
        return total > 0;
    return 1 + least((total - self->frames + self->hop - 1) / self->hop, (total - 1) / self->hop);
}

size_t
kt_block_count(const kt_audio_blocks_t *self, size_t total)
{
    if (self->tail != KT_TAIL_DROP || total < self->frames)
        return begun(self, total);
    return (total - self->frames) / self->hop + 1;
}

size_t
kt_block_oldest(const kt_audio_blocks_t *self, size_t index)
{
    const size_t at = index * self->hop;
    return at > self->left ? at - self->left : 0;
}

bool
kt_block_at(const kt_audio_blocks_t *self, size_t index, size_t total, bool ended, kt_block_t *out)
{
    const size_t at = index * self->hop, end = at + self->frames + self->right;
    if (ended ? index >= kt_block_count(self, total) : total < end)
        return false;
    const bool   shorter = self->tail == KT_TAIL_SHORT;
    const size_t first = kt_block_oldest(self, index), last = least(end, total);
    const size_t before = shorter ? 0 : self->left - (at - first);
    *out                = (kt_block_t){.first  = first,
                                       .rows   = last - first,
                                       .before = before,
                                       .after  = shorter ? 0 : end - last,
                                       .own    = before + at - first,
                                       .kept   = least(self->frames, total - at)};
    out->repeat         = out->kept < self->frames && (self->tail == KT_TAIL_REPEAT || self->tail == KT_TAIL_DROP);
    return true;
}

void
kt_block_fill(const kt_audio_input_t *input, const kt_block_t *block, const float *rows, float *out)
{
    const size_t width  = kt_audio_input_width(input);
    const float *silent = kt_audio_input_silence(input);
    for (size_t i = 0; i < block->before; i++, out += width)
        memcpy(out, silent, width * sizeof *out);
    memcpy(out, rows, block->rows * width * sizeof *out);
    out += block->rows * width;
    const float *own = rows + (block->own - block->before) * width;
    for (size_t i = 0; i < block->after; i++, out += width)
        memcpy(out, block->repeat ? own + i % block->kept * width : silent, width * sizeof *out);
}
