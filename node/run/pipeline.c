#include "node/run/pipeline.h"

#include "common/log.h"
#include "node/run/pipeline_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_MELS = 128, FOLDER_BYTES = 4400 };

// Models that cannot be opened leave their features null; they do not keep a node from its work.
static kt_err_t
open_models(kt_pipeline_t *self, bool wanted)
{
    char            path[FOLDER_BYTES], why[KT_CATALOGUE_WHY];
    const char     *folder = kt_settings_model_dir(self->settings, path, sizeof path);
    kt_model_opts_t opts   = {.exec = {.isa = self->settings->isa, .int8 = self->settings->model_int8}};
    snprintf(self->models_absent, sizeof self->models_absent, "no models are deployed");
    if (!wanted)
        return KT_OK;
    if (!folder || !*folder) {
        snprintf(self->models_absent, sizeof self->models_absent, "ANALYZER_MODEL_PATH names no folder");
        return KT_OK;
    }
    kt_err_t err = kt_model_folder_open(&self->models, folder, &opts, why);
    if (!err || err == KT_ENOMEM)
        return err;
    kt_log_warn("MODELS-OPEN", "folder=\"%s\" err=%s why=\"%s\"", folder, kt_err_name(err), why);
    snprintf(self->models_absent, sizeof self->models_absent, "%s", *why ? why : kt_err_text(err));
    return KT_OK;
}

kt_err_t
kt_pipeline_new(kt_pipeline_t **self_p, const kt_pipeline_opts_t *opts)
{
    kt_err_t       err  = KT_ENOMEM;
    kt_pipeline_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    self->settings = opts->settings;
    self->gpus     = opts->gpus;
    if (self->gpus)
        (void)kt_gpus_name(self->gpus, self->device, sizeof self->device);
    const kt_settings_t *settings = opts->settings;
    kt_frontend_opts_t   frontend = {
          .rate_hz  = (uint32_t)settings->sample_rate_hz,
          .n_fft    = (uint32_t)settings->n_fft,
          .hop      = (uint32_t)settings->hop_length,
          .n_mels   = N_MELS,
          .n_mfcc   = (uint32_t)settings->n_mfcc,
          .n_chroma = (uint32_t)settings->n_chroma,
    };
    if (settings->test_faults.noop && (err = kt_noop_message_new(&self->noop, settings->test_faults.noop_bytes)))
        goto fail;
    if ((err = kt_plan_new(&self->plan, &frontend)))
        goto fail;
    if (self->gpus && (err = kt_gpus_warm_up(self->gpus, self->plan)))
        goto fail;
    if ((err = kt_admission_new(&self->admission, (uint64_t)settings->max_memory_mb << 20)))
        goto fail;
    if ((err = kt_fetch_new(&self->fetch, opts->media_roots, opts->any_path)))
        goto fail;
    if ((err = kt_fetch_http_new(&self->fetch_http, settings, opts->any_path)))
        goto fail;
    if ((err = open_models(self, opts->open_models)))
        goto fail;
    if ((err = kt_cache_new(&self->cache, settings)))
        goto fail;
    if ((err = kt_decode_server_new(&self->decode, opts->decoder)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_pipeline_destroy(&self);
    return err;
}

void
kt_pipeline_destroy(kt_pipeline_t **self_p)
{
    kt_pipeline_t *self = *self_p;
    if (!self)
        return;
    kt_decode_server_destroy(&self->decode);
    kt_cache_destroy(&self->cache);
    kt_model_folder_close(&self->models);
    kt_fetch_http_destroy(&self->fetch_http);
    kt_fetch_destroy(&self->fetch);
    kt_admission_destroy(&self->admission);
    kt_plan_destroy(&self->plan);
    kt_noop_message_destroy(&self->noop);
    free(self);
    *self_p = NULL;
}

void
kt_pipeline_memory(const kt_pipeline_t *self, uint64_t *now_bytes, uint64_t *peak_bytes)
{
    kt_admission_levels(self->admission, now_bytes, peak_bytes);
}
