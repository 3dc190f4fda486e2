#include "coordinator/models/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double MIB = 1 << 20;

// The models that the specification names.
static const struct {
    const char *name, *type;
} SPECIFIED[] = {
    {"genre_classifier", "audio"}, {"mood_detector", "audio"},    {"instrument_classifier", "audio"},
    {"scene_detector", "video"},   {"quality_assessor", "video"},
};

// Copies a member, or null.
static json_t *
member_of(const json_t *object, const char *key)
{
    const json_t *value = object ? kt_json_get(object, key) : NULL;
    return value ? kt_json_copy(value) : kt_json_null();
}

// The classes of the first output that names some.
static const json_t *
classes_of(const kt_ktm_t *file)
{
    const json_t *outputs = kt_json_get(kt_ktm_header(file), "outputs");
    size_t        n       = outputs ? kt_json_count(outputs) : 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *classes = kt_json_get(kt_json_at(outputs, i), "classes");
        if (classes && kt_json_count(classes))
            return classes;
    }
    return NULL;
}

// The first entry of `accuracy` is the one that is shown; the whole list follows it.
static void
set_accuracy(json_t *json, const json_t *header)
{
    const json_t *list  = header ? kt_json_get(header, "accuracy") : NULL;
    const json_t *first = list && kt_json_count(list) ? kt_json_at(list, 0) : NULL;
    kt_json_set(json, "accuracy", member_of(first, "value"));
    kt_json_set(json, "accuracy_measure", member_of(first, "measure"));
    kt_json_set(json, "accuracy_set", member_of(first, "set"));
    kt_json_set(json, "accuracy_source", member_of(first, "source"));
    kt_json_set(json, "accuracies", list ? kt_json_copy(list) : kt_json_array());
}

static json_t *
model_json(const char *name, const char *version, const char *type, const char *status)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "name", kt_json_text(name));
    kt_json_set(json, "version", kt_json_text(version));
    kt_json_set(json, "type", kt_json_text(type));
    kt_json_set(json, "status", kt_json_text(status));
    return json;
}

static void
set_versions(json_t *json, const kt_catalogue_model_t *model)
{
    json_t *versions = kt_json_array();
    char    hex[KT_DIGEST_HEX];
    for (size_t i = 0; i < model->n_versions; i++) {
        const kt_catalogue_version_t *version = &model->versions[i];
        json_t                       *one     = kt_json_object();
        kt_json_set(one, "version", kt_json_text(version->version));
        kt_json_set(one, "status", kt_json_text(kt_model_status_name(version->status)));
        kt_json_set(one, "sha256",
                    kt_digest_is_zero(&version->digest) ? kt_json_null()
                                                        : kt_json_text(kt_digest_hex(&version->digest, hex)));
        kt_json_append(versions, one);
    }
    kt_json_set(json, "versions", versions);
}

void
kt_model_view_add(kt_model_view_t *self, const kt_catalogue_model_t *model, const kt_ktm_t *file,
                  const kt_digest_t *digest, kt_err_t err, const char *why)
{
    const kt_catalogue_version_t *deployed = kt_catalogue_deployed(model);
    const json_t                 *header   = file ? kt_ktm_header(file) : NULL;
    const json_t                 *classes  = file ? classes_of(file) : NULL;
    const char *status = file ? "loaded" : !deployed ? "registered" : err == KT_ENOFILE ? "missing" : "invalid";
    json_t     *json   = model_json(model->name, deployed ? deployed->version : NULL, model->type, status);
    char        hex[KT_DIGEST_HEX];
    set_accuracy(json, header);
    kt_json_set(json, "classes", classes ? kt_json_copy(classes) : kt_json_array());
    kt_json_set(json, "n_classes", kt_json_int(classes ? (int64_t)kt_json_count(classes) : 0));
    kt_json_set(json, "memory_mb", file ? kt_json_real((double)kt_ktm_bytes(file) / MIB) : kt_json_null());
    kt_json_set(json, "licence", member_of(header, "licence"));
    kt_json_set(json, "attribution", member_of(header, "attribution"));
    kt_json_set(json, "sha256", file ? kt_json_text(kt_digest_hex(digest, hex)) : kt_json_null());
    kt_json_set(json, "error", err ? kt_json_text(kt_err_name(err)) : kt_json_null());
    kt_json_set(json, "reason", err ? kt_json_text(why) : kt_json_null());
    set_versions(json, model);
    kt_json_append(self->models, json);
    self->loaded += file != NULL;
    self->bytes += file ? (double)kt_ktm_bytes(file) : 0;
}

json_t *
kt_model_view_finish(kt_model_view_t *self, const kt_catalogue_t *catalogue, const kt_digest_t *digest)
{
    json_t *json = kt_json_object();
    char    hex[KT_DIGEST_HEX];
    for (size_t i = 0; i < sizeof SPECIFIED / sizeof *SPECIFIED; i++) {
        if (catalogue && kt_catalogue_find(catalogue, SPECIFIED[i].name))
            continue;
        json_t *missing = model_json(SPECIFIED[i].name, NULL, SPECIFIED[i].type, "missing");
        set_accuracy(missing, NULL);
        kt_json_set(missing, "classes", kt_json_array());
        kt_json_set(missing, "n_classes", kt_json_int(0));
        kt_json_set(missing, "memory_mb", kt_json_null());
        kt_json_set(missing, "reason", kt_json_text("no version is registered"));
        kt_json_append(self->models, missing);
    }
    size_t n = kt_json_count(self->models);
    kt_json_set(json, "models", self->models);
    kt_json_set(json, "total_models", kt_json_int((int64_t)n));
    kt_json_set(json, "memory_usage_mb", kt_json_int((int64_t)ceil(self->bytes / MIB)));
    kt_json_set(json, "models_loaded", kt_json_int((int64_t)self->loaded));
    kt_json_set(json, "digest", kt_digest_is_zero(digest) ? kt_json_null() : kt_json_text(kt_digest_hex(digest, hex)));
    return json;
}
