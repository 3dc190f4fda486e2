// kt_block -- the cut of a stream's rows into blocks. Block i is about the rows i * hop .. i * hop + frames, and `left`
// and `right` rows around them. Rows before the start and after the end of the stream are silence; with the tail
// "short" there are none, and the block is shorter. A last block that lacks some of its own rows is
//   drop:   left out, unless it is the only one: then as repeat
//   pad:    filled with silence
//   repeat: filled with its own rows, again and again
//   short:  shorter
// Pure functions of the numbers of rows; any thread.
#pragma once

#include "models/input/audio_input.h"

typedef struct kt_block {
    size_t first, rows;    // rows of the stream that it has
    size_t before, after;  // rows that are added; the block has before + rows + after
    size_t own, kept;      // its own rows, without context and padding: own .. own + kept of the block
    bool   repeat;         // the rows after are its own, from the first; else silence
} kt_block_t;

// True: `total` rows of the stream, which may have ended, are enough for block `index`.
bool kt_block_at(const kt_audio_blocks_t *self, size_t index, size_t total, bool ended, kt_block_t *out);
// Blocks of a stream of `total` rows.
size_t kt_block_count(const kt_audio_blocks_t *self, size_t total);
// The first row that block `index` and those after it need.
size_t kt_block_oldest(const kt_audio_blocks_t *self, size_t index);
// Rows of a block in the order of the stream: rows: [block->rows][width] from row block->first on; out: [before + rows
// + after][width], for kt_audio_input_place.
void kt_block_fill(const kt_audio_input_t *input, const kt_block_t *block, const float *rows, float *out);
