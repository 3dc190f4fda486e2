// One row of the picture at a time: weighted sums of 7 rows, then of 7 columns, then the maps with the row before, all
// KT_WIDE pixels side by side. x is taken relative to 128, which leaves the deviation as it is and makes the squares,
// whose difference it is, smaller; outside the picture it is -128. Rows of m have zeros behind their end: they add to
// no sum.
#include "kernels/image/mscn.h"

#include "kernels/cpu/simd.h"

#define MIDDLE 128.0F

_Static_assert(KT_MSCN_PAD >= KT_WIDE + KT_MSCN_RADIUS && KT_MSCN_PAD % KT_WIDE == 0, "whole vectors fit behind a row");

KT_INLINE vw_t
vw_all(float x)
{
    return (vw_t){0} + x;
}

KT_INLINE void
vw_store(float *out, vw_t x)
{
    memcpy(out, &x, sizeof x);
}

KT_INLINE vw_t
vw_sqrt(vw_t x)
{
#if defined(__AVX512F__)
    return (vw_t)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vw_t)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
    return (vw_t)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < KT_WIDE; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

typedef struct picture {
    const float *x;
    size_t       stride, width, height;
} picture_t;

// Working memory of one row each, with KT_MSCN_PAD floats on both sides.
typedef struct rows {
    float *mean, *squares;
} rows_t;

static void
sum_rows(const picture_t *picture, size_t row, const vw_t *w, const rows_t *out)
{
    enum { TAPS = 2 * KT_MSCN_RADIUS + 1 };
    const float *x[TAPS];
    const size_t width = picture->width;
    for (size_t k = 0; k < TAPS; k++) {
        const size_t at = row + k - KT_MSCN_RADIUS;  // above the picture it wraps around
        x[k]            = at < picture->height ? picture->x + at * picture->stride : NULL;
    }
    for (size_t i = 0; i < width; i += KT_WIDE) {
        vw_t mean = {0}, squares = {0};
        for (int k = 0; k < TAPS; k++) {
            const vw_t v = x[k] ? vw_load(x[k] + i) - MIDDLE : vw_all(-MIDDLE);
            const vw_t p = w[k < KT_MSCN_RADIUS ? KT_MSCN_RADIUS - k : k - KT_MSCN_RADIUS] * v;
            mean += p;
            squares += p * v;
        }
        vw_store(out->mean + i, mean);
        vw_store(out->squares + i, squares);
    }
    for (size_t i = 0; i < KT_MSCN_PAD; i++) {
        out->mean[width + i]    = -MIDDLE;
        out->squares[width + i] = MIDDLE * MIDDLE;
    }
}

KT_INLINE vw_t
sum_columns(const float *at, const vw_t *w)
{
    vw_t sum = w[0] * vw_load(at);
    for (int k = 1; k <= KT_MSCN_RADIUS; k++)
        sum += w[k] * (vw_load(at - k) + vw_load(at + k));
    return sum;
}

static void
normalise(const float *x, size_t width, const vw_t *w, const rows_t *sums, float *out)
{
    for (size_t i = 0; i < width; i += KT_WIDE) {
        const vw_t mean = sum_columns(sums->mean + i, w), squares = sum_columns(sums->squares + i, w);
        const vw_t difference = vw_load(x + i) - MIDDLE - mean;
        const vw_t m          = difference / (vw_sqrt(vw_abs(mean * mean - squares)) + 1.0F);
        vw_store(out + i, (vw_t)((vwi_t)m & (vw_abs(difference) >= KT_MSCN_FLAT)));
    }
    memset(out + width, 0, KT_MSCN_PAD * sizeof *out);
}

// Of one map in one row.
typedef struct part {
    vw_t  magnitudes, below_squares, squares;
    vwi_t below;
} part_t;

KT_INLINE void
add(part_t *part, vw_t v)
{
    const vwi_t below  = v < 0;
    const vw_t  square = v * v;
    part->below -= below;
    part->magnitudes += vw_abs(v);
    part->squares += square;
    part->below_squares += (vw_t)((vwi_t)square & below);
}

static void
add_part(kt_mscn_sums_t *sums, const part_t *part, size_t count)
{
    sums->count += (double)count;
    for (int i = 0; i < KT_WIDE; i++) {
        sums->below += part->below[i];
        sums->magnitudes += (double)part->magnitudes[i];
        sums->squares[0] += (double)part->below_squares[i];
        sums->squares[1] += (double)(part->squares[i] - part->below_squares[i]);
    }
}

// above: NULL in the first row.
static void
add_maps(const float *now, const float *above, size_t width, kt_mscn_sums_t out[KT_MSCN_MAPS])
{
    part_t part[KT_MSCN_MAPS];
    memset(part, 0, sizeof part);
    for (size_t i = 0; i < width; i += KT_WIDE) {
        const vw_t m = vw_load(now + i);
        add(&part[0], m);
        add(&part[1], m * vw_load(now + i + 1));
    }
    add_part(&out[0], &part[0], width);
    add_part(&out[1], &part[1], width - 1);
    if (!above)
        return;
    for (size_t i = 0; i < width; i += KT_WIDE) {
        const vw_t m = vw_load(now + i), a = vw_load(above + i);
        add(&part[2], a * m);
        add(&part[3], a * vw_load(now + i + 1));
        add(&part[4], m * vw_load(above + i + 1));
    }
    add_part(&out[2], &part[2], width);
    add_part(&out[3], &part[3], width - 1);
    add_part(&out[4], &part[4], width - 1);
}

static void
mscn_sums(const float *x, size_t stride, size_t width, size_t height, float *scratch, kt_mscn_sums_t out[KT_MSCN_MAPS])
{
    const size_t    room    = width + 2 * KT_MSCN_PAD;
    const picture_t picture = {x, stride, width, height};
    const rows_t    sums    = {scratch + KT_MSCN_PAD, scratch + room + KT_MSCN_PAD};
    float          *now = scratch + 2 * room, *above = scratch + 3 * room;
    vw_t            w[KT_MSCN_RADIUS + 1];
    for (int k = 0; k <= KT_MSCN_RADIUS; k++)
        w[k] = vw_all((float)kt_mscn_weights[k]);
    for (size_t i = 0; i < KT_MSCN_PAD; i++) {
        scratch[i]        = -MIDDLE;
        scratch[room + i] = MIDDLE * MIDDLE;
    }
    memset(out, 0, KT_MSCN_MAPS * sizeof *out);
    for (size_t row = 0; row < height; row++) {
        sum_rows(&picture, row, w, &sums);
        normalise(x + row * stride, width, w, &sums, now);
        add_maps(now, row ? above : NULL, width, out);
        float *next = above;
        above       = now;
        now         = next;
    }
}

static void
mscn_widen(const uint8_t *restrict y, size_t n, float black, float gain, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)y[i] - black) * gain;
}

#define INNER 0.59375F  // OpenCV's weights, half between two samples
#define OUTER 0.09375F

static void
mscn_halve(const float *const rows[4], size_t width, float *restrict scratch, float *restrict out)
{
    const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
    const size_t half = kt_mscn_half(width), last = width - 1;
    for (size_t i = 0; i < width; i++)
        scratch[i] = INNER * (r1[i] + r2[i]) - OUTER * (r0[i] + r3[i]);
    const float *s = scratch;
    for (size_t i = 1; i + 1 < half; i++)
        out[i] = INNER * (s[2 * i] + s[2 * i + 1]) - OUTER * (s[2 * i - 1] + s[2 * i + 2]);
    for (size_t i = 0; i<half; i += half> 1 ? half - 1 : 1) {  // the first and the last
        const size_t at = 2 * i;
        out[i]          = INNER * (s[at < last ? at : last] + s[at + 1 < last ? at + 1 : last]) -
                 OUTER * (s[at > 0 ? at - 1 : 0] + s[at + 2 < last ? at + 2 : last]);
    }
}

const kt_mscn_ops_t KT_NAME(kt_mscn_ops) = {mscn_widen, mscn_halve, mscn_sums};
