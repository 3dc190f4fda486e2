#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

typedef struct {
    vw_t re, im;
} complex_t;

// Bin k of the real spectrum (kt_magnitudes' step) under the filter.
KT_INLINE complex_t
filtered(const kt_half_band_t *self, const vw_t *z, uint32_t k)
{
    const kt_plan_t *plan = self->whole;
    const vw_t      *a = z + 2 * (size_t)plan->place[k], *b = z + 2 * (size_t)plan->place[k ? plan->points - k : 0];
    const float      c = plan->unpack_f32[2 * k], s = plan->unpack_f32[2 * k + 1], gain = self->response[k];
    const vw_t       dr = a[0] - b[0], di = a[1] + b[1];
    return (complex_t){(a[0] + b[0] + (di * c - dr * s)) * gain, (a[1] - b[1] - (dr * c + di * s)) * gain};
}

// Sample i of each lane's block: the parts are exchanged again.
KT_INLINE const float *
sample_at(const kt_plan_t *half, const vw_t *w, uint32_t i)
{
    return (const float *)(const void *)(w + 2 * (size_t)half->place[i / 2] + (i % 2 ? 0 : 1));
}

static void
store_block(const kt_plan_t *half, const vw_t *w, size_t blocks, float *out)
{
    const float *row[8];
    for (uint32_t i = 0; i < KT_HALF_BAND_OUT; i += 8) {
        for (uint32_t j = 0; j < 8; j++)
            row[j] = sample_at(half, w, KT_HALF_BAND_LEAD / 2 + i + j);
        size_t lane = 0;
#if defined(__AVX2__)
        for (; lane + 8 <= blocks; lane += 8)
            turn_8x8(row, lane, out + lane * KT_HALF_BAND_OUT + i, KT_HALF_BAND_OUT);
#endif
        for (; lane < blocks; lane++)
            for (uint32_t j = 0; j < 8; j++)
                out[lane * KT_HALF_BAND_OUT + i + j] = row[j][lane];
    }
}

void
KT_NAME(kt_half_band)(const kt_half_band_t *self, void *scratch, const float *in, size_t blocks, float *out)
{
    const kt_plan_t *half   = self->half;
    const uint32_t   points = half->points;
    vw_t            *z = scratch, *w = z + KT_HALF_BAND_N_FFT;
    const float     *lane[KT_WIDE];
    for (size_t at = 0; at < blocks; at += KT_WIDE) {
        const size_t count = blocks - at < KT_WIDE ? blocks - at : KT_WIDE;
        for (size_t i = 0; i < KT_WIDE; i++)
            lane[i] = in + (at + (i < count ? i : count - 1)) * KT_HALF_BAND_STEP;
        KT_NAME(kt_fft_f32)(self->whole, lane, z);

        // The spectrum of every second sample as that of complex samples (even, odd), real and imaginary part
        // exchanged: so the forward transform is the inverse one. The part above the new Nyquist frequency is 145 dB
        // down and left out.
        for (uint32_t k = 0; k <= points / 2; k++) {
            const complex_t x = filtered(self, z, k), y = filtered(self, z, points - k);
            const float     c = half->unpack_f32[2 * k], s = half->unpack_f32[2 * k + 1];
            const vw_t      sr = x.re + y.re, si = x.im - y.im, dr = x.re - y.re, di = x.im + y.im;
            const vw_t      tr = dr * c - di * s, ti = dr * s + di * c;
            w[2 * k]     = si + tr;
            w[2 * k + 1] = sr - ti;
            if (k == 0)
                continue;
            w[2 * (points - k)]     = tr - si;
            w[2 * (points - k) + 1] = sr + ti;
        }

        KT_NAME(kt_fft_values_f32)(half, w);
        store_block(half, w, count, out + at * KT_HALF_BAND_OUT);
    }
}
