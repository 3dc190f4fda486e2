// The models as one of the modules. They belong to the analysis (kt_stream_t.models), so that other modules can read
// them; this one brings them samples and writes their features.
#include "node/audio/models/models.h"
#include "node/audio/modules.h"

#include <stdlib.h>

typedef struct module {
    kt_audio_models_t *models;  // the analysis's
} module_t;

static kt_err_t
module_new(void **state, const kt_stream_t *stream)
{
    module_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->models = stream->models;
    *state       = self;
    return KT_OK;
}

static void
module_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

static kt_err_t
module_push(void *state, const float *pcm, size_t frames)
{
    module_t *self = state;
    return kt_audio_models_push(self->models, pcm, frames);
}

static kt_err_t
module_finish(const void *state, kt_document_t *document)
{
    const module_t *self = state;
    kt_err_t        err  = kt_audio_models_close(self->models);
    if (!err)
        kt_audio_models_write(self->models, document);
    return err;
}

static kt_err_t
module_merge(void **state, void **next)
{
    module_t *self = *state, *later = *next;
    return kt_audio_models_merge(self->models, later->models);
}

const kt_module_t kt_module_models = {
    .name    = "models",
    .stage   = "audio_models",
    .options = KT_OPTION_MIR | KT_OPTION_PERCEPTUAL | KT_OPTION_SIMILARITY,
    .new     = module_new,
    .push    = module_push,
    .finish  = module_finish,
    .merge   = module_merge,
    .destroy = module_destroy,
};
