// Assembles the message from a document's values, in the order of the specification.
#include "common/clock.h"
#include "common/text.h"
#include "proto/document.h"
#include "proto/document_private.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
video_is_set(const kt_document_t *self)
{
    return json_is_true(self->values[KT_FEATURE_TECHNICAL_has_video]);
}

static bool
is_of_picture(kt_feature_t feature)
{
    if (feature >= KT_FEATURE_TECHNICAL_resolution && feature <= KT_FEATURE_TECHNICAL_quality_score)
        return true;
    return kt_feature_desc(feature)->group == KT_GROUP_VISUAL;
}

// Why a feature is null; NULL if it is not.
static const char *
reason_of(const kt_document_t *self, kt_feature_t feature)
{
    uint32_t bit = kt_group_option(kt_feature_desc(feature)->group);
    if (self->values[feature])
        return NULL;
    if (self->reasons[feature])
        return self->reasons[feature];
    if (bit && !(self->job.options & bit))
        return "not asked for";
    return is_of_picture(feature) && !video_is_set(self) ? "no video" : "not computed by this version";
}

// The reason that all members of a group share; NULL if there is none.
static const char *
reason_of_group(const kt_document_t *self, kt_group_t group)
{
    const char *common = NULL;
    for (unsigned i = 0; i < KT_FEATURES; i++) {
        if (kt_feature_desc((kt_feature_t)i)->group != group)
            continue;
        const char *reason = reason_of(self, (kt_feature_t)i);
        if (!reason || (common && strcmp(common, reason)))
            return NULL;
        common = reason;
    }
    return common;
}

static json_t *
object_or_null(bool good, json_t *object)
{
    if (!good)
        kt_json_free(&object);
    return object;
}

static json_t *
reasons_object(const kt_document_t *self)
{
    json_t *object = kt_json_object();
    bool    good   = object;
    char    key[KT_FEATURE_KEY];
    for (unsigned group = 0; group < KT_GROUPS && good; group++) {
        const char *common = reason_of_group(self, (kt_group_t)group);
        if (common)
            good = kt_json_set(object, kt_group_name((kt_group_t)group), kt_json_text(common));
        for (unsigned i = 0; i < KT_FEATURES && good && !common; i++) {
            const char *reason = reason_of(self, (kt_feature_t)i);
            if (reason && kt_feature_desc((kt_feature_t)i)->group == (kt_group_t)group)
                good = kt_json_set(object, kt_feature_key((kt_feature_t)i, key), kt_json_text(reason));
        }
    }
    return object_or_null(good, object);
}

static json_t *
methods_object(const kt_document_t *self)
{
    json_t *object = kt_json_object();
    bool    good   = object;
    char    key[KT_FEATURE_KEY];
    for (unsigned i = 0; i < KT_FEATURES && good; i++) {
        const char *method = self->methods[i] ? self->methods[i] : kt_feature_desc((kt_feature_t)i)->method;
        if (self->values[i] && *method)
            good = kt_json_set(object, kt_feature_key((kt_feature_t)i, key), kt_json_text(method));
    }
    return object_or_null(good, object);
}

static json_t *
group_object(const kt_document_t *self, kt_group_t group)
{
    if (group == KT_GROUP_VISUAL && !video_is_set(self))
        return kt_json_null();
    json_t *object = kt_json_object();
    bool    good   = object;
    for (unsigned i = 0; i < KT_FEATURES && good; i++) {
        const kt_feature_desc_t *desc = kt_feature_desc((kt_feature_t)i);
        if (desc->group == group)
            good = kt_json_set(object, desc->name, self->values[i] ? json_incref(self->values[i]) : kt_json_null());
    }
    return object_or_null(good, object);
}

static json_t *
features_object(const kt_document_t *self)
{
    json_t *object = kt_json_object();
    bool    good   = object;
    for (unsigned group = 0; group < KT_GROUPS && good; group++)
        if (!strncmp(kt_group_path((kt_group_t)group), "features.", 9))
            good = kt_json_set(object, kt_group_name((kt_group_t)group), group_object(self, (kt_group_t)group));

    json_t *statistics = kt_json_object();
    char    key[KT_FEATURE_KEY];
    good = kt_json_set(good ? object : NULL, "statistics", statistics);
    for (unsigned i = 0; i < KT_FEATURES && good; i++)
        if (self->values[i] && self->statistics[i])
            good = kt_json_set(statistics, kt_feature_key((kt_feature_t)i, key), json_incref(self->statistics[i]));
    return object_or_null(good, object);
}

static bool
set_head(json_t *root, const kt_job_t *job, const kt_stamp_t *stamp, bool success)
{
    double seconds = isfinite(stamp->processing_time_s) ? fmax(stamp->processing_time_s, 0) : 0;
    return kt_json_set(root, "message_id", kt_json_text(job->message_id)) &&
           kt_json_set(root, "media_id", kt_json_text(*job->media_id ? job->media_id : NULL)) &&
           kt_json_set(root, "file_path", kt_json_text(job->file_path)) &&
           kt_json_set(root, "analysis_version", kt_json_text(KT_ANALYSIS_VERSION)) &&
           kt_json_set(root, "processing_time", kt_json_real(seconds)) &&
           kt_json_set(root, "success", kt_json_bool(success));
}

static bool
set_timestamp(json_t *root, const kt_stamp_t *stamp)
{
    char text[KT_RFC3339_BYTES];
    return kt_json_set(root, "timestamp", kt_json_text(kt_clock_rfc3339(stamp->wall_ms, text)));
}

// Writes to a separate buffer first, so that out is unchanged if the text is too large.
static kt_err_t
write_bounded(const json_t *root, kt_buf_t *out, char why[KT_DOCUMENT_WHY])
{
    kt_buf_t text;
    kt_buf_init(&text, KT_DOCUMENT_MAX_BYTES);
    kt_json_write(root, &text);
    kt_err_t err = text.err;
    if (err == KT_EFULL) {
        snprintf(why, KT_DOCUMENT_WHY, "the document is larger than %d bytes", KT_DOCUMENT_MAX_BYTES);
        err = KT_EDOCUMENT;
    } else if (!err) {
        kt_buf_add(out, text.bytes, text.length);
        err = out->err;
    }
    kt_buf_fini(&text);
    return err;
}

static bool
set_error(json_t *root, kt_err_t err, const char *detail)
{
    json_t *error = kt_json_object();
    return kt_json_set(root, "error", error) && kt_json_set(error, "code", kt_json_text(kt_err_name(err))) &&
           kt_json_set(error, "number", kt_json_int(err)) &&
           kt_json_set(error, "text", kt_json_text(kt_err_text(err))) &&
           kt_json_set(error, "detail", kt_json_text(detail));
}

kt_err_t
kt_document_finish(kt_document_t *self, const kt_stamp_t *stamp, kt_buf_t *out, char why[KT_DOCUMENT_WHY])
{
    if (self->err) {
        snprintf(why, KT_DOCUMENT_WHY, "%s", self->why);
        return self->err;
    }
    json_t *root = kt_json_object();
    bool    good = root && set_head(root, &self->job, stamp, !self->failure) &&
                (!self->snapshot || kt_json_set(root, "snapshot", kt_json_bool(true))) &&
                kt_json_set(root, "features", features_object(self)) &&
                kt_json_set(root, "quality_metrics", group_object(self, KT_GROUP_QUALITY)) &&
                kt_json_set(root, "similarity_vectors", group_object(self, KT_GROUP_VECTORS)) &&
                kt_json_set(root, "methods", methods_object(self)) &&
                kt_json_set(root, "reasons", reasons_object(self)) &&
                kt_json_set(root, "model_versions", json_incref(self->models)) &&
                (!*self->device || kt_json_set(root, "device", kt_json_text(self->device))) &&
                (!self->failure || set_error(root, self->failure, self->detail)) && set_timestamp(root, stamp);
    kt_err_t err = good ? kt_document_check_tree(root, why) : KT_ENOMEM;
    if (!err)
        err = write_bounded(root, out, why);
    kt_json_free(&root);
    if (err == KT_ENOMEM || err == KT_EFULL)
        snprintf(why, KT_DOCUMENT_WHY, "%s", kt_err_text(err));
    return err;
}

kt_err_t
kt_document_failure(const kt_job_t *job, kt_err_t err, const char *detail, const kt_stamp_t *stamp, kt_buf_t *out)
{
    char    why[KT_DOCUMENT_WHY], text[KT_DOCUMENT_DETAIL];
    json_t *root = kt_json_object();
    kt_text_sanitize(text, sizeof text, detail ? detail : "", detail ? strlen(detail) : 0);
    bool good = root && set_head(root, job, stamp, false) && kt_json_set(root, "features", kt_json_null()) &&
                kt_json_set(root, "quality_metrics", kt_json_null()) &&
                kt_json_set(root, "similarity_vectors", kt_json_null()) &&
                kt_json_set(root, "methods", kt_json_object()) && kt_json_set(root, "reasons", kt_json_object()) &&
                kt_json_set(root, "model_versions", kt_json_object()) && set_error(root, err, text) &&
                set_timestamp(root, stamp);
    kt_err_t result = good ? write_bounded(root, out, why) : KT_ENOMEM;
    kt_json_free(&root);
    return result;
}
