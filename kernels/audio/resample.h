// kt_resample -- mono float32 from one rate to another by libsoxr's HQ recipe (20 bit), as librosa.load: the length is
// ceil(n * to / from), cut or filled with zeros. A stream in chunks equals one call. One thread.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct kt_resample kt_resample_t;

enum { KT_RESAMPLE_LEAST_HZ = 1000, KT_RESAMPLE_MOST_HZ = 768000 };  // of both rates

KT_MUST_USE kt_err_t kt_resample_new(kt_resample_t **self_p, uint32_t from_hz, uint32_t to_hz);  // KT_EINVAL, KT_ENOMEM
void                 kt_resample_destroy(kt_resample_t **self_p);
// Takes all of `in`, gives at most capacity values; call again with n_in == 0 while *n_out == capacity. KT_EINVAL: more
// input while that is due, or after the end. KT_ENOMEM: destroy it.
KT_MUST_USE kt_err_t kt_resample_push(kt_resample_t *self, const float *in, size_t n_in, float *out, size_t capacity,
                                      size_t *n_out);
// After the last push, repeatedly until *n_out == 0.
KT_MUST_USE kt_err_t kt_resample_finish(kt_resample_t *self, float *out, size_t capacity, size_t *n_out);

// All of `in` at once in double, by the same filter: what kt_resample gives is this, rounded to float on its way (1e-6
// of full scale). out: n_out samples, zeros behind the stream's end. Different rates. KT_EINVAL, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_resample_in_double(uint32_t from_hz, uint32_t to_hz, const double *in, size_t n_in, double *out,
                                           size_t n_out);

// Mean of the channels in float32, as librosa.to_mono (sum in channel order, then divided).
void kt_to_mono(const float *interleaved, size_t frames, uint32_t channels, float *out);
