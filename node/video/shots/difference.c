#include "node/video/shots/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
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

// Sums of absolute differences of the eight rows of two blocks side by side.
static inline void
two_blocks(const uint8_t *now, const uint8_t *before, size_t stride, uint32_t sum[2])
{
#ifdef __SSE2__
    __m128i both = _mm_setzero_si128();
    for (int y = 0; y < KT_SHOT_BLOCK; y++, now += stride, before += stride)
        both = _mm_add_epi64(both, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(const void *)now),
                                                _mm_loadu_si128((const __m128i *)(const void *)before)));
    sum[0] = (uint32_t)_mm_cvtsi128_si32(both);
    sum[1] = (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(both, 8));
#else
    sum[0] = sum[1] = 0;
    for (int y = 0; y < KT_SHOT_BLOCK; y++, now += stride, before += stride)
        for (int x = 0; x < 2 * KT_SHOT_BLOCK; x++)
            sum[x / KT_SHOT_BLOCK] += (uint32_t)abs(now[x] - before[x]);
#endif
}

// Lowers the costs of blocks to those of the movement (dx, dy) from a to b.
static void
try_movement(search_t *self, int dx, int dy)
{
    const kt_shot_size_t *size = self->size;
    for (uint32_t row = 0; row < size->down; row++) {
        const uint8_t *now    = self->b->detail + (size_t)row * KT_SHOT_BLOCK * size->stride;
        const uint8_t *before = self->a->detail + ((int64_t)row * KT_SHOT_BLOCK - dy) * (int64_t)size->stride - dx;
        for (uint32_t block = 0; block < size->across; block += 2) {  // the padding holds the last one's neighbour
            uint32_t  sum[2];
            uint32_t *cost = &self->cost[row * KT_SHOT_ACROSS + block];
            two_blocks(now + (size_t)block * KT_SHOT_BLOCK, before + (size_t)block * KT_SHOT_BLOCK, size->stride, sum);
            cost[0] = sum[0] < cost[0] ? sum[0] : cost[0];
            cost[1] = sum[1] < cost[1] ? sum[1] : cost[1];
        }
    }
}

static void
search_around(search_t *self, int x, int y, int radius)
{
    for (int dy = -radius; dy <= radius; dy++)
        for (int dx = -radius; dx <= radius; dx++)
            if (abs(x + dx) <= KT_SHOT_PAD && abs(y + dy) <= KT_SHOT_PAD)
                try_movement(self, x + dx, y + dy);
}

// The movement of the whole picture with the smallest difference per pixel that both pictures show.
static void
common_movement(const search_t *self, int *x_p, int *y_p)
{
    const int stride = (int)self->size->stride, width = (int)self->size->width, height = (int)self->size->height;
    uint64_t  best = UINT64_MAX;
    for (int dy = -COMMON_Y; dy <= COMMON_Y; dy += COMMON_STEP)
        for (int dx = -COMMON_X; dx <= COMMON_X; dx += COMMON_STEP) {
            const int left = dx > 0 ? dx : 0, right = dx < 0 ? width + dx : width,
                      bottom = dy < 0 ? height + dy : height;
            uint64_t sum = 0, pixels = 0;
            for (int y = dy > 0 ? dy : 0; y < bottom && right > left; y += COMMON_ROWS) {
                const uint8_t *now    = self->b->detail + (int64_t)y * stride;
                const uint8_t *before = self->a->detail + (int64_t)(y - dy) * stride - dx;
                uint32_t       row    = 0;
                for (int x = left; x < right; x++)
                    row += (uint32_t)abs(now[x] - before[x]);
                sum += row;
                pixels += (uint64_t)(right - left);
            }
            const uint64_t mean = pixels ? (sum * 256 / pixels) + 16u * (uint64_t)(abs(dx) + abs(dy)) : UINT64_MAX;
            if (mean < best) {
                best = mean;
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
    try_movement(&self, 0, 0);
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
