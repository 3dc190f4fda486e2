#include "kernels/audio/plan.h"

#include <math.h>

// Gaussian bumps around each pitch class (librosa.filters.chroma: centre octave 5, width 2 octaves, L2 columns, C
// first).
enum { MOST_CLASSES = 96 };  // that a plan accepts
static const double CENTRE_OCTAVE = 5, OCTAVE_WIDTH = 2;

// Bin k on a scale of n_chroma steps per octave, 0 at A0. Bin 0 is placed one and a half octaves below bin 1.
static double
bump_step(const kt_plan_t *self, double tuning, uint32_t k)
{
    const double n = self->opts.n_chroma, a440 = 440 * exp2(tuning / n);
    const double hz = (k ? k : 1) * kt_plan_bin_hz(self);
    return n * log2(hz / (a440 / 16)) - (k ? 0 : 1.5 * n);
}

// A bump's place on that scale, its width in steps, and the factor that its octave and the norm of its column make.
typedef struct bump {
    double step, width, scale;
} bump_t;

// Also the heights at all classes, counted from A, before the scale.
static bump_t
bump_of(const kt_plan_t *self, double tuning, uint32_t k, double *heights)
{
    const uint32_t n      = self->opts.n_chroma;
    const double   half   = rint(n / 2.0);
    bump_t         bump   = {.step = bump_step(self, tuning, k)};
    const double   octave = (bump.step / n - CENTRE_OCTAVE) / OCTAVE_WIDTH;
    double         norm   = 0;
    bump.width            = fmax(bump_step(self, tuning, k + 1) - bump.step, 1);
    for (uint32_t c = 0; c < n; c++) {
        double away = fmod(bump.step - c + half + 10 * n, n);
        away        = (away < 0 ? away + n : away) - half;
        heights[c]  = exp(-2 * (away / bump.width) * (away / bump.width));
        norm += heights[c] * heights[c];
    }
    bump.scale = exp(-0.5 * octave * octave) / (norm > 0 ? sqrt(norm) : 1);
    return bump;
}

void
kt_chroma_bank(const kt_plan_t *self, double tuning, float *bank)
{
    const uint32_t n = self->opts.n_chroma, roll = 3 * (n / 12);
    double         heights[MOST_CLASSES];
    for (uint32_t k = 0; k < self->bins; k++) {
        const bump_t bump = bump_of(self, tuning, k, heights);
        for (uint32_t c = 0; c < n; c++)
            bank[(size_t)k * n + c] = (float)(heights[(c + roll) % n] * bump.scale);
    }
}

void
kt_chroma_bumps(const kt_plan_t *self, double tuning, float *bumps)
{
    const double n = self->opts.n_chroma;
    double       heights[MOST_CLASSES];
    for (uint32_t k = 0; k < self->bins; k++) {
        const bump_t bump                 = bump_of(self, tuning, k, heights);
        const double rest                 = fmod(bump.step, n);
        bumps[k]                          = (float)(rest < 0 ? rest + n : rest);
        bumps[self->bins + k]             = (float)(2 / (bump.width * bump.width));
        bumps[2 * (size_t)self->bins + k] = (float)bump.scale;
    }
}
