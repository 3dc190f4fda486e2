#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

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

KT_INLINE vw_t
row_magnitude(const kt_cqt_basis_t *basis, const kt_cqt_row_t *row, const vw_t *x)
{
    const float *weight = basis->weight + row->offset;
    const vw_t  *bin    = x + 2 * (size_t)row->first;
    vw_t         re = {0}, im = {0};
    for (uint32_t j = 0; j < row->count; j++) {
        re += bin[2 * j] * weight[j];
        im += bin[2 * j + 1] * weight[j];
    }
    return vw_sqrt(re * re + im * im);
}

void
KT_NAME(kt_cqt_octave)(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames,
                       float gain, float *out)
{
    const kt_plan_t *plan   = basis->transform;
    const uint32_t   points = plan->points;
    vw_t            *z      = scratch;
    vw_t             x[2 * KT_CQT_MAX_BINS], class[KT_CQT_CLASSES];
    const float     *lane[KT_WIDE];
    for (size_t t = 0; t < frames; t += KT_WIDE) {
        const size_t count = frames - t < KT_WIDE ? frames - t : KT_WIDE;
        for (size_t i = 0; i < KT_WIDE; i++)
            lane[i] = pcm + (t + (i < count ? i : count - 1)) * hop;
        KT_NAME(kt_fft_f32)(plan, lane, z);

        // From the complex transform to the basis's bins of the real one (kt_magnitudes' step), turned to the wavelets'
        // centre.
        for (uint32_t i = 0; i < basis->count; i++) {
            const uint32_t      k    = (basis->first + i) % points;
            const kt_cqt_turn_t turn = basis->turn[i];
            const vw_t *a = z + 2 * (size_t)plan->place[k], *b = z + 2 * (size_t)plan->place[k ? points - k : 0];
            const vw_t  dr = a[0] - b[0], di = a[1] + b[1];
            const vw_t  re = a[0] + b[0] + (di * turn.cos - dr * turn.sin);
            const vw_t  im = a[1] - b[1] - (dr * turn.cos + di * turn.sin);
            x[2 * i]       = re * turn.re - im * turn.im;
            x[2 * i + 1]   = re * turn.im + im * turn.re;
        }

        memset(class, 0, sizeof class);
        for (unsigned r = 0; r < KT_CQT_PER_OCTAVE; r++)
            class[kt_cqt_class(r)] += row_magnitude(basis, &basis->row[r], x);
        for (size_t i = 0; i < count; i++)
            for (unsigned c = 0; c < KT_CQT_CLASSES; c++)
                out[(t + i) * KT_CQT_CLASSES + c] += class[c][i] * gain;
    }
}
