// The inside of kt_device: a table of operations, and the first member of the struct of each kind of device. Only the
// files of kernels/ include it.
#pragma once

#include "kernels/device.h"

typedef struct kt_device_ops {
    kt_err_t (*frontend)(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *spans, size_t n,
                         const kt_rows_t *out);
    kt_err_t (*chroma)(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
                       float *const *out);
    // A device that computes on the caller's thread has none of these.
    void (*begin_file)(kt_device_t *self, bool may_leave);
    kt_err_t (*begin_frontend)(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *span, const kt_rows_t *out,
                               kt_device_job_t **job_p);
    kt_err_t (*begin_chroma)(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *span, float *out,
                             kt_device_job_t **job_p);
    kt_err_t (*begin_chroma_cqt)(kt_device_t *self, const kt_plan_t *plan, double tuning, const float *pcm, size_t n,
                                 size_t frames, float *out, kt_device_job_t **job_p);
    kt_err_t (*begin_rises)(kt_device_t *self, const kt_plan_t *plan, const kt_rise_span_t *span, uint16_t *out,
                            kt_device_job_t **job_p);
    kt_err_t (*begin_bass)(kt_device_t *self, kt_bass_t *bass, const kt_bass_span_t *span, uint16_t *out,
                           kt_device_job_t **job_p);
    kt_err_t (*begin_cents)(kt_device_t *self, kt_cents_counter_t *counter, const float *samples, size_t n,
                            kt_cents_t *out, kt_device_job_t **job_p);
    kt_err_t (*begin_derived)(kt_device_t *self, const kt_plan_t *plan, const kt_derived_t *rows,
                              kt_device_job_t **job_p);
    bool (*takes_pieces)(kt_device_t *self, const kt_plan_t *plan, const kt_source_opts_t *opts, double seconds,
                         bool keeps);
    kt_err_t (*begin_piece)(kt_device_t *self, const kt_source_opts_t *opts, kt_source_piece_t *piece,
                            kt_device_job_t **job_p);
    void *(*take_pinned)(kt_device_t *self, size_t bytes);
    void (*give_pinned)(kt_device_t *self, void *memory);
    void (*keep_samples)(kt_device_t *self, bool keep);
    kt_err_t (*end)(kt_device_t *self, kt_device_job_t **job_p);
    void (*cancel)(kt_device_job_t **job_p);
    bool (*watch)(kt_device_job_t *job, kt_device_done_fn *done, void *context);
    // Not of a device that has begin_chroma_cqt.
    kt_err_t (*chroma_cqt)(kt_device_t *self, const kt_plan_t *plan, double tuning, const float *pcm, size_t n,
                           size_t frames, float *out);
    kt_err_t (*columns)(kt_device_t *self, const kt_column_set_t *columns, kt_column_moments_t *moments,
                        float *quantile);
    void (*images)(kt_device_t *self, const kt_image_span_t *span, kt_image_stats_t *out);
    void (*info)(const kt_device_t *self, kt_device_info_t *out);
    void (*destroy)(kt_device_t *self);
} kt_device_ops_t;

// On a device that computes rows on the caller's thread, in batches. KT_ENOMEM.
kt_err_t kt_device_rises(kt_device_t *cpu, const kt_plan_t *plan, const kt_rise_span_t *span, uint16_t *out);

struct kt_device {
    const kt_device_ops_t *ops;
    const kt_isa_t        *isa;        // of what runs on the CPU; never NULL
    bool                   resamples;  // kt_device_resamples
};
