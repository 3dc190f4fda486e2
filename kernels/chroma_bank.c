#include "kernels/plan.h"

#include <math.h>

// Gaussian bumps around each pitch class (librosa.filters.chroma: centre octave 5, width 2 octaves, L2 columns, C
// first).
static const double CENTRE_OCTAVE = 5, OCTAVE_WIDTH = 2;

// Bin k on a scale of n_chroma steps an octave, 0 at A0. Bin 0 is made up: one and a half octaves below bin 1.
static double
step_of(const kt_plan_t *self, double tuning, uint32_t k)
{
    const double n = self->opts.n_chroma, a440 = 440 * exp2(tuning / n);
    const double hz = (k ? k : 1) * kt_plan_bin_hz(self);
    return n * log2(hz / (a440 / 16)) - (k ? 0 : 1.5 * n);
}

// One column before the roll: weights of bin k for the classes from A on.
static void
column(const kt_plan_t *self, double tuning, uint32_t k, double *out)
{
    const uint32_t n    = self->opts.n_chroma;
    const double   step = step_of(self, tuning, k), half = rint(n / 2.0);
    const double   width  = fmax(step_of(self, tuning, k + 1) - step, 1);
    const double   octave = (step / n - CENTRE_OCTAVE) / OCTAVE_WIDTH;
    double         norm   = 0;
    for (uint32_t c = 0; c < n; c++) {
        double away = fmod(step - c + half + 10 * n, n);
        away        = (away < 0 ? away + n : away) - half;
        out[c]      = exp(-2 * (away / width) * (away / width));
        norm += out[c] * out[c];
    }
    for (uint32_t c = 0; c < n; c++)
        out[c] *= exp(-0.5 * octave * octave) / (norm > 0 ? sqrt(norm) : 1);
}

void
kt_chroma_bank(const kt_plan_t *self, double tuning, float *bank)
{
    const uint32_t n = self->opts.n_chroma, roll = 3 * (n / 12);
    double         weights[96];  // the largest n_chroma that a plan accepts
    for (uint32_t k = 0; k < self->bins; k++) {
        column(self, tuning, k, weights);
        for (uint32_t c = 0; c < n; c++)
            bank[(size_t)k * n + c] = (float)weights[(c + roll) % n];
    }
}
