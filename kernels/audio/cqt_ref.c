#include "kernels/audio/cqt_ref.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

// X[k] with the time's origin in the wavelets' centre.
static void
bin_of(const float *pcm, uint32_t n, uint32_t k, double *re, double *im)
{
    const double step = -2 * PI * k / n, step_re = cos(step), step_im = sin(step);
    double       at_re = cos(step * (n - 1) / 2), at_im = sin(step * (n - 1) / 2);
    *re = *im = 0;
    for (uint32_t i = 0; i < n; i++) {
        *re += pcm[i] * at_re;
        *im += pcm[i] * at_im;
        const double next = at_re * step_re - at_im * step_im;
        at_im             = at_re * step_im + at_im * step_re;
        at_re             = next;
    }
}

static void
frame(const kt_cqt_basis_t *basis, const float *pcm, float gain, float *out)
{
    double re[KT_CQT_MAX_BINS], im[KT_CQT_MAX_BINS];
    for (uint32_t i = 0; i < basis->count; i++)
        bin_of(pcm, basis->transform->opts.n_fft, basis->first + i, &re[i], &im[i]);
    for (unsigned r = 0; r < KT_CQT_PER_OCTAVE; r++) {
        const kt_cqt_row_t *row    = &basis->row[r];
        double              sum_re = 0, sum_im = 0;
        for (uint32_t j = 0; j < row->count; j++) {
            const double weight = basis->weight[row->offset + j];
            sum_re += weight * re[row->first + j];
            sum_im += weight * im[row->first + j];
        }
        out[kt_cqt_class(r)] += (float)(gain * hypot(sum_re, sum_im));
    }
}

void
kt_cqt_octave_ref(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames, float gain,
                  float *out)
{
    (void)scratch;
    for (size_t t = 0; t < frames; t++)
        frame(basis, pcm + t * hop, gain, out + t * KT_CQT_CLASSES);
}
