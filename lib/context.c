#include "common/settings.h"
#include "lib/parts.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char DECODE[] = "KITHARA_DECODE";

// Idle workers are kept: a worker's buffers are made once. At most as many as calls ran at the same time.
enum { WORKERS = 256 };

struct kithara {
    kt_settings_t   own;  // kithara_open's
    kt_pipeline_t  *pipeline;
    char            decoder[PATH_MAX];  // "": node/decode/client.h finds it
    pthread_mutex_t lock;               // guards what follows
    size_t          n_idle;
    kt_worker_t    *idle[WORKERS];
};

// The value of NAME in NAME=value; NULL: another name.
static const char *
value_of(const char *pair, const char *name)
{
    size_t length = strlen(name);
    return strncmp(pair, name, length) == 0 && pair[length] == '=' ? pair + length + 1 : NULL;
}

static kt_err_t
apply_setting(kithara_t *self, const char *pair)
{
    char        name[64], why[KT_SETTINGS_WHY];
    const char *equals = strchr(pair, '=');
    size_t      length = equals ? (size_t)(equals - pair) : 0;
    if (length == 0 || length >= sizeof name)
        return kt_lib_fail(KT_ESETTING, "a setting is NAME=value: %s", pair);
    memcpy(name, pair, length);
    name[length] = '\0';
    kt_err_t err = kt_settings_set(&self->own, name, equals + 1, why);
    return err ? kt_lib_fail(err, "%s", why) : KT_OK;
}

static kt_err_t
read_settings(kithara_t *self, const char *const *settings)
{
    static char *const nothing[] = {NULL};
    char               why[KT_SETTINGS_WHY];
    const char        *file = NULL, *decoder = NULL;
    for (size_t i = 0; settings && settings[i]; i++) {
        const char *config = value_of(settings[i], "ANALYZER_CONFIG"), *program = value_of(settings[i], DECODE);
        file    = config ? config : file;
        decoder = program ? program : decoder;
    }
    kt_err_t err = kt_settings_load(&self->own, file, nothing, why);
    if (err)
        return kt_lib_fail(err, "%s", why);
    for (size_t i = 0; settings && settings[i] && !err; i++)
        if (!value_of(settings[i], DECODE))
            err = apply_setting(self, settings[i]);
    if (!err && (err = kt_settings_check(&self->own, why)))
        return kt_lib_fail(err, "%s", why);
    return err ? err : kt_lib_decoder(decoder, self->decoder, sizeof self->decoder);
}

static kt_err_t
open_pipeline(kithara_t *self, const kt_settings_t *settings)
{
    kt_pipeline_opts_t opts = {.settings    = settings,
                               .media_roots = settings->media_roots,
                               .any_path    = true,
                               .open_models = true,
                               .decoder     = self->decoder[0] ? self->decoder : NULL};
    kt_err_t           err  = kt_pipeline_new(&self->pipeline, &opts);
    return err ? kt_lib_fail(err, "cannot start %s", self->decoder[0] ? self->decoder : "kithara-decode") : KT_OK;
}

static kithara_t *
new_context(void)
{
    kithara_t *self = calloc(1, sizeof *self);
    if (self)
        pthread_mutex_init(&self->lock, NULL);
    return self;
}

int
kithara_open(kithara_t **out, const char *const *settings)
{
    kithara_t *self = new_context();
    if (!self)
        return kt_lib_fail(KT_ENOMEM, NULL);
    kt_err_t err = read_settings(self, settings);
    if (!err)
        err = open_pipeline(self, &self->own);
    if (err)
        kithara_close(&self);
    else
        *out = self;
    return err;
}

kt_err_t
kt_lib_open(kithara_t **out, const kt_settings_t *settings)
{
    kithara_t *self = new_context();
    if (!self)
        return kt_lib_fail(KT_ENOMEM, NULL);
    kt_err_t err = open_pipeline(self, settings);
    if (err)
        kithara_close(&self);
    else
        *out = self;
    return err;
}

void
kithara_close(kithara_t **self_p)
{
    kithara_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_idle; i++)
        kt_worker_destroy(&self->idle[i]);
    kt_pipeline_destroy(&self->pipeline);
    kt_settings_fini(&self->own);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_lib_worker_take(kithara_t *self, kt_worker_t **out)
{
    kt_worker_t *worker = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->n_idle > 0)
        worker = self->idle[--self->n_idle];
    pthread_mutex_unlock(&self->lock);
    kt_err_t err = worker ? KT_OK : kt_worker_new(&worker, self->pipeline);
    if (err)
        return kt_lib_fail(err, NULL);
    *out = worker;
    return KT_OK;
}

void
kt_lib_worker_give(kithara_t *self, kt_worker_t *worker)
{
    pthread_mutex_lock(&self->lock);
    if (self->n_idle < WORKERS) {
        self->idle[self->n_idle++] = worker;
        worker                     = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    kt_worker_destroy(&worker);
}
