#include "node/video/quality/measures.h"

#include <math.h>

enum { UNIFORM = 6, LEAST_SIDE = 32, LEAST_DEVIATION = 3, SAMPLES = 8 };

static bool
is_uniform(const uint8_t *at, size_t n, size_t step)
{
    uint8_t low = at[0], high = at[0];
    for (size_t i = 1; i < n; i++) {
        const uint8_t v = at[i * step];
        low             = v < low ? v : low;
        high            = v > high ? v : high;
    }
    return high - low <= UNIFORM;
}

static double
deviation(const kt_plane_t *plane)
{
    double sum = 0, squares = 0, n = 0;
    for (uint32_t y = 0; y < plane->height; y += SAMPLES)
        for (uint32_t x = 0; x < plane->width; x += SAMPLES, n++) {
            const double v = plane->at[y * plane->stride + x];
            sum += v;
            squares += v * v;
        }
    return sqrt(fmax(0, squares / n - sum / n * (sum / n)));
}

bool
kt_plane_crop(const kt_plane_t *whole, kt_plane_t *out)
{
    kt_plane_t in = *whole;
    while (in.height > LEAST_SIDE && is_uniform(in.at, in.width, 1)) {
        in.at += in.stride;
        in.height--;
    }
    while (in.height > LEAST_SIDE && is_uniform(in.at + (in.height - 1) * in.stride, in.width, 1))
        in.height--;
    while (in.width > LEAST_SIDE && is_uniform(in.at, in.height, in.stride)) {
        in.at++;
        in.width--;
    }
    while (in.width > LEAST_SIDE && is_uniform(in.at + in.width - 1, in.height, in.stride))
        in.width--;
    if (in.width <= LEAST_SIDE || in.height <= LEAST_SIDE || deviation(&in) < LEAST_DEVIATION)
        return false;
    *out = in;
    return true;
}

size_t
kt_plane_step(size_t side, size_t lines)
{
    return side > lines ? side / lines : 1;
}
