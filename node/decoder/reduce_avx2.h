// kt_reduce_avx2 -- the rows of kt_reduce_row that most films have, in AVX2: bytes next to each other, in blocks of 2,
// 3, 4 or 6 columns and as many rows. The same bytes as the plain code. One thread.
#pragma once

#include "node/decoder/reduce.h"

// The first n pixels of a row from `rows` rows from `data` on. Returns how many are done: 0 where this processor or
// this kind of block has no such code, fewer than n never else.
size_t kt_reduce_avx2(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
                      uint8_t *out, size_t n);
