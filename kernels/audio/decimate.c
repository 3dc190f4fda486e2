#include "kernels/audio/decimate.h"

#include "kernels/audio/resample.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

enum { IMPULSE_AT = 1024, IMPULSE_LENGTH = 2048 };

kt_err_t
kt_half_band_init(kt_half_band_t *self)
{
    memset(self, 0, sizeof *self);
    kt_err_t err = KT_OK;
    if ((err = kt_plan_new_transform(&self->whole, KT_HALF_BAND_N_FFT)) ||
        (err = kt_plan_new_transform(&self->half, KT_HALF_BAND_N_FFT / 2)))
        goto fail;

    // libsoxr's response to an impulse at `at` holds every second tap, out[m] = tap[|2 m - at|]: the even taps for an
    // even `at`, the odd ones for an odd one.
    for (size_t odd = 0; odd < 2; odd++) {
        const size_t   at                 = IMPULSE_AT + odd;
        float          in[IMPULSE_LENGTH] = {0}, out[IMPULSE_LENGTH];
        kt_resample_t *soxr               = NULL;
        size_t         made = 0, rest = 0;
        in[at] = 1;
        err    = kt_resample_new(&soxr, 2000, 1000);
        if (!err)
            err = kt_resample_push(soxr, in, IMPULSE_LENGTH, out, IMPULSE_LENGTH, &made);
        if (!err)
            err = kt_resample_finish(soxr, out + made, IMPULSE_LENGTH - made, &rest);
        kt_resample_destroy(&soxr);
        if (err)
            goto fail;
        for (size_t tap = odd; tap <= KT_HALF_BAND_REACH; tap += 2)
            self->tap[tap] = out[(at + tap) / 2];
    }

    // Scale of the response: one over the length of the inverse transform, a half for every second sample, and the
    // factor that the two steps between real and complex transforms leave.
    double cosine[KT_HALF_BAND_N_FFT];
    for (uint32_t i = 0; i < KT_HALF_BAND_N_FFT; i++)
        cosine[i] = cos(2 * PI * i / KT_HALF_BAND_N_FFT);
    for (uint32_t k = 0; k < KT_HALF_BAND_BINS; k++) {
        double sum = self->tap[0];
        for (uint32_t i = 1; i <= KT_HALF_BAND_REACH; i++)
            sum += 2 * self->tap[i] * cosine[k * i % KT_HALF_BAND_N_FFT];
        self->response[k] = (float)(sum / KT_HALF_BAND_N_FFT);
    }
    return KT_OK;
fail:
    kt_half_band_fini(self);
    return err;
}

void
kt_half_band_fini(kt_half_band_t *self)
{
    kt_plan_destroy(&self->whole);
    kt_plan_destroy(&self->half);
}

void
kt_half_band_ref(const kt_half_band_t *self, void *scratch, const float *in, size_t blocks, float *out)
{
    (void)scratch;
    for (size_t j = 0; j < blocks * KT_HALF_BAND_OUT; j++) {
        const float *middle = in + KT_HALF_BAND_LEAD + 2 * j;
        double       sum    = (double)self->tap[0] * middle[0];
        for (ptrdiff_t i = 1; i <= KT_HALF_BAND_REACH; i++)
            sum += (double)self->tap[i] * ((double)middle[i] + middle[-i]);
        out[j] = (float)sum;
    }
}
