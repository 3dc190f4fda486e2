#include "kernels/audio/cqt_ref.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

void
kt_cqt_octave_ref(const kt_cqt_basis_t *basis, void *scratch, const float *pcm, size_t hop, size_t frames, float gain,
                  float *out)
{
    const uint32_t n = basis->transform->opts.n_fft;
    double         re[KT_CQT_MAX_BINS], im[KT_CQT_MAX_BINS];
    (void)scratch;
    for (size_t t = 0; t < frames; t++, pcm += hop, out += KT_CQT_CLASSES) {
        for (uint32_t k = 0; k < basis->count; k++) {
            // X[first + k] with the time's origin in the wavelets' centre.
            const double step = -2 * PI * (basis->first + k) / n, step_re = cos(step), step_im = sin(step);
            double       at_re = cos(step * (n - 1) / 2), at_im = sin(step * (n - 1) / 2);
            re[k] = im[k] = 0;
            for (uint32_t i = 0; i < n; i++) {
                re[k] += pcm[i] * at_re;
                im[k] += pcm[i] * at_im;
                const double next = at_re * step_re - at_im * step_im;
                at_im             = at_re * step_im + at_im * step_re;
                at_re             = next;
            }
        }

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
}
