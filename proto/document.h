// kt_document -- the output message, built once by the node, validated against the feature table, and from then on
// bytes. One thread, one file.
#pragma once

#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"
#include "proto/features.h"
#include "proto/job.h"

enum {
    KT_DOCUMENT_MAX_BYTES = 1 << 20,
    KT_DOCUMENT_WHY       = 256,
    KT_DOCUMENT_KEY       = 64,    // bytes of a key of TAGS or MAP, with NUL; longer ones are cut
    KT_DOCUMENT_TAG       = 1024,  // bytes of a tag's value, with NUL; longer ones are cut
    KT_DOCUMENT_REASON    = 256,   // bytes of a reason, method, model name or version, with NUL
};

#define KT_ANALYSIS_VERSION "1.0.0"

typedef struct kt_document kt_document_t;

typedef struct kt_statistic {
    double mean, std, min, max, median;
} kt_statistic_t;

KT_MUST_USE kt_err_t kt_document_new(kt_document_t **self_p, const kt_job_t *job);
void                 kt_document_destroy(kt_document_t **self_p);

// Values. Each takes what the row's shape says; the first failure (shape, count, range, memory) is remembered and comes
// out of finish as KT_EDOCUMENT. A real that is not finite becomes null with the reason "not finite".
void kt_document_real(kt_document_t *self, kt_feature_t feature, double value);
void kt_document_int(kt_document_t *self, kt_feature_t feature, int64_t value);
void kt_document_bool(kt_document_t *self, kt_feature_t feature, bool value);
void kt_document_text(kt_document_t *self, kt_feature_t feature, const char *value);
void kt_document_reals(kt_document_t *self, kt_feature_t feature, const double *values, size_t n);
// What a file says of itself never fails the file: text is sanitised and cut, a repeated key keeps its first value, and
// tags past max_count are dropped.
void kt_document_tag(kt_document_t *self, kt_feature_t feature, const char *key,
                     const char *value);                                                          // TAGS, one by one
void kt_document_pair(kt_document_t *self, kt_feature_t feature, const char *key, double value);  // MAP, one by one
// A value that cannot be computed: null, with a sentence part in "reasons" (one for the group where all its members are
// null for the same reason). What was never set is null with the reason
// "not computed by this version", or "not asked for" when the job's options left its group out.
void kt_document_null(kt_document_t *self, kt_feature_t feature, const char *reason);
// Statistics of a per-frame feature: its value becomes the mean (REAL or REALS by the row's shape), and
// features.statistics.<name> = {std, min, max, median}, numbers or lists.
void kt_document_statistics(kt_document_t *self, kt_feature_t feature, const kt_statistic_t *stats, size_t n);
// Another method than the table's ("methods" in the message).
void kt_document_method(kt_document_t *self, kt_feature_t feature, const char *method);
void kt_document_model(kt_document_t *self, const char *name, const char *version);  // model_versions
// An intermediate message of a stream: adds "snapshot": true after "success". A final message has no such member.
void kt_document_snapshot(kt_document_t *self);

// What has been set so far: later modules and other formats read it here, and not in each other. The values of a REAL,
// INT, BOOL or REALS into at most capacity places; the number that there are, 0 when it is null.
size_t kt_document_values(const kt_document_t *self, kt_feature_t feature, double *out, size_t capacity);
// The text of a TEXT; NULL when it is null.
const char *kt_document_text_of(const kt_document_t *self, kt_feature_t feature);

typedef struct kt_stamp {
    double  processing_time_s;
    int64_t wall_ms;  // timestamp
} kt_stamp_t;

// The whole message, validated, as one line of JSON without newline. KT_EDOCUMENT (with why), KT_ENOMEM.
KT_MUST_USE kt_err_t kt_document_finish(kt_document_t *self, const kt_stamp_t *stamp, kt_buf_t *out,
                                        char why[KT_DOCUMENT_WHY]);
// The message of a failure: success false, features null, error {code: "ENOFILE", number: -40, text, detail}. Never
// fails but by memory.
KT_MUST_USE kt_err_t kt_document_failure(const kt_job_t *job, kt_err_t err, const char *detail, const kt_stamp_t *stamp,
                                         kt_buf_t *out);

// Is this text a valid output message by the feature table? What the tests and the audit ask. KT_EDOCUMENT with why.
KT_MUST_USE kt_err_t kt_document_check(const char *text, size_t length, char why[KT_DOCUMENT_WHY]);
