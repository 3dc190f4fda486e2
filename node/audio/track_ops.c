// The audio track as a row of the table of tracks.
#include "kernels/audio/resample.h"
#include "node/audio/modules.h"
#include "node/audio/pieces.h"
#include "node/audio/track.h"
#include "node/run/track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct audio {
    kt_analysis_t *analysis;
    uint32_t       options;            // of opts
    char           why[KT_MEDIA_WHY];  // not "": the sound cannot be decoded
} audio_t;

static bool
has_sound(const kt_media_info_t *media_info)
{
    return media_info->has_audio && !media_info->audio_why[0];
}

uint32_t
kt_audio_segment_seconds(const kt_media_info_t *info)
{
    const bool at_once = info->duration_s > 0 && info->duration_s <= KT_SEGMENT_SECONDS;
    return info->has_video && !at_once ? KT_SEGMENT_SHORT_SECONDS : KT_SEGMENT_SECONDS;
}

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
    if (!has_sound(opts->media_info))
        return 0;
    const kt_source_opts_t source = {
        .rate_hz = opts->media_info->rate_hz, .channels = opts->media_info->channels, .loudness = true, .facts = true};
    return kt_analysis_bytes(kt_plan_opts(opts->plan), kt_audio_segment_seconds(opts->media_info), seconds) +
           (kt_source_is_defined(&source) ? kt_pieces_bytes(&source) : 0) +
           kt_audio_models_bytes(opts->models, opts->options, seconds);
}

static void
audio_destroy(void **self_p)
{
    audio_t *self = *self_p;
    if (!self)
        return;
    kt_analysis_destroy(&self->analysis);
    free(self);
    *self_p = NULL;
}

static kt_err_t
audio_new(void **self_p, const kt_track_opts_t *opts)
{
    const kt_media_info_t *media_info = opts->media_info;
    if (has_sound(media_info) && media_info->rate_hz < KT_RESAMPLE_LEAST_HZ) {
        if (opts->why)
            snprintf(opts->why, KT_TRACK_WHY, "a sample rate of %u Hz; the analysis needs at least %d Hz",
                     media_info->rate_hz, KT_RESAMPLE_LEAST_HZ);
        return KT_ESTREAM;
    }
    kt_analysis_opts_t analysis = {
        .plan          = opts->plan,
        .device        = opts->device,
        .rate_hz       = has_sound(media_info) ? media_info->rate_hz : 0,
        .channels      = has_sound(media_info) ? media_info->channels : 0,
        .segment_s     = kt_audio_segment_seconds(media_info),
        .seconds       = media_info->duration_s,
        .layout        = media_info->layout,
        .options       = opts->options,
        .models        = opts->models,
        .models_absent = opts->models_absent,
        .patches       = opts->patches,
        .frames        = opts->frames,
        .each_segment  = opts->each_segment,
        .context       = opts->context,
    };
    audio_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->options = opts->options;
    memcpy(self->why, media_info->audio_why, sizeof self->why);
    kt_err_t err = kt_analysis_new(&self->analysis, &analysis);
    if (err)
        audio_destroy((void **)&self);
    *self_p = self;
    return err;
}

static kt_err_t
audio_push(void *state, const kt_chunk_t *chunk)
{
    audio_t *self = state;
    return kt_analysis_push(self->analysis, chunk->audio.pcm, chunk->audio.frames);
}

static kt_err_t
audio_end(void *state, kt_device_done_fn *done, void *context, bool *pending)
{
    return kt_analysis_end(((audio_t *)state)->analysis, done, context, pending);
}

static kt_err_t
audio_finish(void *state, kt_document_t *document)
{
    audio_t *self = state;
    kt_err_t err  = kt_analysis_finish(self->analysis, document);
    for (int f = 0; f < KT_FEATURES && !err && self->why[0]; f++) {
        const kt_group_t group = kt_feature_desc((kt_feature_t)f)->group;
        if (group != KT_GROUP_VISUAL && kt_group_option(group) & self->options)
            kt_document_null(document, (kt_feature_t)f, self->why);
    }
    return err;
}

static kt_err_t
audio_merge(void *state, void **next_p)
{
    audio_t *self = state, *next = *next_p;
    kt_err_t err = kt_analysis_merge(self->analysis, &next->analysis);
    if (!next->analysis)
        audio_destroy(next_p);
    return err;
}

static void
audio_stages(const void *state, kt_stage_fn *add, void *context)
{
    const audio_t *self = state;
    kt_stage_us_t  stages;
    kt_analysis_stages(self->analysis, &stages);
    add(context, "audio_resample", stages.resample);
    add(context, "audio_spectral", stages.spectral + stages.chroma);
    for (size_t m = 0; m < KT_MODULES; m++)
        if (stages.modules[m])
            add(context, kt_modules[m]->stage, stages.modules[m]);
}

const kt_track_ops_t kt_audio_track = {
    .name     = "audio",
    .snapshot = true,
    .wanted   = audio_wanted,
    .bytes    = audio_bytes,
    .new      = audio_new,
    .push     = audio_push,
    .end      = audio_end,
    .finish   = audio_finish,
    .merge    = audio_merge,
    .stages   = audio_stages,
    .destroy  = audio_destroy,
};
