#include "node/video/shots/picture.h"

#include "node/video/shots/planes_avx2.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    FRACTION  = 16,  // steps of the reduced luma per 8-bit step
    RADIUS    = 8,   // structure: a pixel less the mean of the 17 x 17 pixels around it
    DIAMETER  = 2 * RADIUS + 1,
    VECTOR    = 16,                             // pixels
    ROOM      = KT_SHOT_SIDE_MAX + 4 * VECTOR,  // of a row, with what whole vectors read and write behind it
    LEVEL     = 20,                             // mean absolute structure after normalisation, in steps of `detail`
    GAIN_MOST = 12,
};

// Mean absolute difference of two pictures of the same scene, of noise and coding, in 8-bit steps at the reduced size.
static const float noise = 0.6f;

void
kt_shot_size(uint32_t width, uint32_t height, kt_shot_size_t *out)
{
    const uint32_t side = width > height ? width : height, factor = (2 * side + KT_SHOT_SIDE) / (2 * KT_SHOT_SIDE);
    out->left = out->top = 0;
    out->factor          = factor > 1 ? factor : 1;
    out->width           = width / out->factor;
    out->height          = height / out->factor;
    out->chroma_width    = (width + 1) / 2 / out->factor;
    out->chroma_height   = (height + 1) / 2 / out->factor;
    out->across          = out->width / KT_SHOT_BLOCK;
    out->down            = out->height / KT_SHOT_BLOCK;
    out->stride          = (out->width + 2 * KT_SHOT_PAD + 15) / 16 * 16;
}

bool
kt_shot_size_same(const kt_shot_size_t *a, const kt_shot_size_t *b)
{
    return a->left == b->left && a->top == b->top && a->factor == b->factor && a->width == b->width &&
           a->height == b->height && a->chroma_width == b->chroma_width && a->chroma_height == b->chroma_height;
}

static size_t
detail_bytes(const kt_shot_size_t *size)
{
    return size->stride * (size->height + 2 * KT_SHOT_PAD);
}

size_t
kt_shot_picture_bytes(const kt_shot_size_t *size)
{
    return detail_bytes(size) + (size_t)size->width * size->height +
           2 * (size_t)size->chroma_width * size->chroma_height;
}

size_t
kt_shot_picture_bytes_most(void)
{
    kt_shot_size_t largest;
    kt_shot_size(KT_SHOT_SIDE_MAX - 1, KT_SHOT_SIDE_MAX - 1, &largest);
    return kt_shot_picture_bytes(&largest);
}

// All planes lie one after the other from here on, padding included.
static uint8_t *
memory_of(const kt_shot_picture_t *self, const kt_shot_size_t *size)
{
    return self->detail - KT_SHOT_PAD * size->stride - KT_SHOT_PAD;
}

static void
lay_out(kt_shot_picture_t *self, const kt_shot_size_t *size, uint8_t *memory)
{
    memset(memory, KT_SHOT_NEUTRAL, kt_shot_picture_bytes(size));
    self->detail = memory + KT_SHOT_PAD * size->stride + KT_SHOT_PAD;
    self->luma   = memory + detail_bytes(size);
    self->u      = self->luma + (size_t)size->width * size->height;
    self->v      = self->u + (size_t)size->chroma_width * size->chroma_height;
}

void
kt_shot_picture_init(kt_shot_picture_t *self, const kt_shot_size_t *size, uint8_t *memory)
{
    memset(self, 0, sizeof *self);
    lay_out(self, size, memory);
}

void
kt_shot_picture_copy(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_shot_picture_t *from)
{
    const kt_shot_picture_t planes = *self;
    memcpy(self, from, sizeof *self);
    self->detail = planes.detail;
    self->luma   = planes.luma;
    self->u      = planes.u;
    self->v      = planes.v;
    memcpy(memory_of(self, size), memory_of(from, size), kt_shot_picture_bytes(size));
}

#define KT_INLINE static inline __attribute__((always_inline))

// Means of factor x factor pixels, in 1/16 steps.
static void
reduce(const uint8_t *plane, size_t stride, uint32_t factor, uint32_t width, uint32_t height, uint16_t *out)
{
    const uint32_t n = factor * factor, scale = (FRACTION * 65536u + n / 2) / n;
    if (kt_shot_reduce_avx2(plane, stride, factor, scale, width, height, out))
        return;
    for (uint32_t y = 0; y < height; y++, plane += factor * stride)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t sum = 0;
            for (uint32_t r = 0; r < factor; r++)
                for (uint32_t c = 0; c < factor; c++)
                    sum += plane[r * stride + x * factor + c];
            *out++ = (uint16_t)((sum * scale + 32768) >> 16);
        }
}

KT_INLINE void
to_bytes(const uint16_t *in, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t level = (uint16_t)((uint16_t)(in[i] + FRACTION / 2) / FRACTION);
        out[i]               = (uint8_t)(level > 255 ? 255 : level);
    }
}

// The row of a picture, of rows outside the nearest one.
KT_INLINE const uint16_t *
row_near(const uint16_t *luma, uint32_t width, uint32_t height, int y)
{
    const int last = (int)height - 1;
    return luma + (size_t)(y < 0 ? 0 : y > last ? last : y) * width;
}

// Sums of DIAMETER neighbours from each on, of n + DIAMETER - 1 values: of 2, 4, 8 and 16, so that none waits for the
// one before it. Whole vectors, because the rest of a row would take as long as the row: `in` has ROOM values.
KT_INLINE void
sum_neighbours(const uint32_t *in, uint32_t n, uint32_t *out)
{
    uint32_t       two[ROOM], four[ROOM];
    const uint32_t all = (n + VECTOR - 1) / VECTOR * VECTOR;
    for (uint32_t x = 0; x < all + 2 * VECTOR; x++)
        two[x] = in[x] + in[x + 1];
    for (uint32_t x = 0; x < all + VECTOR; x++)
        four[x] = two[x] + two[x + 2];
    for (uint32_t x = 0; x < all + VECTOR / 2; x++)
        two[x] = four[x] + four[x + 4];
    for (uint32_t x = 0; x < all; x++)
        out[x] = two[x] + two[x + 8] + in[x + 16];
}
_Static_assert(DIAMETER == 17, "sum_neighbours");

// The quotient of the sum is exact: below 2^12, its error is below 2^-10, and half a step of the sum is more.
// out: luma less its mean over DIAMETER x DIAMETER pixels, edges repeated. Returns the sum of absolute values.
KT_INLINE uint32_t
structure(const uint16_t *luma, uint32_t width, uint32_t height, int16_t *out)
{
    static const float inverse = 1.F / (DIAMETER * DIAMETER);
    uint32_t           column[ROOM], box[ROOM];  // column: sums of DIAMETER rows
    uint32_t           sum = 0;
    memset(column, 0, sizeof column);
    for (int y = -RADIUS - 1; y < RADIUS; y++)
        for (uint32_t x = 0; x < width; x++)
            column[RADIUS + x] += row_near(luma, width, height, y)[x];
    for (uint32_t y = 0; y < height; y++, out += width) {
        const uint16_t *enter = row_near(luma, width, height, (int)y + RADIUS), *row = luma + (size_t)y * width;
        const uint16_t *leave = row_near(luma, width, height, (int)y - RADIUS - 1);
        for (uint32_t x = 0; x < width; x++)
            column[RADIUS + x] += (uint32_t)enter[x] - leave[x];
        for (uint32_t x = 0; x < RADIUS; x++) {
            column[x]                  = column[RADIUS];
            column[RADIUS + width + x] = column[RADIUS + width - 1];
        }
        sum_neighbours(column, width, box);
        for (uint32_t x = 0; x < width; x++) {
            const int32_t value = row[x] - (int32_t)(((float)(int32_t)box[x] + 0.5F) * inverse);
            out[x]              = (int16_t)value;
            sum += (uint32_t)(value < 0 ? -value : value);
        }
    }
    return sum;
}

// Sums of |detail - neutral| by blocks, two side by side: behind the last one of a row is padding.
KT_INLINE void
sum_blocks(kt_shot_picture_t *self, const kt_shot_size_t *size)
{
    for (uint32_t row = 0; row < size->down; row++)
        for (uint32_t b = 0; b < size->across; b += 2) {
            const uint8_t *detail = self->detail + row * KT_SHOT_BLOCK * size->stride + b * KT_SHOT_BLOCK;
            uint32_t       sum[2] = {0, 0};
#if defined(__x86_64__)
            __m128i       both    = _mm_setzero_si128();
            const __m128i neutral = _mm_set1_epi8((char)KT_SHOT_NEUTRAL);
            for (uint32_t y = 0; y < KT_SHOT_BLOCK; y++, detail += size->stride)
                both =
                    _mm_add_epi64(both, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(const void *)detail), neutral));
            sum[0] = (uint32_t)_mm_cvtsi128_si32(both);
            sum[1] = (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(both, 8));
#else
            for (uint32_t y = 0; y < KT_SHOT_BLOCK; y++, detail += size->stride)
                for (uint32_t x = 0; x < 2 * KT_SHOT_BLOCK; x++)
                    sum[x / KT_SHOT_BLOCK] += (uint32_t)abs(detail[x] - KT_SHOT_NEUTRAL);
#endif
            for (uint32_t i = 0; i < 2 && b + i < size->across; i++)
                self->intra[row * KT_SHOT_ACROSS + b + i] = sum[i];
        }
}

KT_INLINE void
normalise(kt_shot_picture_t *self, const kt_shot_size_t *size, const int16_t *local, uint32_t sum)
{
    const size_t n = (size_t)size->width * size->height;
    // 8.8 fixed point, of 1/16 steps
    int64_t gain = sum ? (int64_t)(LEVEL * 256 * n / sum) : GAIN_MOST * 256 / FRACTION;
    if (gain > GAIN_MOST * 256 / FRACTION)
        gain = GAIN_MOST * 256 / FRACTION;
    const int      factor = (int)(gain > 1 ? gain : 1);
    const uint32_t width = size->width, height = size->height;
    for (uint32_t y = 0; y < height; y++, local += width) {
        uint8_t *restrict out = self->detail + y * size->stride;
        if (kt_shot_normalise_avx2(local, width, factor, KT_SHOT_NEUTRAL, out))
            continue;
        for (uint32_t x = 0; x < width; x++) {
            const int value = KT_SHOT_NEUTRAL + ((local[x] * factor + 128) >> 8);
            out[x]          = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
    self->contrast = (float)sum / (float)(FRACTION * n);
    self->floor    = noise * FRACTION * (float)factor / 256 * KT_SHOT_BLOCK * KT_SHOT_BLOCK;
    sum_blocks(self, size);
}

// Shares of the colours, `share` of the pixels being a border that is left out; quotients of integers below 2^48 are
// exact in double when they are cut off.
KT_INLINE void
share_colours(kt_shot_picture_t *self, uint32_t count[KT_IMAGE_COLOURS], const kt_shot_border_t *border, double share)
{
    uint32_t all = 0, colours = 0;
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        all += count[c];
    const uint32_t bars = (uint32_t)(share * all);  // at most 65535
    for (int c = 0; c < KT_IMAGE_COLOURS; c++) {
        const uint32_t of_bars = bars * border->colour[c] / 65535;
        count[c]               = count[c] > of_bars ? count[c] - of_bars : 0;
        colours += count[c];
    }
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        self->colour[c] = colours ? (uint16_t)(int32_t)((double)(int32_t)count[c] * 65535 / colours) : 0;
}

// Levels and structure of luma in 1/16 steps.
KT_INLINE void
measure(kt_shot_picture_t *self, const kt_shot_size_t *size, const uint16_t *luma)
{
    int16_t      local[KT_SHOT_SIDE_MAX * KT_SHOT_SIDE_MAX];
    const size_t n       = (size_t)size->width * size->height;
    uint32_t     sum     = 0;
    uint64_t     squares = 0;
    for (size_t row = 0; row < size->height; row++) {
        uint32_t of_row = 0;  // at most KT_SHOT_SIDE_MAX * (255 * FRACTION)^2
        for (size_t i = row * size->width; i < (row + 1) * size->width; i++) {
            sum += luma[i];
            of_row += (uint32_t)luma[i] * luma[i];
        }
        squares += of_row;
    }
    const double mean = n ? (double)sum / (double)n : 0, variance = n ? (double)squares / (double)n - mean * mean : 0;
    self->mean      = (float)(mean / FRACTION);
    self->deviation = variance > 0 ? (float)(sqrt(variance) / FRACTION) : 0;
    if (n)
        normalise(self, size, local, structure(luma, size->width, size->height, local));
}

KT_INLINE void
make(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv, const kt_image_stats_t *stats,
     const kt_shot_border_t *border)
{
    uint16_t     luma[KT_SHOT_SIDE_MAX * KT_SHOT_SIDE_MAX];
    uint32_t     colour[KT_IMAGE_COLOURS];
    const size_t n = (size_t)size->width * size->height, chroma = (size_t)size->chroma_width * size->chroma_height;
    reduce(yuv->u, yuv->c_stride, size->factor, size->chroma_width, size->chroma_height, luma);
    to_bytes(luma, chroma, self->u);
    reduce(yuv->v, yuv->c_stride, size->factor, size->chroma_width, size->chroma_height, luma);
    to_bytes(luma, chroma, self->v);
    reduce(yuv->y, yuv->y_stride, size->factor, size->width, size->height, luma);
    to_bytes(luma, n, self->luma);
    memcpy(colour, stats->colour, sizeof colour);
    share_colours(self, colour, border, border->share);
    measure(self, size, luma);
}

static void
make_base(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv, const kt_image_stats_t *stats,
          const kt_shot_border_t *border)
{
    make(self, size, yuv, stats, border);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
make_avx2(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv, const kt_image_stats_t *stats,
          const kt_shot_border_t *border)
{
    make(self, size, yuv, stats, border);
}
#endif

void
kt_shot_picture_make(kt_shot_picture_t *self, const kt_shot_size_t *size, const kt_yuv_t *yuv,
                     const kt_image_stats_t *stats, const kt_shot_border_t *border)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        make_avx2(self, size, yuv, stats, border);
        return;
    }
#endif
    make_base(self, size, yuv, stats, border);
}

// A plane of another size, by the levels of the four pixels around the centre of each.
typedef struct plane {
    uint8_t *at;
    uint32_t left, top, width, height, factor;
} plane_t;

// The pixel of `length` before a place, in halves of the reduced planes' pixels, *share of 2 * factor of the next one.
static uint32_t
pixel_before(int32_t place, uint32_t factor, uint32_t length, uint32_t *share)
{
    const int32_t step = 2 * (int32_t)factor, from = place - (int32_t)factor;
    const bool    inside = from >= 0 && from / step + 1 < (int32_t)length;
    *share               = inside ? (uint32_t)(from % step) : 0;
    return from < 0 ? 0 : inside ? (uint32_t)(from / step) : length - 1;
}

static void
resample(const plane_t *from, const plane_t *to, uint8_t outside)
{
    const int32_t width  = 2 * (int32_t)(from->factor * from->width),
                  height = 2 * (int32_t)(from->factor * from->height);
    const uint32_t one   = 2 * from->factor;
    for (uint32_t y = 0; y < to->height; y++)
        for (uint32_t x = 0; x < to->width; x++) {
            const int32_t across =
                              2 * ((int32_t)(to->left + x * to->factor) - (int32_t)from->left) + (int32_t)to->factor,
                          down = 2 * ((int32_t)(to->top + y * to->factor) - (int32_t)from->top) + (int32_t)to->factor;
            uint8_t *out       = &to->at[y * to->width + x];
            *out               = outside;
            if (across < 0 || across >= width || down < 0 || down >= height)
                continue;
            uint32_t       right, below;
            const uint32_t column = pixel_before(across, from->factor, from->width, &right),
                           row    = pixel_before(down, from->factor, from->height, &below);
            const uint8_t *upper = &from->at[row * from->width + column], *lower = below ? upper + from->width : upper;
            const uint32_t next = right ? 1 : 0;
            const uint32_t sum  = (one - below) * ((one - right) * upper[0] + right * upper[next]) +
                                 below * ((one - right) * lower[0] + right * lower[next]);
            *out = (uint8_t)((sum + one * one / 2) / (one * one));
        }
}

static void
refit(kt_shot_picture_t *self, const kt_shot_size_t *before, const kt_shot_size_t *size, const kt_shot_border_t *border)
{
    enum { LUMA_MOST = KT_SHOT_SIDE_MAX * KT_SHOT_SIDE_MAX };
    uint8_t      levels[2 * LUMA_MOST];
    uint16_t     luma[LUMA_MOST];
    uint32_t     colour[KT_IMAGE_COLOURS];
    const size_t n = (size_t)size->width * size->height, old = (size_t)before->width * before->height,
                 chroma = (size_t)before->chroma_width * before->chroma_height;
    const double area   = (double)(size->factor * size->factor) * (double)n,
                 ratio  = area / ((double)(before->factor * before->factor) * (double)(old ? old : 1));
    memcpy(levels, self->luma, old + 2 * chroma);
    lay_out(self, size, memory_of(self, before));
    resample(&(plane_t){levels, before->left, before->top, before->width, before->height, before->factor},
             &(plane_t){self->luma, size->left, size->top, size->width, size->height, size->factor}, border->level[0]);
    for (int i = 0; i < 2; i++)
        resample(&(plane_t){levels + old + (size_t)i * chroma, before->left / 2, before->top / 2, before->chroma_width,
                            before->chroma_height, before->factor},
                 &(plane_t){i ? self->v : self->u, size->left / 2, size->top / 2, size->chroma_width,
                            size->chroma_height, size->factor},
                 border->level[1 + i]);
    for (size_t i = 0; i < n; i++)
        luma[i] = (uint16_t)(self->luma[i] * FRACTION);
    for (int c = 0; c < KT_IMAGE_COLOURS; c++)
        colour[c] = self->colour[c] + (ratio > 1 ? (uint32_t)(border->colour[c] * (ratio - 1)) : 0);
    share_colours(self, colour, border, ratio < 1 ? 1 - ratio : 0);
    memset(self->intra, 0, sizeof self->intra);
    measure(self, size, luma);
}

void
kt_shot_pictures_refit(kt_shot_picture_t pictures[], size_t n, size_t kept, const kt_shot_size_t *before,
                       const kt_shot_size_t *size, const kt_shot_border_t *border)
{
    for (size_t p = 0; p < n; p++)
        if (p < kept)
            refit(&pictures[p], before, size, border);
        else
            kt_shot_picture_init(&pictures[p], size, memory_of(&pictures[p], before));
}
