// kt_job -- the input message, as it arrives (AMQP, HTTP, command line) and is stored in the ledger; its fields are
// those of the specification. Declared format, size and duration are hints; the file is authoritative.
#pragma once

#include "common/digest.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KT_JOB_MAX_BYTES = 256 << 10,  // of one input message
    KT_JOB_ID_BYTES  = 128,        // message_id and media_id, with NUL
    KT_JOB_PATH      = 4096,
    KT_JOB_WHY       = 256,
};

typedef enum kt_priority { KT_PRIORITY_LOW, KT_PRIORITY_NORMAL, KT_PRIORITY_HIGH } kt_priority_t;

// analysis_options: what to extract; a missing option is true. Bits of kt_job_t.options.
typedef enum kt_option {
    KT_OPTION_SPECTRAL   = 1 << 0,
    KT_OPTION_MIR        = 1 << 1,
    KT_OPTION_PERCEPTUAL = 1 << 2,
    KT_OPTION_SIMILARITY = 1 << 3,
    KT_OPTION_QUALITY    = 1 << 4,
    KT_OPTION_MODELS     = 1 << 5,  // a modifier: features of models, in the groups that are requested
    KT_OPTION_VISUAL     = 1 << 6,
    KT_OPTION_ALL        = (1 << 7) - 1,
} kt_option_t;

typedef struct kt_job {
    char          message_id[KT_JOB_ID_BYTES];
    char          media_id[KT_JOB_ID_BYTES];  // "" when absent
    char          file_path[KT_JOB_PATH];
    kt_priority_t priority;
    uint32_t      options;              // kt_option_t bits
    uint64_t      declared_bytes;       // file_size; 0 unknown
    double        declared_duration_s;  // metadata.duration; 0 unknown
    kt_digest_t   body_digest;          // of the canonical body: distinguishes a repeated message from a clash
} kt_job_t;

// text: one JSON object. A missing message_id is derived from the digest of the body, so that a repeated message
// remains one job. Unknown members are ignored. A member of the wrong type or over its bound is KT_EMESSAGE with a
// sentence in why.
KT_MUST_USE kt_err_t kt_job_parse(const char *text, size_t length, kt_job_t *out, char why[KT_JOB_WHY]);
// Writes the input message of a job, for the command line and tests. Errors are in out->err.
typedef struct kt_buf kt_buf_t;
void                  kt_job_write(const kt_job_t *job, kt_buf_t *out);

// file_path is a path below a node's media roots, or a URL: http://HOST[:PORT]/..., https://... kt_job_parse rejects a
// URL of any scheme with a user or password, because the path is stored and shown; also one without its scheme
// (//USER:PASSWORD@HOST/...).
bool kt_job_is_url(const char *file_path);
// The bytes of the authority of a URL of any scheme that name a user ("USER:PASSWORD@"): where they begin and how many;
// false: none.
bool kt_job_url_user(const char *file_path, size_t *at, size_t *length);
// For people and logs: a URL of any scheme without user, password, query and fragment, which may be a permission to
// read the file. Returns out.
const char *kt_job_shown(const char *file_path, char *out, size_t capacity);

const char *kt_job_option_member(size_t i);  // "extract_mir": the i-th member of analysis_options; NULL after the last
// message_id="..." path="..." of an input message, for log lines; a URL without its query; "" if the message cannot be
// read. Returns out.
enum { KT_JOB_LOG = 1200 };
const char *kt_job_log_fields(const char *body, size_t length, char out[KT_JOB_LOG]);

const char *kt_priority_name(kt_priority_t priority);  // "low", "normal", "high"
bool        kt_priority_find(const char *name, kt_priority_t *out);
bool        kt_option_is_member(const char *name);  // of analysis_options: "extract_spectral", ...
// "spectral,mir" -> bits of these groups and KT_OPTION_MODELS; "no_models" takes that bit away, alone from all groups;
// "none": only the technical facts. KT_EINVAL.
KT_MUST_USE kt_err_t kt_options_parse(const char *list, uint32_t *out);
