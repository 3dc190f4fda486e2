// Vectors of consecutive samples of one channel; the sums of a group are reduced once at its end.
#include "kernels/audio/samples.h"

#include "kernels/cpu/simd.h"

enum { PART = KT_GROUP_SAMPLES / KT_GROUP_SUMS };

// By halves, the upper onto the lower, until one lane is left.
#if defined(__SSE2__)
KT_INLINE __m128
upper_of_four(__m128 x)
{
    return _mm_movehl_ps(x, x);
}

KT_INLINE __m128
second_of_two(__m128 x)
{
    return _mm_shuffle_ps(x, x, 1);
}
#endif

#if defined(__AVX512F__)
#define FOLD(x, four, op256, op128)                                                                                    \
    const __m256 eight_ = op256(_mm512_castps512_ps256((__m512)(x)), _mm512_extractf32x8_ps((__m512)(x), 1));          \
    __m128       four   = op128(_mm256_castps256_ps128(eight_), _mm256_extractf128_ps(eight_, 1))
#elif defined(__AVX2__)
#define FOLD(x, four, op256, op128)                                                                                    \
    __m128 four = op128(_mm256_castps256_ps128((__m256)(x)), _mm256_extractf128_ps((__m256)(x), 1))
#elif defined(__SSE2__)
#define FOLD(x, four, op256, op128) __m128 four = (__m128)(x)
#endif

KT_INLINE float
sum_of_lanes(vw_t x)
{
#if defined(__SSE2__)
    FOLD(x, four, _mm256_add_ps, _mm_add_ps);
    four = _mm_add_ps(four, upper_of_four(four));
    return _mm_cvtss_f32(_mm_add_ss(four, second_of_two(four)));
#else
    return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

KT_INLINE float
largest_lane(vw_t x)
{
#if defined(__SSE2__)
    FOLD(x, four, _mm256_max_ps, _mm_max_ps);
    four = _mm_max_ps(four, upper_of_four(four));
    return _mm_cvtss_f32(_mm_max_ss(four, second_of_two(four)));
#else
    float out = x[0];
    for (int i = 1; i < KT_WIDE; i++)
        out = x[i] > out ? x[i] : out;
    return out;
#endif
}

// Above both neighbours the smaller of the two differences is positive, below both the larger is negative.
KT_INLINE vw_t
spikes_of(vw_t before, vw_t after)
{
    const vw_t zero = {0}, above = vw_min(before, after), below = zero - vw_max(before, after);
    return vw_max(zero, vw_max(above, below));
}

static void
samples_groups(const float *x, size_t n, kt_sample_group_t *out)
{
    for (size_t g = 0; g < n; g++) {
        vw_t  low = vw_load(x), high = low, squares = {0}, spike = {0}, bends = {0};
        vwi_t zeros = {0};
        for (size_t part = 0; part < KT_GROUP_SUMS; part++) {
            vw_t sum = {0};
            for (size_t i = 0; i < PART; i += KT_WIDE, x += KT_WIDE) {
                const vw_t value = vw_load(x), before = value - vw_load(x - 1), after = value - vw_load(x + 1);
                low  = vw_min(low, value);
                high = vw_max(high, value);
                squares += value * value;
                spike = vw_max(spike, spikes_of(before, after));
                bends += vw_abs(before + after) * 0.5F;
                sum += value;
                zeros -= value == 0.0F;
            }
            out[g].sum[part] = sum_of_lanes(sum);
        }
        out[g].low     = -largest_lane(-low);
        out[g].high    = largest_lane(high);
        out[g].squares = sum_of_lanes(squares);
        out[g].spike   = largest_lane(spike);
        out[g].bends   = sum_of_lanes(bends);
        out[g].zeros   = (uint32_t)sum_of_lanes(__builtin_convertvector(zeros, vw_t));
    }
}

static double
samples_product(const float *left, const float *right, size_t n)
{
    double out = 0;
    for (size_t g = 0; g < n; g++) {
        vw_t sum = {0};
        for (size_t i = 0; i < KT_GROUP_SAMPLES; i += KT_WIDE, left += KT_WIDE, right += KT_WIDE)
            sum += vw_load(left) * vw_load(right);
        out += sum_of_lanes(sum);
    }
    return out;
}

static void
samples_split(const float *restrict pcm, size_t frames, uint32_t channels, float *restrict first,
              float *restrict second)
{
    if (channels == 1) {
        memcpy(first, pcm, frames * sizeof *pcm);
        return;
    }
    if (channels == 2) {
        for (size_t i = 0; i < frames; i++) {
            first[i]  = pcm[2 * i];
            second[i] = pcm[2 * i + 1];
        }
        return;
    }
    for (size_t i = 0; i < frames; i++) {
        first[i]  = pcm[i * channels];
        second[i] = pcm[i * channels + 1];
    }
}

KT_INLINE uint64_t
mask_of(vwi_t x)
{
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)x);
#elif defined(__AVX2__)
    return (uint64_t)(unsigned)_mm256_movemask_ps((__m256)x);
#elif defined(__SSE2__)
    return (uint64_t)(unsigned)_mm_movemask_ps((__m128)x);
#else
    uint64_t out = 0;
    for (int i = 0; i < KT_WIDE; i++)
        out |= (uint64_t)(x[i] < 0) << i;
    return out;
#endif
}

static uint64_t
samples_reach(const float *x, float sign, float least)
{
    uint64_t out = 0;
    for (size_t i = 0; i < KT_GROUP_SAMPLES; i += KT_WIDE)
        out |= mask_of(vw_load(x + i) * sign >= least) << i;
    return out;
}

static void
samples_lowpass(const float *taps, const float *x, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++, x += KT_GROUP_SUMS) {
        vw_t sum = {0};
        for (size_t k = 0; k < KT_LOWPASS_TAPS; k += KT_WIDE)
            sum += vw_load(taps + k) * vw_load(x + k);
        out[i] = sum_of_lanes(sum);
    }
}

const kt_samples_ops_t KT_NAME(kt_samples_ops) = {samples_groups, samples_product, samples_split, samples_reach,
                                                  samples_lowpass};
