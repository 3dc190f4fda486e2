// Pooling and the convolution over time, of values with their channels last.
#include "models/backend/cpu/fast/fast_kernels.h"

enum { TIMES = KT_LANES == 16 ? 12 : 8 };  // frames of one tile

// First index and end of the window at `at` that lie inside 0..size.
static void
window(int at, int size, int kernel, int stride, int before, int *from, int *to)
{
    *from = at * stride - before;
    *to   = *from + kernel;
    *from = *from < 0 ? 0 : *from;
    *to   = *to > size ? size : *to;
}

static void
pool_position(const kt_pool_t *p, float *y, const float *x, const int at[3])
{
    const size_t n = (size_t)p->channels;
    int          from[3], to[3], inside = 1, all = 1;
    for (int d = 0; d < 3; d++) {
        window(at[d], p->in[d], p->kernel[d], p->stride[d], p->before[d], &from[d], &to[d]);
        inside *= to[d] - from[d];
        all *= p->kernel[d];
    }
    const float start = p->max ? -INFINITY : 0;
    for (size_t c = 0; c < n; c++)
        y[c] = start;
    for (int a = from[0]; a < to[0]; a++)
        for (int b = from[1]; b < to[1]; b++)
            for (int d = from[2]; d < to[2]; d++) {
                const float *row = x + (((size_t)a * (size_t)p->in[1] + (size_t)b) * (size_t)p->in[2] + (size_t)d) * n;
                if (p->max) {
#pragma GCC ivdep
                    for (size_t c = 0; c < n; c++)
                        y[c] = f_max(row[c], y[c]);
                } else {
#pragma GCC ivdep
                    for (size_t c = 0; c < n; c++)
                        y[c] += row[c];
                }
            }
    if (!p->max) {
        const float count = (float)(p->include_pad ? all : inside);
        for (size_t c = 0; c < n; c++)
            y[c] /= count;
    }
}

void
KT_NAME(kt_fast_pool)(const kt_pool_t *pool, float *y, const float *x)
{
    int at[3];
    for (at[0] = 0; at[0] < pool->out[0]; at[0]++)
        for (at[1] = 0; at[1] < pool->out[1]; at[1]++)
            for (at[2] = 0; at[2] < pool->out[2]; at[2]++, y += pool->channels)
                pool_position(pool, y, x, at);
}

static int
kind_of(int at, int factor)
{
    const int place = at % factor;
    return place == 0 ? 0 : place == factor - 1 ? 1 : 2;
}

void
KT_NAME(kt_fast_upsampled)(const kt_upsampled_t *u, float *y, const float *x)
{
    const size_t n = (size_t)u->channels;
    for (int r = 0; r < u->rows; r++)
        for (int c = 0; c < u->columns; c++, x += n, y += n) {
            for (size_t k = 0; k < n; k++)
                y[k] = u->bias ? x[k] + u->bias[k] : x[k];
            for (int i = 0; i < u->n; i++) {
                const int    f = u->factor[i], kinds = u->kinds[i];
                const size_t pixel = (size_t)(r / f) * (size_t)(u->columns / f) + (size_t)(c / f);
                const size_t kind  = (size_t)(kind_of(r, f) * kinds + kind_of(c, f));
                const float *map   = u->maps[i] + (pixel * (size_t)(kinds * kinds) + kind) * n;
#pragma GCC ivdep
                for (size_t k = 0; k < n; k++)
                    y[k] += map[k];
            }
            for (size_t k = 0; k < n && u->relu; k++)
                y[k] = f_max(y[k], 0);
        }
}

typedef struct taps {
    const float *w, *bias, *plus;
    size_t       channels;
    int          taps, before;
} taps_t;

// `count` frames from `t`, whose taps k..end lie inside; one vector of channels.
KT_INLINE void
time_tile(const taps_t *f, float *y, const float *x, size_t t, size_t c, int k, int end, const int count)
{
    vf_t acc[TIMES];
#pragma GCC unroll 16
    for (int r = 0; r < count; r++)
        acc[r] = f->bias ? vf_load(f->bias + c) : (vf_t){0};
    for (; k < end; k++) {
        const vf_t   w   = vf_load(f->w + (size_t)k * f->channels + c);
        const float *row = x + ((size_t)((int64_t)t + k - f->before)) * f->channels + c;
#pragma GCC unroll 16
        for (int r = 0; r < count; r++)
            acc[r] += vf_load(row + (size_t)r * f->channels) * w;
    }
#pragma GCC unroll 16
    for (int r = 0; r < count; r++) {
        const size_t at = (t + (size_t)r) * f->channels + c;
        vf_store(y + at, f->plus ? acc[r] + vf_load(f->plus + at) : acc[r]);
    }
}

static void
time_channel(const taps_t *f, float *y, const float *x, size_t t, size_t c, int k, int end)
{
    float        acc = f->bias ? f->bias[c] : 0;
    const size_t at  = t * f->channels + c;
    for (; k < end; k++)
        acc += x[(size_t)((int64_t)t + k - f->before) * f->channels + c] * f->w[(size_t)k * f->channels + c];
    y[at] = f->plus ? acc + f->plus[at] : acc;
}

void
KT_NAME(kt_fast_time_conv)(float *y, const float *x, size_t frames, size_t channels, const float *w, int taps,
                           int before, const float *bias, const float *plus)
{
    const taps_t f       = {w, bias, plus, channels, taps, before};
    const size_t vectors = channels / KT_LANES * KT_LANES;
    for (size_t t = 0; t < frames;) {
        const int64_t first = (int64_t)t - before, last = first + TIMES - 1 + taps;
        const bool    whole = first >= 0 && last <= (int64_t)frames && t + TIMES <= frames;
        const int     k     = first < 0 ? (int)(-first < taps ? -first : taps) : 0;
        const int64_t room  = (int64_t)frames - first;
        const int     end   = room < k ? k : room < taps ? (int)room : taps;
        for (size_t c = 0; c < vectors; c += KT_LANES)
            if (whole)
                time_tile(&f, y, x, t, c, 0, taps, TIMES);
            else
                time_tile(&f, y, x, t, c, k, end, 1);
        for (size_t c = vectors; c < channels; c++)
            for (size_t r = 0; r < (whole ? TIMES : 1); r++)
                time_channel(&f, y, x, t + r, c, whole ? 0 : k, whole ? taps : end);
        t += whole ? TIMES : 1;
    }
}
