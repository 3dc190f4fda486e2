// kt_document -- the output message of one file. A node builds and validates it once against the feature table; from
// then on it is bytes. One thread.
#pragma once

#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"
#include "proto/features.h"
#include "proto/job.h"

enum {
    KT_DOCUMENT_MAX_BYTES = 1 << 20,
    KT_DOCUMENT_WHY       = 256,
    KT_DOCUMENT_KEY       = 64,    // bytes of a key of TAGS or MAP, with NUL; longer ones are truncated
    KT_DOCUMENT_TAG       = 1024,  // bytes of a tag's value, with NUL; longer ones are truncated
    KT_DOCUMENT_DEVICE    = 128,   // bytes of the device, with NUL; longer ones are truncated
    KT_DOCUMENT_REASON    = 256,   // bytes of a reason, method, model name or version, with NUL
};

#define KT_ANALYSIS_VERSION "1.1.0"

typedef struct kt_document kt_document_t;

typedef struct kt_statistic {
    double mean, std, min, max, median;
} kt_statistic_t;

KT_MUST_USE kt_err_t kt_document_new(kt_document_t **self_p, const kt_job_t *job);
void                 kt_document_destroy(kt_document_t **self_p);

// Values. Each setter is for one shape; finish reports the first failure (shape, count, range, memory) as KT_EDOCUMENT
// or KT_ENOMEM. A real that is not finite becomes null with the reason "not finite".
void kt_document_real(kt_document_t *self, kt_feature_t feature, double value);
void kt_document_int(kt_document_t *self, kt_feature_t feature, int64_t value);
void kt_document_bool(kt_document_t *self, kt_feature_t feature, bool value);
void kt_document_text(kt_document_t *self, kt_feature_t feature, const char *value);
void kt_document_reals(kt_document_t *self, kt_feature_t feature, const double *values, size_t n);
void kt_document_texts(kt_document_t *self, kt_feature_t feature, const char *const *values, size_t n);
// Metadata of a file never fails the file: text is sanitised and truncated, a repeated key keeps its first value, and
// tags past max_count are dropped.
void kt_document_tag(kt_document_t *self, kt_feature_t feature, const char *key,
                     const char *value);                                                          // TAGS, one by one
void kt_document_pair(kt_document_t *self, kt_feature_t feature, const char *key, double value);  // MAP, one by one
void kt_document_objects(kt_document_t *self, kt_feature_t feature, json_t *list);  // takes it; NULL: out of memory
// A value that cannot be computed: null, with a sentence part in "reasons" (one for the group if all its members are
// null for the same reason). A value that is never set is null with the reason "not computed by this version", or "not
// asked for" if the job's options omit its group.
void kt_document_null(kt_document_t *self, kt_feature_t feature, const char *reason);
// Statistics of a per-frame feature: its value becomes the mean (REAL or REALS by the row's shape), and
// features.statistics.<name> = {std, min, max, median}, numbers or lists.
void kt_document_statistics(kt_document_t *self, kt_feature_t feature, const kt_statistic_t *stats, size_t n);
// Replaces each time (s) of a list that is set: numbers, or the members "begin" and "end" of objects.
typedef double kt_document_time_fn(const void *context, double time_s);
void kt_document_map_times(kt_document_t *self, kt_feature_t feature, kt_document_time_fn *map, const void *context);
// A method other than the table's ("methods" in the message).
void kt_document_method(kt_document_t *self, kt_feature_t feature, const char *method);
void kt_document_model(kt_document_t *self, const char *name, const char *version);  // model_versions
// What computed the rows, if it was no processor: "device" in the message. Without it there is no such member.
void kt_document_device(kt_document_t *self, const char *device);
// An intermediate message of a stream: adds "snapshot": true after "success". A final message has no such member.
void kt_document_snapshot(kt_document_t *self);

// Reads back the values set so far, for later modules and other formats. Writes at most capacity values of a REAL, INT,
// BOOL or REALS; returns the number of values, 0 if it is null.
size_t kt_document_values(const kt_document_t *self, kt_feature_t feature, double *out, size_t capacity);
// The text of a TEXT; NULL if it is null.
const char *kt_document_text_of(const kt_document_t *self, kt_feature_t feature);

typedef struct kt_stamp {
    double  processing_time_s;
    int64_t wall_ms;  // timestamp
} kt_stamp_t;

// The message becomes that of a failure, and keeps the features that are set: those of the part of the file that was
// read. err: not KT_OK.
void kt_document_fail(kt_document_t *self, kt_err_t err, const char *detail);

// The whole message, validated, as one line of JSON without newline. KT_EDOCUMENT (with why), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_document_finish(kt_document_t *self, const kt_stamp_t *stamp, kt_buf_t *out,
                                        char why[KT_DOCUMENT_WHY]);
// The message of a failure without features: success false, features null, error {code: "ENOFILE", number: -40, text,
// detail}. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_document_failure(const kt_job_t *job, kt_err_t err, const char *detail, const kt_stamp_t *stamp,
                                         kt_buf_t *out);

// Validates an output message against the feature table, for tests and audit. KT_EDOCUMENT with why.
KT_MUST_USE kt_err_t kt_document_check(const char *text, size_t length, char why[KT_DOCUMENT_WHY]);
