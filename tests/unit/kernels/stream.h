// One stream of samples run through both passes, for the tests of this folder.
#pragma once

#include "kernels/device.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef struct stream {
    kt_plan_t          *plan;
    kt_device_t        *device;
    float              *padded, *samples;  // the second points into the first, behind half a frame of zeros
    kt_span_t           span;
    float              *row[KT_ROWS];
    kt_spectral_peaks_t peaks;
} stream_t;

static const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12};

static const char *stream_isa = "auto";  // of the devices of new streams

static inline stream_t
stream_new(const kt_frontend_opts_t *opts, size_t samples)
{
    stream_t     self = {0};
    const size_t half = opts->n_fft / 2, frames = 1 + samples / opts->hop;
    cr_assert_eq(kt_plan_new(&self.plan, opts), KT_OK);
    cr_assert_eq(kt_device_cpu(&self.device, &(kt_device_opts_t){stream_isa}), KT_OK);
    self.padded  = calloc(samples + opts->n_fft, sizeof *self.padded);
    self.samples = self.padded + half;
    self.span    = (kt_span_t){self.padded, frames, half, half + samples};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        self.row[r] = calloc(frames * kt_row_width(self.plan, r) + 1, sizeof(float));
    return self;
}

static inline void
stream_run(stream_t *self)
{
    kt_rows_t out = {.peaks = &self->peaks};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        out.row[r] = self->row[r];
    cr_assert_eq(kt_device_frontend(self->device, self->plan, &self->span, 1, &out), KT_OK);
}

static inline void
stream_free(stream_t *self)
{
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        free(self->row[r]);
    free(self->padded);
    kt_spectral_peaks_fini(&self->peaks);
    kt_device_destroy(&self->device);
    kt_plan_destroy(&self->plan);
}
