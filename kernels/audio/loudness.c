// Filter design after libebur128 1.2.6 (the analogue prototypes of BS.1770's 48 kHz coefficients, moved to any rate by
// the bilinear transform); interpolation by Kaiser's window (Oppenheim & Schafer, Discrete-Time Signal
// Processing, 7.6).
#include "kernels/audio/loudness.h"

#include <math.h>
#include <string.h>

void
kt_kweight_design(kt_kweight_t *out, double rate_hz)
{
    const double k = tan(M_PI * 1681.974450955533 / rate_hz), q = 0.7071752369554196;
    const double vh = pow(10, 3.999843853973347 / 20), vb = pow(vh, 0.4996667741545416);
    const double a0 = 1 + k / q + k * k;
    out->shelf_b[0] = (vh + vb * k / q + k * k) / a0;
    out->shelf_b[1] = 2 * (k * k - vh) / a0;
    out->shelf_b[2] = (vh - vb * k / q + k * k) / a0;
    out->shelf_a[0] = 2 * (k * k - 1) / a0;
    out->shelf_a[1] = (1 - k / q + k * k) / a0;

    const double k2 = tan(M_PI * 38.13547087602444 / rate_hz), q2 = 0.5003270373238773;
    const double d0 = 1 + k2 / q2 + k2 * k2;
    out->high_a[0]  = 2 * (k2 * k2 - 1) / d0;
    out->high_a[1]  = (1 - k2 / q2 + k2 * k2) / d0;
}

// Modified Bessel function of the first kind, order 0, by its power series.
static double
bessel0(double x)
{
    double sum = 1, term = 1;
    for (int i = 1; i < 40; i++) {
        term *= x / (2 * i) * (x / (2 * i));
        sum += term;
    }
    return sum;
}

void
kt_interpolation_design(kt_interpolation_t *out, double rate_hz)
{
    const double BETA = 5;
    memset(out, 0, sizeof *out);
    out->phases = rate_hz < 96000 ? 3 : rate_hz < 192000 ? 1 : 0;
    for (uint32_t p = 0; p < out->phases; p++) {
        const double fraction = (p + 1.0) / (out->phases + 1.0);
        double       h[KT_PEAK_TAPS], sum = 0, size = 0;
        for (int k = 0; k < KT_PEAK_TAPS; k++) {
            const double t = k - (KT_PEAK_TAPS / 2 - 1) - fraction, u = t / (KT_PEAK_TAPS / 2);
            h[k] = sin(M_PI * t) / (M_PI * t) * bessel0(BETA * sqrt(1 - u * u)) / bessel0(BETA);
            sum += h[k];
        }
        for (int k = 0; k < KT_PEAK_TAPS; k++) {
            out->taps[p][k] = (float)(h[k] / sum);  // gain 1 at 0 Hz
            size += fabs(h[k] / sum);
        }
        out->bound = fmaxf(out->bound, (float)(size * (1 + 1e-5)));
    }
}
