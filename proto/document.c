// A document is one JSON value per feature until finish assembles them in the order of the table, so the bytes do not
// depend on the order of the calls. The validator checks ranges and counts once, on the whole message.
#include "proto/document.h"

#include "common/text.h"
#include "proto/document_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_document_new(kt_document_t **self_p, const kt_job_t *job)
{
    kt_document_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->job    = *job;
    self->models = kt_json_object();
    if (!self->models)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_document_destroy(&self);
    return KT_ENOMEM;
}

void
kt_document_destroy(kt_document_t **self_p)
{
    kt_document_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        kt_json_free(&self->values[i]);
        kt_json_free(&self->statistics[i]);
        free(self->reasons[i]);
        free(self->methods[i]);
    }
    kt_json_free(&self->models);
    free(self);
    *self_p = NULL;
}

static void
set_error(kt_document_t *self, kt_err_t err, kt_feature_t feature, const char *what)
{
    if (self->err)
        return;
    const kt_feature_desc_t *desc = kt_feature_desc(feature);
    self->err                     = err;
    snprintf(self->why, sizeof self->why, "%s.%s %s", kt_group_path(desc->group), desc->name, what);
}

static bool
has_shape(kt_document_t *self, kt_feature_t feature, kt_shape_t shape)
{
    if (kt_feature_desc(feature)->shape == shape)
        return true;
    set_error(self, KT_EDOCUMENT, feature, "was given a value of another shape");
    return false;
}

// Takes ownership of the value; NULL means out of memory. A second value replaces the first.
static void
put_feature_value(kt_document_t *self, kt_feature_t feature, json_t *value)
{
    if (!value)
        set_error(self, KT_ENOMEM, feature, "did not fit in memory");
    kt_json_free(&self->values[feature]);
    self->values[feature] = value;
}

static void
put_document_text(kt_document_t *self, kt_feature_t feature, char **slot, const char *text)
{
    char clean[KT_DOCUMENT_REASON];
    kt_text_sanitize(clean, sizeof clean, text, strlen(text));
    free(*slot);
    *slot = strdup(clean);
    if (!*slot)
        set_error(self, KT_ENOMEM, feature, "did not fit in memory");
}

void
kt_document_null(kt_document_t *self, kt_feature_t feature, const char *reason)
{
    kt_json_free(&self->values[feature]);
    kt_json_free(&self->statistics[feature]);
    put_document_text(self, feature, &self->reasons[feature], reason);
}

void
kt_document_real(kt_document_t *self, kt_feature_t feature, double value)
{
    if (!has_shape(self, feature, KT_SHAPE_REAL))
        return;
    if (isfinite(value))
        put_feature_value(self, feature, kt_json_real(value));
    else
        kt_document_null(self, feature, "not finite");
}

void
kt_document_int(kt_document_t *self, kt_feature_t feature, int64_t value)
{
    if (has_shape(self, feature, KT_SHAPE_INT))
        put_feature_value(self, feature, kt_json_int(value));
}

void
kt_document_bool(kt_document_t *self, kt_feature_t feature, bool value)
{
    if (has_shape(self, feature, KT_SHAPE_BOOL))
        put_feature_value(self, feature, kt_json_bool(value));
}

void
kt_document_text(kt_document_t *self, kt_feature_t feature, const char *value)
{
    if (has_shape(self, feature, KT_SHAPE_TEXT))
        put_feature_value(self, feature, kt_json_text(value ? value : ""));
}

// n numbers, `stride` bytes apart; NULL: out of memory.
static json_t *
new_list(const double *values, size_t n, size_t stride)
{
    json_t *list = kt_json_array();
    bool    good = list;
    for (size_t i = 0; good && i < n; i++)
        good = kt_json_append(list, kt_json_real(*(const double *)((const char *)values + i * stride)));
    if (!good)
        kt_json_free(&list);
    return list;
}

static bool
all_finite(const double *values, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(*(const double *)((const char *)values + i * stride)))
            return false;
    return true;
}

static void
put_reals(kt_document_t *self, kt_feature_t feature, const double *values, size_t n, size_t stride)
{
    if (n > kt_feature_desc(feature)->max_count)
        set_error(self, KT_EDOCUMENT, feature, "has too many entries");
    else if (all_finite(values, n, stride))
        put_feature_value(self, feature, new_list(values, n, stride));
    else
        kt_document_null(self, feature, "not finite");
}

void
kt_document_reals(kt_document_t *self, kt_feature_t feature, const double *values, size_t n)
{
    if (has_shape(self, feature, KT_SHAPE_REALS))
        put_reals(self, feature, values, n, sizeof *values);
}

void
kt_document_texts(kt_document_t *self, kt_feature_t feature, const char *const *values, size_t n)
{
    if (!has_shape(self, feature, KT_SHAPE_TEXTS))
        return;
    json_t *list = kt_json_array();
    bool    good = list;
    for (size_t i = 0; good && i < n; i++)
        good = kt_json_append(list, kt_json_text(values[i]));
    if (!good)
        kt_json_free(&list);
    put_feature_value(self, feature, list);
}

// The object to which TAGS and MAP are added; NULL: out of memory.
static json_t *
object_at(kt_document_t *self, kt_feature_t feature)
{
    if (!self->values[feature])
        put_feature_value(self, feature, kt_json_object());
    return self->values[feature];
}

void
kt_document_tag(kt_document_t *self, kt_feature_t feature, const char *key, const char *value)
{
    char    name[KT_DOCUMENT_KEY], text[KT_DOCUMENT_TAG];
    json_t *tags = has_shape(self, feature, KT_SHAPE_TAGS) ? object_at(self, feature) : NULL;
    kt_text_sanitize(name, sizeof name, key, strlen(key));
    kt_text_sanitize(text, sizeof text, value, strlen(value));
    if (!tags || kt_json_get(tags, name) || kt_json_count(tags) == kt_feature_desc(feature)->max_count)
        return;
    if (!kt_json_set(tags, name, kt_json_text(text)))
        set_error(self, KT_ENOMEM, feature, "did not fit in memory");
}

void
kt_document_pair(kt_document_t *self, kt_feature_t feature, const char *key, double value)
{
    char    name[KT_DOCUMENT_KEY];
    bool    good = has_shape(self, feature, KT_SHAPE_MAP) && !self->reasons[feature];
    json_t *map  = good ? object_at(self, feature) : NULL;
    kt_text_sanitize(name, sizeof name, key, strlen(key));
    if (!map)
        return;
    if (!isfinite(value))
        kt_document_null(self, feature, "not finite");
    else if (!kt_json_set(map, name, kt_json_real(value)))
        set_error(self, KT_ENOMEM, feature, "did not fit in memory");
}

void
kt_document_objects(kt_document_t *self, kt_feature_t feature, json_t *list)
{
    if (has_shape(self, feature, KT_SHAPE_OBJECTS))
        put_feature_value(self, feature, list);
    else
        kt_json_free(&list);
}

// One of std, min, max, median: a number for REAL, a list for REALS, null if any number is not finite.
static json_t *
new_statistic(const double *first, size_t n, bool is_list)
{
    if (!all_finite(first, n, sizeof(kt_statistic_t)))
        return kt_json_null();
    return is_list ? new_list(first, n, sizeof(kt_statistic_t)) : kt_json_real(*first);
}

void
kt_document_statistics(kt_document_t *self, kt_feature_t feature, const kt_statistic_t *stats, size_t n)
{
    bool is_list = kt_feature_desc(feature)->shape == KT_SHAPE_REALS;
    if (!is_list && !has_shape(self, feature, KT_SHAPE_REAL))
        return;
    if (!n || (!is_list && n > 1)) {
        set_error(self, KT_EDOCUMENT, feature, "was given the wrong number of statistics");
        return;
    }
    if (is_list)
        put_reals(self, feature, &stats->mean, n, sizeof *stats);
    else
        kt_document_real(self, feature, stats->mean);
    if (!self->values[feature])
        return;
    json_t *entry = kt_json_object();
    bool    good  = entry && kt_json_set(entry, "std", new_statistic(&stats->std, n, is_list)) &&
                kt_json_set(entry, "min", new_statistic(&stats->min, n, is_list)) &&
                kt_json_set(entry, "max", new_statistic(&stats->max, n, is_list)) &&
                kt_json_set(entry, "median", new_statistic(&stats->median, n, is_list));
    if (!good)
        set_error(self, KT_ENOMEM, feature, "did not fit in memory");
    kt_json_free(&self->statistics[feature]);
    self->statistics[feature] = entry;
}

void
kt_document_method(kt_document_t *self, kt_feature_t feature, const char *method)
{
    put_document_text(self, feature, &self->methods[feature], method);
}

void
kt_document_model(kt_document_t *self, const char *name, const char *version)
{
    char key[KT_DOCUMENT_KEY], text[KT_DOCUMENT_REASON];
    kt_text_sanitize(key, sizeof key, name, strlen(name));
    kt_text_sanitize(text, sizeof text, version, strlen(version));
    if (kt_json_set(self->models, key, kt_json_text(text)) || self->err)
        return;
    self->err = KT_ENOMEM;
    snprintf(self->why, sizeof self->why, "model_versions did not fit in memory");
}

void
kt_document_fail(kt_document_t *self, kt_err_t err, const char *detail)
{
    self->failure = err;
    kt_text_sanitize(self->detail, sizeof self->detail, detail, strlen(detail));
}

void
kt_document_device(kt_document_t *self, const char *device)
{
    kt_text_sanitize(self->device, sizeof self->device, device, strlen(device));
}

void
kt_document_snapshot(kt_document_t *self)
{
    self->snapshot = true;
}
