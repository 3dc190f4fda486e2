// The response is measured by impulses: one at sample k gives taps at offsets n * step / phases - k for all n, so an
// impulse at each k from 0 to step - 1 (modulo step) gives all. They lie in one stream, far enough apart.
#include "kernels/audio/polyphase.h"

#include "kernels/audio/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// REACH: half the filter's length in samples of the lower rate: 105 were the most that was found, from 8 to 192 kHz.
enum { REACH = 120 };
// Of the largest tap: what is smaller at both ends is left out, 160 dB down.
static const double LEAST_TAP = 1e-8;

static uint64_t
divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        const uint64_t rest = a % b;
        a                   = b;
        b                   = rest;
    }
    return a;
}

uint32_t
kt_polyphase_reach(uint32_t from_hz, uint32_t to_hz)
{
    return from_hz == to_hz ? 1 : (uint32_t)ceil(REACH * fmax(1, (double)from_hz / to_hz));
}

uint64_t
kt_polyphase_first(uint32_t from_hz, uint32_t to_hz, uint64_t frame)
{
    return (frame * to_hz + from_hz - 1) / from_hz;
}

bool
kt_polyphase_is_defined(uint32_t from_hz, uint32_t to_hz)
{
    if (from_hz < KT_RESAMPLE_LEAST_HZ || from_hz > KT_RESAMPLE_MOST_HZ || to_hz < KT_RESAMPLE_LEAST_HZ ||
        to_hz > KT_RESAMPLE_MOST_HZ)
        return false;
    const uint64_t by = divisor(from_hz, to_hz), phases = to_hz / by, step = from_hz / by;
    const uint64_t reads = 2 * (uint64_t)kt_polyphase_reach(from_hz, to_hz);
    return phases <= KT_POLYPHASE_ROW_MOST && reads * phases <= KT_POLYPHASE_TAPS_MOST &&
           KT_POLYPHASE_OUTPUTS * kt_polyphase_row((uint32_t)phases) / phases * step + reads <= KT_POLYPHASE_READ_MOST;
}

// wide: [2 * most][phases], filled from the responses of `step` impulses.
static kt_err_t
measure_taps(const kt_polyphase_t *self, uint32_t most, double *wide)
{
    const uint64_t step = self->step, phases = self->phases;
    const uint64_t apart = (2 * (uint64_t)most + step) / step * step + 1;  // 1 modulo step
    const size_t   n_in = (size_t)(apart * (step + 1)), n_out = (size_t)(n_in * phases / step);
    double        *in  = calloc(n_in, sizeof *in);
    double        *out = calloc(n_out + 1, sizeof *out);
    kt_err_t       err = in && out ? KT_OK : KT_ENOMEM;
    for (uint64_t i = 1; i <= step && !err; i++)
        in[i * apart - 1] = 1;
    if (!err)
        err = kt_resample_in_double(self->from_hz, self->to_hz, in, n_in, out, n_out);
    for (uint64_t i = 1; i <= step && !err; i++) {
        const uint64_t at   = i * apart - 1;
        const uint64_t from = at > most ? at - most : 0;
        for (uint64_t n = from * phases / step; n < n_out && n * step / phases < at + most; n++) {
            const uint64_t tap = at + most - 1 - n * step / phases;  // may wrap: then it is none
            if (tap < 2 * most)
                wide[tap * phases + n % phases] = out[n];
        }
    }
    free(in);
    free(out);
    return err;
}

// The taps of `wide` that count.
static kt_err_t
keep_taps(kt_polyphase_t *self, uint32_t most, const double *wide)
{
    double   largest = 0;
    uint32_t reach   = 1;
    for (size_t i = 0; i < 2 * (size_t)most * self->phases; i++)
        largest = fmax(largest, fabs(wide[i]));
    for (uint32_t r = 2; r <= most; r++)
        for (uint32_t p = 0; p < self->phases; p++)
            if (fabs(wide[(size_t)(most - r) * self->phases + p]) > LEAST_TAP * largest ||
                fabs(wide[(size_t)(most + r - 1) * self->phases + p]) > LEAST_TAP * largest)
                reach = r;
    const size_t n = 2 * (size_t)reach * self->phases;
    self->reach    = reach;
    self->taps     = malloc(n * sizeof *self->taps);
    for (size_t i = 0; i < n && self->taps; i++)
        self->taps[i] = (float)wide[(size_t)(most - reach) * self->phases + i];
    return self->taps ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_polyphase_new(kt_polyphase_t **self_p, uint32_t from_hz, uint32_t to_hz)
{
    if (!kt_polyphase_is_defined(from_hz, to_hz))
        return KT_EINVAL;
    const uint64_t  by = divisor(from_hz, to_hz), phases = to_hz / by, step = from_hz / by;
    const uint32_t  most = kt_polyphase_reach(from_hz, to_hz);
    kt_polyphase_t *self = calloc(1, sizeof *self);
    double         *wide = calloc(2 * (size_t)most * phases, sizeof *wide);
    kt_err_t        err  = self && wide ? KT_OK : KT_ENOMEM;
    if (!err)
        *self =
            (kt_polyphase_t){.from_hz = from_hz, .to_hz = to_hz, .phases = (uint32_t)phases, .step = (uint32_t)step};
    if (!err && from_hz == to_hz)
        wide[0] = 1;
    else if (!err)
        err = measure_taps(self, most, wide);
    if (!err)
        err = keep_taps(self, most, wide);
    free(wide);
    if (err)
        kt_polyphase_destroy(&self);
    else
        *self_p = self;
    return err;
}

void
kt_polyphase_destroy(kt_polyphase_t **self_p)
{
    kt_polyphase_t *self = *self_p;
    if (self)
        free(self->taps);
    free(self);
    *self_p = NULL;
}

void
kt_polyphase_run(const kt_polyphase_t *self, const float *x, uint64_t first, size_t frames, float *out)
{
    const uint64_t end = kt_polyphase_first(self->from_hz, self->to_hz, first + frames);
    for (uint64_t n = kt_polyphase_first(self->from_hz, self->to_hz, first); n < end; n++) {
        const float *from = x + (int64_t)(n * self->step / self->phases - first) - self->reach + 1;
        const float *tap  = self->taps + n % self->phases;
        const size_t taps = 2 * (size_t)self->reach;
        float        sum  = 0;
        for (size_t j = 0; j < taps;) {
            const size_t end_of_run = j + KT_POLYPHASE_RUN < taps ? j + KT_POLYPHASE_RUN : taps;
            float        part       = 0;
            for (; j < end_of_run; j++)
                part += tap[j * self->phases] * from[j];
            sum += part;
        }
        *out++ = sum;
    }
}
