#include "kernels/audio/resample.h"

#include <math.h>
#include <soxr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct kt_resample {
    soxr_t   soxr;  // NULL: equal rates, samples pass through
    uint32_t from_hz, to_hz;
    float   *pending;  // input not yet taken by soxr because the output was full
    size_t   begin, end, capacity;
    uint64_t taken, given;  // input and output samples since the start
    bool     finished;
};

static bool
rates_are_right(uint32_t from_hz, uint32_t to_hz)
{
    return from_hz >= KT_RESAMPLE_LEAST_HZ && from_hz <= KT_RESAMPLE_MOST_HZ && to_hz >= KT_RESAMPLE_LEAST_HZ &&
           to_hz <= KT_RESAMPLE_MOST_HZ;
}

// flags: what is added to the recipe. NULL: out of memory.
static soxr_t
resampler_of(uint32_t from_hz, uint32_t to_hz, soxr_datatype_t type, unsigned long flags)
{
    const soxr_io_spec_t      io      = soxr_io_spec(type, type);
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, flags);
    const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_error_t              error   = NULL;
    soxr_t                    out     = soxr_create(from_hz, to_hz, 1, &error, &io, &quality, &runtime);
    if (out && error) {
        soxr_delete(out);
        out = NULL;
    }
    return out;
}

kt_err_t
kt_resample_new(kt_resample_t **self_p, uint32_t from_hz, uint32_t to_hz)
{
    if (!rates_are_right(from_hz, to_hz))
        return KT_EINVAL;
    kt_resample_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->from_hz = from_hz;
    self->to_hz   = to_hz;
    if (from_hz != to_hz && !(self->soxr = resampler_of(from_hz, to_hz, SOXR_FLOAT32_I, 0)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_resample_destroy(&self);
    return KT_ENOMEM;
}

void
kt_resample_destroy(kt_resample_t **self_p)
{
    kt_resample_t *self = *self_p;
    if (!self)
        return;
    if (self->soxr)
        soxr_delete(self->soxr);
    free(self->pending);
    free(self);
    *self_p = NULL;
}

// One step of soxr, or of copying; *done of n input samples are taken.
static kt_err_t
resample_step(kt_resample_t *self, const float *in, size_t n, size_t *done, float *out, size_t capacity, size_t *n_out)
{
    if (!self->soxr) {
        *done = *n_out = n < capacity ? n : capacity;
        if (*done > 0)
            memcpy(out, in, *done * sizeof *out);
        return KT_OK;
    }
    *done = *n_out = 0;
    if (capacity == 0)
        return KT_OK;
    const float none = 0;  // a NULL input would mean the end of the stream
    return soxr_process(self->soxr, in ? in : &none, n, done, out, capacity, n_out) ? KT_ENOMEM : KT_OK;
}

// Steps until the input is taken or the output full: soxr takes no more per call than fills the output.
static kt_err_t
resample_run(kt_resample_t *self, const float *in, size_t n, size_t *done, float *out, size_t capacity, size_t *n_out)
{
    for (*done = *n_out = 0; *done < n && *n_out < capacity;) {
        size_t         took = 0, made = 0;
        const kt_err_t err = resample_step(self, in + *done, n - *done, &took, out + *n_out, capacity - *n_out, &made);
        if (err)
            return err;
        *done += took;
        *n_out += made;
    }
    return KT_OK;
}

kt_err_t
kt_resample_push(kt_resample_t *self, const float *in, size_t n_in, float *out, size_t capacity, size_t *n_out)
{
    const bool held = self->begin < self->end;
    if (self->finished || (n_in > 0 && held))
        return KT_EINVAL;
    const float *from = held ? self->pending + self->begin : in;
    const size_t n    = held ? self->end - self->begin : n_in;
    size_t       done = 0, made = 0;
    kt_err_t     err = resample_run(self, from, n, &done, out, capacity, &made);
    if (!err && made < capacity) {  // the input is taken; soxr may hold finished samples
        size_t none = 0, more = 0;
        err = resample_step(self, NULL, 0, &none, out + made, capacity - made, &more);
        made += more;
    }
    if (err)
        return err;

    if (held) {
        self->begin += done;
    } else if (done < n) {  // nothing is pending: the rest of the input is kept
        const size_t rest = n - done;
        if (rest > SIZE_MAX / sizeof *in / 2)
            return KT_ENOMEM;
        if (rest > self->capacity) {
            float *pending = realloc(self->pending, rest * sizeof *pending);
            if (!pending)
                return KT_ENOMEM;
            self->pending  = pending;
            self->capacity = rest;
        }
        memcpy(self->pending, from + done, rest * sizeof *from);
        self->begin = 0;
        self->end   = rest;
    }
    self->taken += n_in;
    self->given += made;
    *n_out = made;
    return KT_OK;
}

kt_err_t
kt_resample_finish(kt_resample_t *self, float *out, size_t capacity, size_t *n_out)
{
    size_t   done = 0, made = 0;
    kt_err_t err =
        resample_run(self, self->pending + self->begin, self->end - self->begin, &done, out, capacity, &made);
    self->begin += done;  // input that the last push may have left
    if (err)
        return err;
    if (made == 0) {
        // The samples that soxr still holds, cut at the target length as librosa computes it, rounding of the ratio
        // included; soxr may give one sample less than that, which is then zero.
        const uint64_t end    = (uint64_t)ceil((double)self->taken * ((double)self->to_hz / self->from_hz));
        const uint64_t left   = end > self->given ? end - self->given : 0;
        const size_t   wanted = left < capacity ? (size_t)left : capacity;
        self->finished        = true;
        if (self->soxr && wanted > 0 && soxr_process(self->soxr, NULL, 0, NULL, out, wanted, &made))
            return KT_ENOMEM;
        for (; made < wanted; made++)
            out[made] = 0;
    }
    self->given += made;
    *n_out = made;
    return KT_OK;
}

kt_err_t
kt_resample_in_double(uint32_t from_hz, uint32_t to_hz, const double *in, size_t n_in, double *out, size_t n_out)
{
    if (!rates_are_right(from_hz, to_hz) || from_hz == to_hz)
        return KT_EINVAL;
    soxr_t soxr = resampler_of(from_hz, to_hz, SOXR_FLOAT64_I, SOXR_DOUBLE_PRECISION);
    if (!soxr)
        return KT_ENOMEM;
    size_t made   = 0;
    bool   failed = false, ended = false;
    while (made < n_out && !ended && !failed) {
        size_t took = 0, got = 0;
        failed = soxr_process(soxr, n_in > 0 ? in : NULL, n_in, &took, out + made, n_out - made, &got) != NULL;
        ended  = n_in == 0 && got == 0;
        in += took;
        n_in -= took;
        made += got;
    }
    soxr_delete(soxr);
    memset(out + made, 0, (n_out - made) * sizeof *out);
    return failed ? KT_ENOMEM : KT_OK;
}

// Four frames at a time, of which there are so many; returns how many frames that were. Half of a sum is what dividing
// by two gives, exactly.
static size_t
stereo_to_mono(const float *interleaved, size_t frames, float *out)
{
    typedef float four_t __attribute__((vector_size(16)));
    const size_t  n = frames / 4 * 4;
    for (size_t i = 0; i < n; i += 4) {
        four_t low, high;
        memcpy(&low, interleaved + 2 * i, sizeof low);
        memcpy(&high, interleaved + 2 * i + 4, sizeof high);
        const four_t sum =
            __builtin_shufflevector(low, high, 0, 2, 4, 6) + __builtin_shufflevector(low, high, 1, 3, 5, 7);
        const four_t mean = sum * 0.5F;
        memcpy(out + i, &mean, sizeof mean);
    }
    return n;
}

void
kt_to_mono(const float *interleaved, size_t frames, uint32_t channels, float *out)
{
    for (size_t i = channels == 2 ? stereo_to_mono(interleaved, frames, out) : 0; i < frames; i++) {
        float sum = interleaved[i * channels];
        for (uint32_t c = 1; c < channels; c++)
            sum += interleaved[i * channels + c];
        out[i] = sum / (float)channels;
    }
}
