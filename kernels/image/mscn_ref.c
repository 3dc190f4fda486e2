#include "kernels/image/mscn.h"

#include <math.h>
#include <string.h>

const double kt_mscn_weights[KT_MSCN_RADIUS + 1] = {0.3426315154652495, 0.23729607711717063, 0.07882796468173003,
                                                    0.012560200468474616};

static void
mscn_widen(const uint8_t *y, size_t n, float black, float gain, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)y[i] - black) * gain;
}

static void
mscn_halve(const float *const rows[4], size_t width, float *scratch, float *out)
{
    static const double WEIGHTS[] = {-0.09375, 0.59375, 0.59375, -0.09375};  // a = -0.75, half between two samples
    (void)scratch;
    for (size_t i = 0; i < kt_mscn_half(width); i++) {
        double sum = 0;
        for (size_t k = 0; k < 4; k++) {
            const size_t at = 2 * i + k < 1 ? 0 : 2 * i + k - 1 < width ? 2 * i + k - 1 : width - 1;
            for (size_t r = 0; r < 4; r++)
                sum += WEIGHTS[k] * WEIGHTS[r] * rows[r][at];
        }
        out[i] = (float)sum;
    }
}

static double
normalised(const float *x, size_t stride, size_t width, size_t height, size_t column, size_t row)
{
    double mean = 0, squares = 0;
    for (int dy = -KT_MSCN_RADIUS; dy <= KT_MSCN_RADIUS; dy++)
        for (int dx = -KT_MSCN_RADIUS; dx <= KT_MSCN_RADIUS; dx++) {
            const ptrdiff_t r = (ptrdiff_t)row + dy, c = (ptrdiff_t)column + dx;
            if (r < 0 || r >= (ptrdiff_t)height || c < 0 || c >= (ptrdiff_t)width)
                continue;
            const double v = x[(size_t)r * stride + (size_t)c];
            const double w = kt_mscn_weights[dx < 0 ? -dx : dx] * kt_mscn_weights[dy < 0 ? -dy : dy];
            mean += w * v;
            squares += w * v * v;
        }
    const double difference = x[row * stride + column] - mean;
    return fabs(difference) < (double)KT_MSCN_FLAT ? 0 : difference / (sqrt(fabs(mean * mean - squares)) + 1);
}

static void
add(kt_mscn_sums_t *sums, double value)
{
    sums->count++;
    sums->below += value < 0;
    sums->magnitudes += fabs(value);
    sums->squares[value >= 0] += value * value;
}

static void
mscn_sums(const float *x, size_t stride, size_t width, size_t height, float *scratch, kt_mscn_sums_t out[KT_MSCN_MAPS])
{
    float *above = scratch, *now = scratch + width;
    memset(out, 0, KT_MSCN_MAPS * sizeof *out);
    for (size_t row = 0; row < height; row++) {
        for (size_t i = 0; i < width; i++)
            now[i] = (float)normalised(x, stride, width, height, i, row);
        for (size_t i = 0; i < width; i++) {
            add(&out[0], now[i]);
            if (i + 1 < width)
                add(&out[1], (double)now[i] * now[i + 1]);
            if (row == 0)
                continue;
            add(&out[2], (double)above[i] * now[i]);
            if (i + 1 < width) {
                add(&out[3], (double)above[i] * now[i + 1]);
                add(&out[4], (double)now[i] * above[i + 1]);
            }
        }
        float *next = above;
        above       = now;
        now         = next;
    }
}

const kt_mscn_ops_t kt_mscn_ops_ref = {mscn_widen, mscn_halve, mscn_sums};
