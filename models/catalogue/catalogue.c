#include "models/catalogue/catalogue.h"

#include "common/text.h"
#include "models/catalogue/catalogue_private.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_TEXT = KT_CATALOGUE_MODELS * 256 };

const kt_extraction_row_t KT_EXTRACTION[KT_EXTRACTION_AUDIO] = {
    {"sample_rate", "ANALYZER_SAMPLE_RATE", offsetof(kt_settings_t, sample_rate_hz)},
    {"hop_length", "ANALYZER_HOP_LENGTH", offsetof(kt_settings_t, hop_length)},
    {"n_mfcc", "ANALYZER_N_MFCC", offsetof(kt_settings_t, n_mfcc)},
    {"n_chroma", "ANALYZER_N_CHROMA", offsetof(kt_settings_t, n_chroma)},
    {"n_fft", "ANALYZER_N_FFT", offsetof(kt_settings_t, n_fft)},
};

const char *
kt_model_status_name(kt_model_status_t status)
{
    static const char *const NAMES[] = {"registered", "deployed", "replaced", "retired"};
    return NAMES[status];
}

bool
kt_catalogue_is_name(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length && length < sizeof((kt_catalogue_model_t *)0)->name && !text[length];
}

bool
kt_catalogue_is_version(const char *text)
{
    static const char DIGITS[] = "0123456789";
    const char       *at       = text;
    if (strlen(text) >= sizeof((kt_catalogue_version_t *)0)->version)
        return false;
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(at, DIGITS);
        if (!digits || digits > 9 || at[digits] != (part < 2 ? '.' : '\0'))
            return false;
        at += digits + 1;
    }
    return true;
}

bool
kt_catalogue_is_path(const char *text)
{
    if (!*text || strlen(text) >= sizeof((kt_catalogue_version_t *)0)->path)
        return false;
    for (const char *at = text;;) {  // each component; an absolute path begins with an empty one
        size_t length = strcspn(at, "/");
        if (!length || (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        if (!at[length])
            return true;
        at += length + 1;
    }
}

static bool
is_type(const char *text)
{
    return !strcmp(text, "audio") || !strcmp(text, "video");
}

kt_err_t
kt_catalogue_new(kt_catalogue_t **self_p)
{
    kt_catalogue_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    *self_p = self;
    return KT_OK;
}

void
kt_catalogue_destroy(kt_catalogue_t **self_p)
{
    kt_catalogue_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n; i++)
        free(self->models[i]);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_catalogue_add(kt_catalogue_t *self, const char *type, const char *name, kt_catalogue_model_t **out)
{
    if (self->n == KT_CATALOGUE_MODELS)
        return KT_EFULL;
    kt_catalogue_model_t *model = calloc(1, sizeof *model);
    if (!model)
        return KT_ENOMEM;
    model->deployed = -1;
    (void)kt_text_copy(model->name, sizeof model->name, name);
    (void)kt_text_copy(model->type, sizeof model->type, type);
    self->models[self->n++] = model;
    *out                    = model;
    return KT_OK;
}

size_t
kt_catalogue_count(const kt_catalogue_t *self)
{
    return self->n;
}

const kt_catalogue_model_t *
kt_catalogue_at(const kt_catalogue_t *self, size_t index)
{
    return self->models[index];
}

static kt_catalogue_model_t *
find_model(const kt_catalogue_t *self, const char *name)
{
    for (size_t i = 0; i < self->n; i++)
        if (!strcmp(self->models[i]->name, name))
            return self->models[i];
    return NULL;
}

const kt_catalogue_model_t *
kt_catalogue_find(const kt_catalogue_t *self, const char *name)
{
    return find_model(self, name);
}

void
kt_catalogue_expect(kt_catalogue_t *self, const char *name, int64_t outputs)
{
    kt_catalogue_model_t *model = find_model(self, name);
    if (model)
        model->outputs = outputs;
}

const kt_catalogue_version_t *
kt_catalogue_deployed(const kt_catalogue_model_t *model)
{
    return model->deployed < 0 ? NULL : &model->versions[model->deployed];
}

static kt_catalogue_version_t *
find_version(kt_catalogue_model_t *model, const char *version)
{
    for (size_t i = 0; i < model->n_versions; i++)
        if (!strcmp(model->versions[i].version, version))
            return &model->versions[i];
    return NULL;
}

const kt_catalogue_version_t *
kt_catalogue_version(const kt_catalogue_model_t *model, const char *version)
{
    return find_version((kt_catalogue_model_t *)model, version);
}

kt_sampling_t
kt_catalogue_sampling(const kt_catalogue_t *self)
{
    return (kt_sampling_t){self->extraction.frame_sample_rate, self->extraction.max_frames};
}

void
kt_catalogue_sample(kt_catalogue_t *self, const kt_sampling_t *sampling)
{
    self->extraction.frame_sample_rate = sampling->hz;
    self->extraction.max_frames        = sampling->most;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp((*(const kt_catalogue_model_t *const *)a)->name, (*(const kt_catalogue_model_t *const *)b)->name);
}

void
kt_catalogue_digest(const kt_catalogue_t *self, kt_digest_t *out)
{
    const kt_catalogue_model_t *sorted[KT_CATALOGUE_MODELS];
    char                        text[DIGEST_TEXT], hex[KT_DIGEST_HEX];
    size_t                      n = 0, length = 0;
    for (size_t i = 0; i < self->n; i++)
        if (self->models[i]->deployed >= 0)
            sorted[n++] = self->models[i];
    const kt_extraction_t *extraction = &self->extraction;
    const bool             sampling   = extraction->frame_sample_rate > 0 || extraction->max_frames;
    *out                              = (kt_digest_t){{0}};
    if (!n && !sampling)
        return;
    qsort(sorted, n, sizeof *sorted, compare_names);
    for (size_t i = 0; i < n; i++) {
        const kt_catalogue_version_t *version = kt_catalogue_deployed(sorted[i]);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s %s %s\n", sorted[i]->name, version->version,
                                   kt_digest_hex(&version->digest, hex));
    }
    if (sampling)
        length += (size_t)snprintf(text + length, sizeof text - length, "sampling %.9g %lld\n",
                                   extraction->frame_sample_rate, (long long)extraction->max_frames);
    kt_digest_of(text, length, out);
}

// Appends to a line that is cut at its end.
static void __attribute__((format(printf, 2, 3))) add_difference(char why[KT_CATALOGUE_WHY], const char *format, ...)
{
    const size_t length = strlen(why);
    va_list      list;
    va_start(list, format);
    (void)snprintf(why + length, KT_CATALOGUE_WHY - length, "%s", length ? ", " : "");
    (void)vsnprintf(why + strlen(why), KT_CATALOGUE_WHY - strlen(why), format, list);
    va_end(list);
}

// [..., 3, H, W] or [..., H, W, 3] of a deployed model of pictures; false: not stated.
static bool
picture_size(const kt_catalogue_model_t *model, int64_t *height, int64_t *width)
{
    const int64_t *shape = model->input_shape;
    const int      rank = model->rank, last = rank - 1;
    if (model->deployed < 0 || strcmp(model->type, "video") || rank < 3)
        return false;
    const int first = shape[last] == 3 ? last - 2 : last - 1;
    *height         = shape[first];
    *width          = shape[first + 1];
    return true;
}

bool
kt_catalogue_differs(const kt_catalogue_t *self, const kt_settings_t *settings, char why[KT_CATALOGUE_WHY])
{
    const int64_t *resize = self->extraction.resize;
    int64_t        height, width;
    why[0] = '\0';
    for (size_t i = 0; i < KT_EXTRACTION_AUDIO; i++) {
        int64_t stated = self->extraction.audio[i], set;
        memcpy(&set, (const char *)settings + KT_EXTRACTION[i].offset, sizeof set);
        if (stated && stated != set)
            add_difference(why, "%s %lld but %s is %lld", KT_EXTRACTION[i].key, (long long)stated, KT_EXTRACTION[i].env,
                           (long long)set);
    }
    for (size_t i = 0; i < self->n && resize[0]; i++)
        if (picture_size(self->models[i], &height, &width) && (width != resize[0] || height != resize[1]))
            add_difference(why, "resize_resolution %lld x %lld but the pictures of %s are %lld x %lld",
                           (long long)resize[0], (long long)resize[1], self->models[i]->name, (long long)width,
                           (long long)height);
    return why[0] != '\0';
}

// Moves a version to the end, where the deployed one is.
static void
move_last(kt_catalogue_model_t *model, const kt_catalogue_version_t *version)
{
    size_t                 index = (size_t)(version - model->versions), last = model->n_versions - 1;
    kt_catalogue_version_t moved = *version;
    memmove(&model->versions[index], &model->versions[index + 1], (last - index) * sizeof moved);
    model->versions[last] = moved;
}

// The present one, if there is any, gets status `before`.
static void
deploy_version(kt_catalogue_model_t *model, kt_catalogue_version_t *version, kt_model_status_t before)
{
    if (model->deployed >= 0)
        model->versions[model->deployed].status = before;
    version->status = KT_MODEL_DEPLOYED;
    move_last(model, version);
    model->deployed = (int)model->n_versions - 1;
}

kt_err_t
kt_catalogue_register(kt_catalogue_t *self, const char *type, const char *name, const kt_catalogue_version_t *version,
                      char why[KT_CATALOGUE_WHY])
{
    if (!is_type(type) || !kt_catalogue_is_name(name) || !kt_catalogue_is_version(version->version) ||
        !kt_catalogue_is_path(version->path))
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "not a valid type, name, version or path");
    kt_catalogue_model_t *model = find_model(self, name);
    if (model && strcmp(model->type, type))
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s is of type %s, not %s", name, model->type, type);
    if (model && find_version(model, version->version))
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s %s is registered already", name, version->version);
    if (model && model->n_versions == KT_CATALOGUE_VERSIONS)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EFULL, "%s has %d versions, which is the most", name,
                               KT_CATALOGUE_VERSIONS);
    kt_err_t err = model ? KT_OK : kt_catalogue_add(self, type, name, &model);
    if (err)
        return kt_text_explain(why, KT_CATALOGUE_WHY, err, "models.yml cannot hold one more model");
    size_t last                 = model->n_versions++;
    kt_catalogue_version_t *new = &model->versions[last];
    *new                        = *version;
    new->status                 = KT_MODEL_REGISTERED;
    if (model->deployed >= 0) {
        kt_catalogue_version_t *deployed = &model->versions[model->deployed];
        move_last(model, deployed);
        model->deployed = (int)last;
    }
    return KT_OK;
}

// NULL: there is none (KT_ENOTFOUND); why says which.
static kt_catalogue_version_t *
find_both(const kt_catalogue_t *self, const char *name, const char *version, kt_catalogue_model_t **model,
          char why[KT_CATALOGUE_WHY])
{
    kt_catalogue_version_t *found = NULL;
    *model                        = find_model(self, name);
    if (*model)
        found = find_version(*model, version);
    if (!*model)
        (void)kt_text_explain(why, KT_CATALOGUE_WHY, KT_ENOTFOUND, "no model has the name %.63s", name);
    else if (!found)
        (void)kt_text_explain(why, KT_CATALOGUE_WHY, KT_ENOTFOUND, "%s has no version %.31s", name, version);
    return found;
}

kt_err_t
kt_catalogue_deploy(kt_catalogue_t *self, const char *name, const char *version, char why[KT_CATALOGUE_WHY])
{
    kt_catalogue_model_t   *model;
    kt_catalogue_version_t *found = find_both(self, name, version, &model, why);
    if (!found)
        return KT_ENOTFOUND;
    if (found->status == KT_MODEL_DEPLOYED)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s %s is deployed already", name, version);
    if (found->status == KT_MODEL_RETIRED)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s %s is retired", name, version);
    deploy_version(model, found, KT_MODEL_REPLACED);
    return KT_OK;
}

kt_err_t
kt_catalogue_rollback(kt_catalogue_t *self, const char *name, char why[KT_CATALOGUE_WHY])
{
    kt_catalogue_model_t *model = find_model(self, name);
    if (!model)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_ENOTFOUND, "no model has the name %.63s", name);
    for (size_t i = model->n_versions; i-- > 0;)
        if (model->versions[i].status == KT_MODEL_REPLACED) {
            deploy_version(model, &model->versions[i], KT_MODEL_REGISTERED);
            return KT_OK;
        }
    return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s has no earlier deployed version", name);
}

kt_err_t
kt_catalogue_retire(kt_catalogue_t *self, const char *name, const char *version, char why[KT_CATALOGUE_WHY])
{
    kt_catalogue_model_t   *model;
    kt_catalogue_version_t *found = find_both(self, name, version, &model, why);
    if (!found)
        return KT_ENOTFOUND;
    if (found->status == KT_MODEL_DEPLOYED)
        return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "%s %s is deployed: deploy another version first",
                               name, version);
    found->status = KT_MODEL_RETIRED;
    return KT_OK;
}
