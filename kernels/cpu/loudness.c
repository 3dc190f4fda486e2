// The K-weighting is a recursion: what bounds it is one multiply-add from each output to the next, so two channels go
// side by side, and the two sections overlap by themselves. The interpolation has no recursion and is a plain
// convolution, KT_PEAK_GROUP values at a time, left out where |samples| times the filter's bound do not reach the peak.
#include "kernels/audio/loudness.h"

#include "kernels/cpu/simd.h"

typedef double pair_t __attribute__((vector_size(16)));

enum { VECTORS = 4, STEP = 16 };  // vectors of values per step; samples that share a maximum

static void
loudness_planes(const float *restrict pcm, size_t frames, uint32_t channels, float *restrict out, size_t stride)
{
    if (channels == 2) {
        for (size_t i = 0; i < frames; i++) {
            out[i]          = pcm[2 * i];
            out[stride + i] = pcm[2 * i + 1];
        }
        return;
    }
    for (uint32_t c = 0; c < channels; c++)
        for (size_t i = 0; i < frames; i++)
            out[c * stride + i] = pcm[i * channels + c];
}

KT_INLINE pair_t
pair_of(double value)
{
    return (pair_t){value, value};
}

static void
loudness_energy(const kt_kweight_t *weight, kt_kweight_state_t state[2], const float *const plane[2], size_t n,
                double out[2])
{
    const pair_t b0 = pair_of(weight->shelf_b[0]), b1 = pair_of(weight->shelf_b[1]), b2 = pair_of(weight->shelf_b[2]),
                 a1 = pair_of(weight->shelf_a[0]), a2 = pair_of(weight->shelf_a[1]), h1 = pair_of(weight->high_a[0]),
                 h2   = pair_of(weight->high_a[1]);
    const float *left = plane[0], *right = plane[1];
    pair_t       x1 = {state[0].x[0], state[1].x[0]}, x2 = {state[0].x[1], state[1].x[1]};
    pair_t       y1 = {state[0].y[0], state[1].y[0]}, y2 = {state[0].y[1], state[1].y[1]};
    pair_t       z1 = {state[0].z[0], state[1].z[0]}, z2 = {state[0].z[1], state[1].z[1]};
    pair_t       sum = {out[0], out[1]};
    for (size_t i = 0; i < n; i++) {
        const pair_t x = {left[i], right[i]};
        const pair_t y = (b0 * x + b1 * x1 + b2 * x2 - a2 * y2) - a1 * y1;
        const pair_t z = (y - pair_of(2) * y1 + y2 - h2 * z2) - h1 * z1;
        sum += z * z;
        x2 = x1, x1 = x;
        y2 = y1, y1 = y;
        z2 = z1, z1 = z;
    }
    for (int c = 0; c < 2; c++) {
        state[c] = (kt_kweight_state_t){{x1[c], x2[c]}, {y1[c], y2[c]}, {z1[c], z2[c]}};
        out[c]   = sum[c];
    }
}

KT_INLINE float
largest_lane(vw_t x)
{
    float out = x[0];
    for (int i = 1; i < KT_WIDE; i++)
        out = x[i] > out ? x[i] : out;
    return out;
}

// The largest_lane |sample| of STEP samples.
KT_INLINE float
step_peak(const float *x)
{
    vw_t most = vw_abs(vw_load(x));
    for (int i = KT_WIDE; i < STEP; i += KT_WIDE)
        most = vw_max(most, vw_abs(vw_load(x + i)));
    return largest_lane(most);
}

KT_INLINE double
step_squares(const float *x, size_t n)
{
    vd_t   sum[2] = {{0}};
    double out    = 0;
    for (size_t i = 0; i < n; i += 2 * KT_LANES)
        for (size_t half = 0; half < 2; half++) {
            vf_t value;
            memcpy(&value, x + i + half * KT_LANES, sizeof value);
            sum[half] += widen(value) * widen(value);
        }
    for (int lane = 0; lane < KT_LANES; lane++)
        out += sum[0][lane] + sum[1][lane];
    return out;
}

KT_INLINE vw_t
phase_values(vw_t most, const vw_t *sum)
{
    for (int v = 0; v < VECTORS; v++)
        most = vw_max(most, vw_abs(sum[v]));
    return most;
}

// VECTORS * KT_WIDE values of three phases; every sample is loaded once for all.
KT_INLINE vw_t
values_of_three(const kt_interpolation_t *between, const float *x, vw_t most)
{
    vw_t a[VECTORS] = {{0}}, b[VECTORS] = {{0}}, c[VECTORS] = {{0}};
    for (int k = 0; k < KT_PEAK_TAPS; k++) {
        const float p = between->taps[0][k], q = between->taps[1][k], r = between->taps[2][k];
        for (int v = 0; v < VECTORS; v++) {
            const vw_t sample = vw_load(x + k + v * KT_WIDE);
            a[v] += sample * p;
            b[v] += sample * q;
            c[v] += sample * r;
        }
    }
    return phase_values(phase_values(phase_values(most, a), b), c);
}

KT_INLINE vw_t
values_of_one(const kt_interpolation_t *between, const float *x, vw_t most)
{
    vw_t sum[VECTORS] = {{0}};
    for (int k = 0; k < KT_PEAK_TAPS; k++)
        for (int v = 0; v < VECTORS; v++)
            sum[v] += vw_load(x + k + v * KT_WIDE) * between->taps[0][k];
    return phase_values(most, sum);
}

static void
loudness_peaks(const kt_interpolation_t *between, const float *x, size_t n, kt_peaks_t *out)
{
    enum { AHEAD = KT_PEAK_MARGIN / STEP, A_GROUP = KT_PEAK_GROUP / STEP };
    float step[AHEAD + A_GROUP];  // maxima of the samples under a group
    for (size_t j = 0; j < AHEAD; j++)
        step[A_GROUP + j] = step_peak(x + j * STEP);
    for (size_t s = 0; s < n; s += KT_PEAK_GROUP) {
        float most = 0;
        for (size_t j = 0; j < AHEAD; j++)
            step[j] = step[A_GROUP + j];
        for (size_t j = AHEAD; j < AHEAD + A_GROUP; j++) {
            step[j]     = step_peak(x + s + j * STEP);
            out->sample = step[j] > out->sample ? step[j] : out->sample;
        }
        for (size_t j = 0; j < AHEAD + A_GROUP; j++)
            most = step[j] > most ? step[j] : most;
        out->squares += step_squares(x + s + KT_PEAK_MARGIN, KT_PEAK_GROUP);
        if (between->phases == 0 || most * between->bound <= out->between || most * between->bound <= out->sample)
            continue;
        vw_t values = {0};
        for (size_t i = s; i < s + KT_PEAK_GROUP; i += VECTORS * KT_WIDE)
            values =
                between->phases == 1 ? values_of_one(between, x + i, values) : values_of_three(between, x + i, values);
        const float peak = largest_lane(values);
        out->between     = peak > out->between ? peak : out->between;
    }
}

const kt_loudness_ops_t KT_NAME(kt_loudness_ops) = {loudness_planes, loudness_energy, loudness_peaks};
