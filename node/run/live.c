#include "node/run/live.h"

#include "common/clock.h"
#include "node/run/pipeline_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// IDLE_S: how long a stream may say nothing at all before it is given up.
enum { IDLE_S = 24 * 3600 };

typedef struct live {
    kt_pipeline_t        *pipeline;
    const kt_live_opts_t *opts;
    kt_device_t          *device;
    kt_source_t           source;
    kt_facts_t            facts;
    kt_analysis_t        *analysis;
    int64_t               start_us;
    uint64_t              frames, n_snapshots;
    char                 *detail;
} live_t;

static void
say(live_t *self, const char *detail)
{
    snprintf(self->detail, KT_DETAIL, "%s", detail);
}

static kt_stamp_t
stamp_now(const live_t *self)
{
    return (kt_stamp_t){(double)(kt_clock_us() - self->start_us) / 1e6, kt_clock_wall_ms()};
}

static double
seconds_so_far(const live_t *self)
{
    return (double)self->frames / self->source.rate_hz;
}

// The facts of a stream: its size is nobody's knowledge, and what was declared at its beginning says nothing.
static kt_err_t
new_document(const live_t *self, kt_document_t **out)
{
    kt_err_t err = kt_document_new(out, self->opts->job);
    if (err)
        return err;
    kt_technical_write(*out, &self->facts, seconds_so_far(self), 0);
    kt_document_null(*out, KT_FEATURE_TECHNICAL_file_size, "a stream has no size");
    return KT_OK;
}

static kt_err_t
hand_over(live_t *self, const kt_buf_t *text)
{
    return self->opts->message(self->opts->context, text->bytes, text->length) ? KT_OK : KT_ECLOSED;
}

static kt_err_t
snapshot(live_t *self)
{
    kt_stamp_t     stamp                = stamp_now(self);
    char           why[KT_DOCUMENT_WHY] = "";
    kt_document_t *document             = NULL;
    kt_buf_t       text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err = new_document(self, &document);
    if (!err)
        err = kt_analysis_snapshot(self->analysis, document, &stamp, &text, why);
    if (err)
        say(self, why);
    else
        err = hand_over(self, &text);
    kt_document_destroy(&document);
    kt_buf_fini(&text);
    return err;
}

// Pushes up to where the next snapshot is due, takes it, and goes on.
static kt_err_t
push(live_t *self, const float *pcm, size_t frames)
{
    while (frames > 0) {
        double   due  = self->opts->every * (double)(self->n_snapshots + 1) * self->source.rate_hz;
        uint64_t left = self->opts->every > 0 && due < 9e15 ? (uint64_t)due - self->frames : UINT64_MAX;
        size_t   some = frames < left ? frames : (size_t)left;
        kt_err_t err  = kt_analysis_push(self->analysis, pcm, some);
        self->frames += some;
        if (!err && some == left) {
            self->n_snapshots++;
            err = snapshot(self);
        }
        if (err)
            return err;
        pcm += some * self->source.channels;
        frames -= some;
    }
    return KT_OK;
}

static kt_err_t
take_all(live_t *self)
{
    for (;;) {
        const float *pcm    = NULL;
        size_t       frames = 0;
        kt_err_t     err    = kt_source_read(&self->source, &pcm, &frames);
        if (err)
            say(self, kt_source_why(&self->source));
        if (err || frames == 0)
            return err;
        if (seconds_so_far(self) > (double)self->pipeline->settings->max_duration_s)
            return KT_ETOOLONG;
        if ((err = push(self, pcm, frames)))
            return err;
    }
}

static kt_err_t
open_stream(live_t *self)
{
    kt_worker_opts_t pcm = {
        .pcm = self->opts->pcm, .pcm_rate_hz = self->opts->pcm_rate_hz, .pcm_channels = self->opts->pcm_channels};
    int64_t  idle_ms = 1000 * ((int64_t)self->pipeline->settings->max_duration_s + IDLE_S);
    kt_err_t err     = kt_source_open_stream(&self->source, self->pipeline, &pcm, self->opts->fd, idle_ms);
    if (!err)
        err = kt_source_facts(&self->source, &self->facts);
    if (!err && !self->facts.has_audio)
        err = KT_ENOAUDIO;
    if (err) {
        say(self, kt_source_why(&self->source));
        return err;
    }
    kt_analysis_opts_t opts = {.plan     = self->pipeline->plan,
                               .device   = self->device,
                               .rate_hz  = self->source.rate_hz,
                               .channels = self->source.channels,
                               .layout   = self->facts.layout,
                               .options  = self->opts->job->options};
    return kt_analysis_new(&self->analysis, &opts);
}

static kt_err_t
finish(live_t *self)
{
    char           why[KT_DOCUMENT_WHY] = "";
    kt_document_t *document             = NULL;
    kt_buf_t       text;
    if (self->frames == 0)
        return KT_ENOAUDIO;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_err_t err = new_document(self, &document);
    if (!err)
        err = kt_analysis_finish(self->analysis, document);
    kt_stamp_t stamp = stamp_now(self);
    if (!err && (err = kt_document_finish(document, &stamp, &text, why)))
        say(self, why);
    if (!err)
        err = hand_over(self, &text);
    kt_document_destroy(&document);
    kt_buf_fini(&text);
    return err;
}

kt_err_t
kt_live_run(kt_pipeline_t *pipeline, const kt_live_opts_t *opts, char detail[KT_DETAIL])
{
    live_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->pipeline = pipeline;
    self->opts     = opts;
    self->detail   = detail;
    self->start_us = kt_clock_us();
    detail[0]      = '\0';
    kt_err_t err   = kt_device_cpu(&self->device, &(kt_device_opts_t){pipeline->settings->isa});
    if (!err)
        err = open_stream(self);
    if (!err)
        err = take_all(self);
    if (!err)
        err = finish(self);
    kt_analysis_destroy(&self->analysis);
    kt_source_close(&self->source);
    kt_device_destroy(&self->device);
    free(self);
    return err;
}
