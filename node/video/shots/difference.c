#include "node/video/shots/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    NEAR        = 3,  // pixels around no movement
    NEAR_COMMON = 2,  // and around the common one
    COMMON_X    = 12,
    COMMON_Y    = 8,
    COMMON_STEP = 2,
    COMMON_ROWS = 3,  // every third row is compared
};

// Below the first, no movement is searched; below the second, no common one: results this low decide nothing.
static const float still = 0.10f, explained = 0.22f;

typedef struct search {
    const kt_shot_picture_t *a, *b;
    const kt_shot_size_t    *size;
    uint32_t                 cost[KT_SHOT_BLOCKS];  // in rows of KT_SHOT_ACROSS
    float                    total;
} search_t;

static inline uint32_t
larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

// Movements from a to b, bounds included.
typedef struct range {
    int left, right, up, down;
} range_t;

#if defined(__x86_64__)
// Four blocks side by side, which stay in registers while they are compared with all places. What lies behind the last
// block of a row is padding.
__attribute__((target("avx2"))) static void
try_range_avx2(search_t *self, const range_t *range)
{
    const size_t stride = self->size->stride;
    for (uint32_t row = 0; row < self->size->down; row++)
        for (uint32_t block = 0; block < self->size->across; block += 4) {
            const size_t   at  = (size_t)row * KT_SHOT_BLOCK * stride + (size_t)block * KT_SHOT_BLOCK;
            const uint8_t *now = self->b->detail + at;
            __m256i        rows[KT_SHOT_BLOCK], least = _mm256_set1_epi64x(UINT32_MAX);
            for (int y = 0; y < KT_SHOT_BLOCK; y++)
                rows[y] = _mm256_loadu_si256((const __m256i *)(const void *)(now + (size_t)y * stride));
            for (int dy = range->up; dy <= range->down; dy++)
                for (int dx = range->left; dx <= range->right; dx++) {
                    const uint8_t *before = self->a->detail + at - dy * (ptrdiff_t)stride - dx;
                    __m256i        sum    = _mm256_setzero_si256();
                    for (int y = 0; y < KT_SHOT_BLOCK; y++, before += stride)
                        sum = _mm256_add_epi64(
                            sum, _mm256_sad_epu8(rows[y], _mm256_loadu_si256((const __m256i *)(const void *)before)));
                    least = _mm256_min_epu32(least, sum);
                }
            uint64_t  four[4];
            uint32_t *cost = &self->cost[row * KT_SHOT_ACROSS + block];
            _mm256_storeu_si256((__m256i *)(void *)four, least);
            for (int i = 0; i < 4; i++)
                cost[i] = (uint32_t)four[i] < cost[i] ? (uint32_t)four[i] : cost[i];
        }
}
#endif

// Sum of absolute differences of two rows of n bytes.
static uint32_t
row_difference_base(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint32_t sum = 0;
    for (size_t x = 0; x < n; x++)
        sum += (uint32_t)abs(a[x] - b[x]);
    return sum;
}

#if defined(__x86_64__)
// The same; behind the rows there are 31 more bytes.
__attribute__((target("avx2"))) static uint32_t
row_difference_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
    static const uint8_t MASK[64] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                     255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    __m256i              sum      = _mm256_setzero_si256();
    size_t               i        = 0;
    for (; i + 32 <= n; i += 32)
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_loadu_si256((const __m256i *)(const void *)(a + i)),
                                                    _mm256_loadu_si256((const __m256i *)(const void *)(b + i))));
    const __m256i mask = _mm256_loadu_si256((const __m256i *)(const void *)(MASK + 32 - (n - i)));
    const __m256i one  = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)(a + i)), mask);
    const __m256i two  = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)(b + i)), mask);
    sum                = _mm256_add_epi64(sum, _mm256_sad_epu8(one, two));
    const __m128i both = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return (uint32_t)_mm_cvtsi128_si32(both) + (uint32_t)_mm_extract_epi32(both, 2);
}
#endif

static uint32_t
row_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return row_difference_avx2(a, b, n);
#endif
    return row_difference_base(a, b, n);
}

static void
try_range_base(search_t *self, const range_t *range)
{
    const size_t stride = self->size->stride;
    for (uint32_t row = 0; row < self->size->down; row++)
        for (uint32_t block = 0; block < self->size->across; block++) {
            const size_t at   = (size_t)row * KT_SHOT_BLOCK * stride + (size_t)block * KT_SHOT_BLOCK;
            uint32_t    *cost = &self->cost[row * KT_SHOT_ACROSS + block];
            for (int dy = range->up; dy <= range->down; dy++)
                for (int dx = range->left; dx <= range->right; dx++) {
                    const uint8_t *now    = self->b->detail + at;
                    const uint8_t *before = self->a->detail + at - dy * (ptrdiff_t)stride - dx;
                    uint32_t       sum    = 0;
                    for (int y = 0; y < KT_SHOT_BLOCK; y++, now += stride, before += stride)
                        for (int x = 0; x < KT_SHOT_BLOCK; x++)
                            sum += (uint32_t)abs(now[x] - before[x]);
                    *cost = sum < *cost ? sum : *cost;
                }
        }
}

// Lowers the costs of blocks to those of the movements within `radius` of (x, y) from a to b.
static void
search_around(search_t *self, int x, int y, int radius)
{
    const range_t range = {.left  = x - radius < -KT_SHOT_PAD ? -KT_SHOT_PAD : x - radius,
                           .right = x + radius > KT_SHOT_PAD ? KT_SHOT_PAD : x + radius,
                           .up    = y - radius < -KT_SHOT_PAD ? -KT_SHOT_PAD : y - radius,
                           .down  = y + radius > KT_SHOT_PAD ? KT_SHOT_PAD : y + radius};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        try_range_avx2(self, &range);
        return;
    }
#endif
    try_range_base(self, &range);
}

// Difference of the pixels that both pictures show when a moves by (dx, dy), until it is clear that 256 times the sum
// reaches `limit` per pixel; *pixels: how many are compared.
static uint64_t
common_difference(const search_t *self, int dx, int dy, uint64_t limit, uint64_t *pixels)
{
    const int stride = (int)self->size->stride, width = (int)self->size->width, height = (int)self->size->height;
    const int left = dx > 0 ? dx : 0, right = dx < 0 ? width + dx : width;
    const int top = dy > 0 ? dy : 0, bottom = dy < 0 ? height + dy : height;
    const int rows = bottom > top && right > left ? (bottom - top + COMMON_ROWS - 1) / COMMON_ROWS : 0;
    uint64_t  sum  = 0;
    *pixels        = rows ? (uint64_t)rows * (uint64_t)(right - left) : 0;
    for (int y = top; y < top + rows * COMMON_ROWS && sum * 256 < limit * *pixels; y += COMMON_ROWS)
        sum += row_difference(self->b->detail + (int64_t)y * stride + left,
                              self->a->detail + (int64_t)(y - dy) * stride - dx + left, (size_t)(right - left));
    return sum;
}

// The movement of the whole picture with the smallest difference per pixel that both pictures show; small movements are
// preferred. The first of several.
static void
common_movement(const search_t *self, int *x_p, int *y_p)
{
    uint64_t best = UINT32_MAX;
    for (int dy = -COMMON_Y; dy <= COMMON_Y; dy += COMMON_STEP)
        for (int dx = -COMMON_X; dx <= COMMON_X; dx += COMMON_STEP) {
            const uint64_t distance = 16u * (uint64_t)(abs(dx) + abs(dy)),
                           limit    = best > distance ? best - distance : 0;
            uint64_t       pixels;
            const uint64_t sum = common_difference(self, dx, dy, limit, &pixels);
            if (pixels > 0 && sum * 256 / pixels < limit) {
                best = sum * 256 / pixels + distance;
                *x_p = dx;
                *y_p = dy;
            }
        }
}

static float
unexplained(const search_t *self)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < self->size->down; row++)
        for (uint32_t i = row * KT_SHOT_ACROSS; i < row * KT_SHOT_ACROSS + self->size->across; i++) {
            const uint32_t most = larger(self->a->intra[i], self->b->intra[i]);
            sum += self->cost[i] < most ? self->cost[i] : most;
        }
    return self->total > 0 ? (float)sum / self->total : 0;
}

// What blocks are without prediction, and noise.
static float
total_of(const search_t *self)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < self->size->down; row++)
        for (uint32_t i = row * KT_SHOT_ACROSS; i < row * KT_SHOT_ACROSS + self->size->across; i++)
            sum += larger(self->a->intra[i], self->b->intra[i]);
    const float floor = self->a->floor > self->b->floor ? self->a->floor : self->b->floor;
    return (float)sum + floor * (float)(self->size->across * self->size->down);
}

// What is left after the search for movements; `at_rest`: without any.
static float
search(search_t *self, float at_rest)
{
    int x = 0, y = 0;
    if (at_rest < still)
        return at_rest;
    search_around(self, 0, 0, NEAR);
    const float near = unexplained(self);
    if (near < explained)
        return near;
    common_movement(self, &x, &y);
    if (abs(x) > NEAR - NEAR_COMMON || abs(y) > NEAR - NEAR_COMMON)
        search_around(self, x, y, NEAR_COMMON);
    return unexplained(self);
}

float
kt_shot_difference_moved(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size,
                         float *moved)
{
    search_t self = {.a = a, .b = b, .size = size};
    memset(self.cost, 0xff, sizeof self.cost);
    self.total = total_of(&self);
    search_around(&self, 0, 0, 0);
    const float at_rest = unexplained(&self), result = search(&self, at_rest);
    *moved = at_rest - result;
    return result;
}

float
kt_shot_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size)
{
    float moved;
    return kt_shot_difference_moved(a, b, size, &moved);
}

float
kt_shot_colour_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b)
{
    uint32_t sum = 0;
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        sum += (uint32_t)abs(a->colour[c] - b->colour[c]);
    return (float)sum / (2 * 65535.f);
}

float
kt_shot_luma_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size)
{
    static const float least_deviation = 2;  // 8-bit steps; less is noise
    const size_t       n               = (size_t)size->width * size->height;
    const float        scale_a         = 1 / (a->deviation > least_deviation ? a->deviation : least_deviation),
                scale_b                = 1 / (b->deviation > least_deviation ? b->deviation : least_deviation);
    float sum                          = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabsf(((float)a->luma[i] - a->mean) * scale_a - ((float)b->luma[i] - b->mean) * scale_b);
    return n ? sum / (float)n : 0;
}

static uint64_t
absolute_differences(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t sum = 0;
    for (size_t done = 0; done < n; done += 4096) {
        uint32_t     part = 0;
        const size_t end  = n - done < 4096 ? n : done + 4096;
        for (size_t i = done; i < end; i++)
            part += (uint32_t)abs(a[i] - b[i]);
        sum += part;
    }
    return sum;
}

float
kt_shot_level_difference(const kt_shot_picture_t *a, const kt_shot_picture_t *b, const kt_shot_size_t *size)
{
    const size_t   n = (size_t)size->width * size->height, c = (size_t)size->chroma_width * size->chroma_height;
    const uint64_t sum    = absolute_differences(a->luma, b->luma, n),
                   chroma = absolute_differences(a->u, b->u, c) + absolute_differences(a->v, b->v, c);
    return (n ? (float)sum / (float)n : 0) + (c ? (float)chroma / (float)c / 2 : 0);
}
