// The audio track as a row of the table of tracks.
#include "node/audio/modules.h"
#include "node/audio/track.h"
#include "node/run/track.h"

static bool
audio_wanted(uint32_t options, const kt_media_info_t *media_info)
{
    (void)media_info;
    for (size_t m = 0; m < KT_MODULES; m++)
        if (kt_modules[m]->options & options)
            return true;
    return false;
}

static uint64_t
audio_bytes(const kt_track_opts_t *opts, double seconds)
{
    if (!opts->media_info->has_audio)
        return 0;
    return kt_analysis_bytes(kt_plan_opts(opts->plan), seconds) +
           kt_audio_models_bytes(opts->models, opts->options, seconds);
}

static kt_err_t
audio_new(void **self_p, const kt_track_opts_t *opts)
{
    const kt_media_info_t *media_info = opts->media_info;
    kt_analysis_opts_t     analysis   = {
              .plan          = opts->plan,
              .device        = opts->device,
              .rate_hz       = media_info->has_audio ? media_info->rate_hz : 0,
              .channels      = media_info->has_audio ? media_info->channels : 0,
              .layout        = media_info->layout,
              .options       = opts->options,
              .models        = opts->models,
              .models_absent = opts->models_absent,
              .patches       = opts->patches,
              .frames        = opts->frames,
              .each_segment  = opts->each_segment,
              .context       = opts->context,
    };
    kt_analysis_t *self = NULL;
    kt_err_t       err  = kt_analysis_new(&self, &analysis);
    *self_p             = self;
    return err;
}

static kt_err_t
audio_push(void *self, const kt_chunk_t *chunk)
{
    return kt_analysis_push(self, chunk->audio.pcm, chunk->audio.frames);
}

static kt_err_t
audio_finish(void *self, kt_document_t *document)
{
    return kt_analysis_finish(self, document);
}

static kt_err_t
audio_merge(void *self, void **next_p)
{
    kt_analysis_t *next = *next_p;
    kt_err_t       err  = kt_analysis_merge(self, &next);
    *next_p             = next;
    return err;
}

static void
audio_stages(const void *self, kt_stage_fn *add, void *context)
{
    kt_stage_us_t stages;
    kt_analysis_stages(self, &stages);
    add(context, "audio_resample", stages.resample);
    add(context, "audio_spectral", stages.spectral + stages.chroma);
    for (size_t m = 0; m < KT_MODULES; m++)
        if (stages.modules[m])
            add(context, kt_modules[m]->stage, stages.modules[m]);
}

static void
audio_destroy(void **self_p)
{
    kt_analysis_t *self = *self_p;
    kt_analysis_destroy(&self);
    *self_p = NULL;
}

const kt_track_ops_t kt_audio_track = {
    .name     = "audio",
    .snapshot = true,
    .wanted   = audio_wanted,
    .bytes    = audio_bytes,
    .new      = audio_new,
    .push     = audio_push,
    .finish   = audio_finish,
    .merge    = audio_merge,
    .stages   = audio_stages,
    .destroy  = audio_destroy,
};
