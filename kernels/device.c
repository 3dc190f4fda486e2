#include "kernels/device.h"

#include "kernels/audio/plan.h"
#include "kernels/device_ops.h"
#include "kernels/isa.h"

#include <stdlib.h>
#include <string.h>

kt_err_t
kt_device_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    return self->ops->frontend(self, plan, spans, n, out);
}

kt_err_t
kt_device_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *spans, size_t n,
                 float *const *out)
{
    return self->ops->chroma(self, plan, tuning, spans, n, out);
}

void
kt_device_begin_file(kt_device_t *self, bool may_leave)
{
    if (self->ops->begin_file)
        self->ops->begin_file(self, may_leave);
}

kt_err_t
kt_device_begin_frontend(kt_device_t *self, const kt_plan_t *plan, const kt_span_t *span, const kt_rows_t *out,
                         kt_device_job_t **job_p)
{
    if (self->ops->begin_frontend)
        return self->ops->begin_frontend(self, plan, span, out, job_p);
    const kt_err_t err = self->ops->frontend(self, plan, span, 1, out);
    *job_p             = err ? *job_p : NULL;
    return err;
}

kt_err_t
kt_device_begin_chroma(kt_device_t *self, const kt_plan_t *plan, double tuning, const kt_span_t *span, float *out,
                       kt_device_job_t **job_p)
{
    if (self->ops->begin_chroma)
        return self->ops->begin_chroma(self, plan, tuning, span, out, job_p);
    const kt_err_t err = self->ops->chroma(self, plan, tuning, span, 1, &out);
    *job_p             = err ? *job_p : NULL;
    return err;
}

kt_err_t
kt_device_begin_chroma_cqt(kt_device_t *self, const kt_plan_t *plan, double tuning, const float *pcm, size_t n,
                           size_t frames, float *out, kt_device_job_t **job_p)
{
    if (self->ops->begin_chroma_cqt)
        return self->ops->begin_chroma_cqt(self, plan, tuning, pcm, n, frames, out, job_p);
    const kt_err_t err = self->ops->chroma_cqt(self, plan, tuning, pcm, n, frames, out);
    *job_p             = err ? *job_p : NULL;
    return err;
}

kt_err_t
kt_device_rises(kt_device_t *cpu, const kt_plan_t *plan, const kt_rise_span_t *span, uint16_t *out)
{
    enum { BATCH = 256 };
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    const size_t              hop  = opts->hop;
    kt_rises_t                rises;
    kt_err_t                  err  = kt_rises_init(&rises, opts->n_mels, BATCH);
    float                    *mel  = calloc(BATCH * (size_t)opts->n_mels, sizeof *mel);
    const kt_rows_t           rows = {.row[KT_ROW_MEL] = mel};
    err                            = mel ? err : KT_ENOMEM;
    if (!err && span->opts.begins)
        kt_rises_begin(&rises, &span->opts);
    // Before the first frame the rows of those that it is compared with.
    for (size_t at = 0, some = span->opts.begins ? 0 : KT_RISE_LAG, lead = some; at < lead + span->frames && !err;
         at += some) {
        const size_t left   = lead + span->frames - at;
        some                = at < lead ? lead : left < BATCH ? left : BATCH;
        const kt_span_t one = {
            .pcm = span->pcm + at * hop - lead * hop, .frames = some, .real_end = (some - 1) * hop + opts->n_fft};
        err = kt_device_frontend(cpu, plan, &one, 1, &rows);
        if (!err)
            kt_rises_add(&rises, &span->opts, mel, some, at < lead ? NULL : out + (at - lead) * KT_RISE_WIDTH);
    }
    free(mel);
    kt_rises_fini(&rises);
    return err;
}

kt_err_t
kt_device_begin_rises(kt_device_t *self, const kt_plan_t *plan, const kt_rise_span_t *span, uint16_t *out,
                      kt_device_job_t **job_p)
{
    *job_p = NULL;
    return self->ops->begin_rises ? self->ops->begin_rises(self, plan, span, out, job_p)
                                  : kt_device_rises(self, plan, span, out);
}

kt_err_t
kt_device_begin_derived(kt_device_t *self, const kt_plan_t *plan, const kt_derived_t *rows, kt_device_job_t **job_p)
{
    *job_p = NULL;
    return self->ops->begin_derived ? self->ops->begin_derived(self, plan, rows, job_p)
                                    : kt_derive(self->isa, plan, rows);
}

bool
kt_device_takes_pieces(kt_device_t *self, const kt_plan_t *plan, const kt_source_opts_t *opts, double seconds,
                       bool keeps)
{
    return self->ops->takes_pieces && self->ops->takes_pieces(self, plan, opts, seconds, keeps);
}

void *
kt_device_take_pinned(kt_device_t *self, size_t bytes)
{
    return self->ops->take_pinned ? self->ops->take_pinned(self, bytes) : NULL;
}

void
kt_device_give_pinned(kt_device_t *self, void *memory)
{
    if (self->ops->give_pinned)
        self->ops->give_pinned(self, memory);
}

bool
kt_device_resamples(const kt_device_t *self)
{
    return self->resamples;
}

kt_err_t
kt_device_begin_piece(kt_device_t *self, const kt_source_opts_t *opts, kt_source_piece_t *piece,
                      kt_device_job_t **job_p)
{
    return self->ops->begin_piece ? self->ops->begin_piece(self, opts, piece, job_p) : KT_EINVAL;
}

kt_err_t
kt_device_begin_bass(kt_device_t *self, kt_bass_t *bass, const kt_bass_span_t *span, uint16_t *out,
                     kt_device_job_t **job_p)
{
    *job_p = NULL;
    if (self->ops->begin_bass)
        return self->ops->begin_bass(self, bass, span, out, job_p);
    kt_bass_rows(bass, span, out);
    return KT_OK;
}

kt_err_t
kt_device_begin_cents(kt_device_t *self, kt_cents_counter_t *counter, const float *samples, size_t n, kt_cents_t *out,
                      kt_device_job_t **job_p)
{
    *job_p = NULL;
    if (self->ops->begin_cents)
        return self->ops->begin_cents(self, counter, samples, n, out, job_p);
    kt_cents_count(counter, samples, n, out);
    return KT_OK;
}

kt_err_t
kt_device_end(kt_device_t *self, kt_device_job_t **job_p)
{
    return *job_p ? self->ops->end(self, job_p) : KT_OK;
}

void
kt_device_cancel(kt_device_t *self, kt_device_job_t **job_p)
{
    if (*job_p)
        self->ops->cancel(job_p);
}

bool
kt_device_watch(kt_device_t *self, kt_device_job_t *job, kt_device_done_fn *done, void *context)
{
    return !job || self->ops->watch(job, done, context);
}

void
kt_device_keep_samples(kt_device_t *self)
{
    if (self->ops->keep_samples)
        self->ops->keep_samples(self, true);
}

void
kt_device_forget_samples(kt_device_t *self)
{
    if (self->ops->keep_samples)
        self->ops->keep_samples(self, false);
}

bool
kt_device_gathers(const kt_device_t *self)
{
    return self->ops->begin_frontend != NULL;
}

kt_err_t
kt_device_images(kt_device_t *self, const kt_image_span_t *span, kt_image_stats_t *out)
{
    if (span->width > KT_IMAGE_MOST_SIDE || span->height > KT_IMAGE_MOST_SIDE)
        return KT_EINVAL;
    if (kt_image_bytes(span->width, span->height) == 0)
        memset(out, 0, span->n * sizeof *out);
    else
        self->ops->images(self, span, out);
    return KT_OK;
}

kt_err_t
kt_device_columns(kt_device_t *self, const kt_column_set_t *columns, kt_column_moments_t *moments, float *quantile)
{
    if (columns->frames == 0 || columns->quantiles < 2)
        return KT_EINVAL;
    return self->ops->columns(self, columns, moments, quantile);
}

const kt_isa_t *
kt_device_isa(const kt_device_t *self)
{
    return self->isa;
}

void
kt_device_info(const kt_device_t *self, kt_device_info_t *out)
{
    self->ops->info(self, out);
}

void
kt_device_destroy(kt_device_t **self_p)
{
    if (*self_p)
        (*self_p)->ops->destroy(*self_p);
    *self_p = NULL;
}

void
kt_rows_to_db(const kt_isa_t *isa, const float *power, size_t count, float *db)
{
    isa->rows->to_db(power, count, db);
}

void
kt_rows_contrast(const kt_isa_t *isa, const kt_plan_t *plan, const float *peak, const float *valley, size_t frames,
                 float *out)
{
    if (plan->has_contrast)
        isa->rows->contrast(peak, valley, frames * KT_BANDS, out);
}

void
kt_rows_mfcc(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    isa->rows->mfcc(plan, mel_db, frames, out);
}

void
kt_rows_onset(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    isa->rows->onset(plan, mel_db, frames, out);
}
