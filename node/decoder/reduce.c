// Columns are summed first, rows below each other, which is where most of the work is and which vectors do well; then
// the sums of a block. Blocks of an even number of columns are summed as pairs of bytes within 16-bit lanes, so that no
// byte has to move to another lane.
#include "node/decoder/reduce.h"

#include "node/decoder/reduce_avx2.h"

#include <string.h>

// SLIDING_AT: where the second half of the columns' scratch begins, in 16-bit sums.
enum { SLIDING_AT = KT_VIDEO_SIDE_MAX * KT_REDUCE_STEPS + 64 };

#define KT_INLINE static inline __attribute__((always_inline))

typedef uint8_t  v16b_t __attribute__((vector_size(16)));
typedef uint16_t v16s_t __attribute__((vector_size(32)));
typedef uint16_t v8s_t __attribute__((vector_size(16)));
typedef uint32_t v8w_t __attribute__((vector_size(32)));

// Sums of each pair of bytes, of n pairs: at most 510 * 128 fits.
KT_INLINE void
sum_pairs(const uint8_t *data, ptrdiff_t stride, uint32_t rows, size_t n, uint16_t *sums)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v16s_t sum = {0};
        for (uint32_t r = 0; r < rows; r++) {
            v16s_t two;
            memcpy(&two, data + (ptrdiff_t)r * stride + 2 * i, sizeof two);
            sum += (two & 0xff) + (two >> 8);
        }
        memcpy(sums + i, &sum, sizeof sum);
    }
    for (; i < n; i++) {
        uint32_t sum = 0;
        for (uint32_t r = 0; r < rows; r++)
            sum += data[(ptrdiff_t)r * stride + 2 * (ptrdiff_t)i] +
                   (uint32_t)data[(ptrdiff_t)r * stride + 2 * (ptrdiff_t)i + 1];
        sums[i] = (uint16_t)sum;
    }
}

KT_INLINE void
sum_bytes(const uint8_t *data, ptrdiff_t stride, uint32_t rows, size_t n, uint16_t *sums)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v16s_t sum = {0};
        for (uint32_t r = 0; r < rows; r++) {
            v16b_t one;
            memcpy(&one, data + (ptrdiff_t)r * stride + i, sizeof one);
            sum += __builtin_convertvector(one, v16s_t);
        }
        memcpy(sums + i, &sum, sizeof sum);
    }
    for (; i < n; i++) {
        uint32_t sum = 0;
        for (uint32_t r = 0; r < rows; r++)
            sum += data[(ptrdiff_t)r * stride + (ptrdiff_t)i];
        sums[i] = (uint16_t)sum;
    }
}

KT_INLINE void
sum_words(const uint8_t *data, ptrdiff_t stride, uint32_t rows, size_t n, uint32_t *sums)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        v8w_t sum = {0};
        for (uint32_t r = 0; r < rows; r++) {
            v8s_t one;
            memcpy(&one, data + (ptrdiff_t)r * stride + 2 * i, sizeof one);
            sum += __builtin_convertvector(one, v8w_t);
        }
        memcpy(sums + i, &sum, sizeof sum);
    }
    for (; i < n; i++) {
        uint32_t sum = 0;
        for (uint32_t r = 0; r < rows; r++) {
            uint16_t one;
            memcpy(&one, data + (ptrdiff_t)r * stride + 2 * i, sizeof one);
            sum += one;
        }
        sums[i] = sum;
    }
}

// Sums of `count` columns each, `step` apart.
KT_INLINE void
sum_blocks_16(const uint16_t *columns, size_t count, size_t step, size_t n, uint32_t *blocks)
{
    for (size_t x = 0; x < n; x++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += columns[(x * count + i) * step];
        blocks[x] = sum;
    }
}

KT_INLINE void
sum_blocks_32(const uint32_t *columns, size_t count, size_t step, size_t n, uint32_t *blocks)
{
    for (size_t x = 0; x < n; x++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += columns[(x * count + i) * step];
        blocks[x] = sum;
    }
}

// Of two adjacent 16-bit columns: they share a 32-bit lane.
KT_INLINE void
sum_twos(const uint16_t *columns, size_t n, uint32_t *blocks)
{
    size_t x = 0;
    for (; x + 8 <= n; x += 8) {
        v8w_t two;
        memcpy(&two, columns + 2 * x, sizeof two);
        two = (two & 0xffff) + (two >> 16);
        memcpy(blocks + x, &two, sizeof two);
    }
    sum_blocks_16(columns + 2 * x, 2, 1, n - x, blocks + x);
}

// Of `count` adjacent columns, the sum of which fits 16 bits: at each column first, which wastes most of the sums and
// is still faster than to add in single lanes.
KT_INLINE void
sum_sliding(const uint16_t *columns, size_t count, size_t n, uint16_t *sliding, uint32_t *blocks)
{
    const size_t all = n * count;
    for (size_t i = 0; i < all; i += 16) {  // reads beyond the last: the scratch has room for it
        v16s_t sum = {0};
        for (size_t k = 0; k < count; k++) {
            v16s_t one;
            memcpy(&one, columns + i + k, sizeof one);
            sum += one;
        }
        memcpy(sliding + i, &sum, sizeof sum);
    }
    for (size_t x = 0; x < n; x++)
        blocks[x] = sliding[x * count];
}

KT_INLINE void
sum_adjacent(kt_reduce_t *self, const uint16_t *columns, size_t count, uint32_t most, size_t n)
{
    uint16_t *sliding = (uint16_t *)self->columns + SLIDING_AT;
    if (count == 2)
        sum_twos(columns, n, self->blocks);
    else if (count == 1)
        sum_blocks_16(columns, 1, 1, n, self->blocks);
    else if (most > UINT16_MAX)
        sum_blocks_16(columns, count, 1, n, self->blocks);
    else if (count == 3)
        sum_sliding(columns, 3, n, sliding, self->blocks);
    else
        sum_sliding(columns, count, n, sliding, self->blocks);
}

// Sums of at most 255 * 10404 divided by their number. One half more keeps the product with a rounded reciprocal away
// from whole numbers: by at least .5 / 10404, while its error is at most 255 / 2^23.
KT_INLINE void
divide_bytes(const uint32_t *blocks, uint32_t count, uint8_t *out, size_t n)
{
    const float half = (float)(count / 2) + .5f, inverse = 1.f / (float)count;
    for (size_t x = 0; x < n; x++)
        out[x] = (uint8_t)(int32_t)(((float)(int32_t)blocks[x] + half) * inverse);
}

// Of deeper samples: rounded once, to 8 bits.
static uint8_t
divide_words(uint64_t sum, uint64_t count, uint32_t depth)
{
    const uint64_t by = count << (depth - 8), mean = (sum + by / 2) / by;
    return mean < 255 ? (uint8_t)mean : 255;
}

static void
divide_blocks(const kt_plane_t *plane, const uint32_t *blocks, uint32_t count, uint8_t *out, size_t n)
{
    for (size_t x = 0; x < n; x++)
        out[x] = divide_words(blocks[x], count, plane->depth);
}

// The complete blocks of a row.
KT_INLINE void
reduce_blocks(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
              uint8_t *out, size_t n)
{
    uint16_t    *sums    = (uint16_t *)self->columns;
    const size_t columns = n * factor * plane->step - (plane->step - 1);
    if (plane->bytes == 2) {
        sum_words(data, plane->stride, rows, columns, self->columns);
        sum_blocks_32(self->columns, factor, plane->step, n, self->blocks);
        divide_blocks(plane, self->blocks, factor * rows, out, n);
        return;
    }
    if (plane->step > 1) {
        sum_bytes(data, plane->stride, rows, columns, sums);
        sum_blocks_16(sums, factor, plane->step, n, self->blocks);
    } else if (factor % 2) {
        sum_bytes(data, plane->stride, rows, columns, sums);
        sum_adjacent(self, sums, factor, 255 * factor * rows, n);
    } else {
        sum_pairs(data, plane->stride, rows, columns / 2, sums);
        sum_adjacent(self, sums, factor / 2, 255 * factor * rows, n);
    }
    divide_bytes(self->blocks, factor * rows, out, n);
}

static void
reduce_blocks_base(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
                   uint8_t *out, size_t n)
{
    reduce_blocks(self, plane, factor, data, rows, out, n);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
reduce_blocks_avx2(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
                   uint8_t *out, size_t n)
{
    reduce_blocks(self, plane, factor, data, rows, out, n);
}
#endif

static void
reduce_any(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, const uint8_t *data, uint32_t rows,
           uint8_t *out, size_t n)
{
    if (kt_reduce_avx2(self, plane, factor, data, rows, out, n) == n)
        return;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        reduce_blocks_avx2(self, plane, factor, data, rows, out, n);
        return;
    }
#endif
    reduce_blocks_base(self, plane, factor, data, rows, out, n);
}

// The rows of the next call: a picture that waited for others to be decoded is no longer in the near caches, and its
// rows are too short for the processor to see what comes. Halves the time of pictures in 720p.
static void
prefetch_rows(const kt_plane_t *plane, uint32_t from, uint32_t to)
{
    enum { CACHE_LINE = 64 };
    const size_t bytes = (size_t)plane->width * plane->step * plane->bytes;
    for (uint32_t y = from; y < to && y < plane->height; y++)
        for (size_t x = 0; x < bytes; x += CACHE_LINE)
            __builtin_prefetch(plane->data + (ptrdiff_t)y * plane->stride + x);
}

static void
copy_row(const kt_plane_t *plane, const uint8_t *data, uint8_t *out, size_t n)
{
    const size_t step = plane->step;
    if (step == 1)
        memcpy(out, data, n);
    for (size_t x = 0; step > 1 && x < n; x++)
        out[x] = data[x * step];
}

void
kt_reduce_row(kt_reduce_t *self, const kt_plane_t *plane, uint32_t factor, uint32_t from, uint32_t to, uint8_t *out,
              uint32_t width)
{
    const uint8_t *data  = plane->data + (ptrdiff_t)from * plane->stride;
    const uint32_t whole = plane->width / factor < width ? plane->width / factor : width;
    prefetch_rows(plane, to, to + (to - from));
    if (factor == 1 && plane->bytes == 1 && to == from + 1)
        copy_row(plane, data, out, whole);
    else if (whole > 0)
        reduce_any(self, plane, factor, data, to - from, out, whole);
    if (whole < width) {
        const uint32_t begin = whole * factor, end = plane->width;
        kt_reduce_spans(self, plane, &begin, &end, from, to, out + whole, 1);
    }
}

static uint32_t
plane_sample(const kt_plane_t *plane, uint32_t x, uint32_t y)
{
    const uint8_t *at = plane->data + (ptrdiff_t)y * plane->stride + (size_t)x * plane->step * plane->bytes;
    uint16_t       two;
    if (plane->bytes == 1)
        return *at;
    memcpy(&two, at, sizeof two);
    return two;
}

void
kt_reduce_spans(kt_reduce_t *self, const kt_plane_t *plane, const uint32_t *begin, const uint32_t *end, uint32_t from,
                uint32_t to, uint8_t *out, uint32_t width)
{
    (void)self;
    for (uint32_t i = 0; i < width; i++) {
        uint64_t sum = 0;
        for (uint32_t y = from; y < to; y++)
            for (uint32_t x = begin[i]; x < end[i]; x++)
                sum += plane_sample(plane, x, y);
        out[i] = divide_words(sum, (uint64_t)(to - from) * (end[i] - begin[i]), plane->depth);
    }
}
