#include "proto/job.h"

#include "common/buf.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const PRIORITIES[] = {
    [KT_PRIORITY_LOW] = "low", [KT_PRIORITY_NORMAL] = "normal", [KT_PRIORITY_HIGH] = "high"};

static const struct {
    const char *name, *member;
    uint32_t    bit;
} OPTIONS[] = {
    {"spectral", "extract_spectral", KT_OPTION_SPECTRAL},
    {"mir", "extract_mir", KT_OPTION_MIR},
    {"perceptual", "extract_perceptual", KT_OPTION_PERCEPTUAL},
    {"similarity", "similarity_analysis", KT_OPTION_SIMILARITY},
    {"quality", "quality_assessment", KT_OPTION_QUALITY},
    {"visual", "extract_visual", KT_OPTION_VISUAL},
    {"models", "use_models", KT_OPTION_MODELS},
};

enum { N_PRIORITIES = sizeof PRIORITIES / sizeof *PRIORITIES, N_OPTIONS = sizeof OPTIONS / sizeof *OPTIONS };

const char *
kt_job_option_member(size_t i)
{
    return i < N_OPTIONS ? OPTIONS[i].member : NULL;
}

const char *
kt_priority_name(kt_priority_t priority)
{
    return (unsigned)priority < N_PRIORITIES ? PRIORITIES[priority] : "normal";
}

bool
kt_priority_find(const char *name, kt_priority_t *out)
{
    for (unsigned i = 0; i < N_PRIORITIES; i++)
        if (!strcmp(PRIORITIES[i], name)) {
            *out = (kt_priority_t)i;
            return true;
        }
    return false;
}

bool
kt_option_is_member(const char *name)
{
    for (unsigned i = 0; i < N_OPTIONS; i++)
        if (!strcmp(OPTIONS[i].member, name))
            return true;
    return false;
}

kt_err_t
kt_options_parse(const char *list, uint32_t *out)
{
    static const char NO_MODELS[] = "no_models";
    uint32_t          options = 0, without = 0;
    if (!strcmp(list, "none")) {
        *out = 0;
        return KT_OK;
    }
    for (const char *at = list;; at++) {
        size_t   length = strcspn(at, ",");
        uint32_t bit    = 0;
        if (length == sizeof NO_MODELS - 1 && !memcmp(NO_MODELS, at, length))
            bit = without = KT_OPTION_MODELS;
        for (unsigned i = 0; i < N_OPTIONS && !bit; i++)
            if (strlen(OPTIONS[i].name) == length && !memcmp(OPTIONS[i].name, at, length))
                bit = OPTIONS[i].bit;
        if (!bit)
            return KT_EINVAL;
        options |= bit;
        at += length;
        if (!*at)
            break;
    }
    bool groups = options & ~(uint32_t)KT_OPTION_MODELS;
    *out        = ((groups ? options : (uint32_t)KT_OPTION_ALL) | KT_OPTION_MODELS) & ~without;
    return KT_OK;
}

// A member of the body; NULL if it is missing or null.
static const json_t *
body_member(const json_t *object, const char *name)
{
    const json_t *value = kt_json_get(object, name);
    return value && !json_is_null(value) ? value : NULL;
}

bool
kt_job_is_url(const char *file_path)
{
    return strncasecmp(file_path, "http://", 7) == 0 || strncasecmp(file_path, "https://", 8) == 0;
}

// The bytes up to the authority of a URL of any scheme; 0: no URL.
static size_t
url_start(const char *file_path)
{
    static const char SCHEME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
    const size_t      scheme   = strspn(file_path, SCHEME);
    return scheme && strncmp(file_path + scheme, "://", 3) == 0 ? scheme + 3 : 0;
}

// The same, and of "//USER:PASSWORD@HOST/...", a URL without its scheme. Without a password it is a path.
static size_t
authority_start(const char *file_path)
{
    const size_t start = url_start(file_path);
    if (start || strncmp(file_path, "//", 2) != 0)
        return start;
    const char *host = file_path + 2, *last = memrchr(host, '@', strcspn(host, "/?#\\"));
    return last && memchr(host, ':', (size_t)(last - host)) ? 2 : 0;
}

bool
kt_job_url_user(const char *file_path, size_t *at, size_t *length)
{
    const size_t start = authority_start(file_path);
    if (!start)
        return false;
    const char *host = file_path + start, *last = memrchr(host, '@', strcspn(host, "/?#\\"));
    *at     = (size_t)(host - file_path);
    *length = last ? (size_t)(last + 1 - host) : 0;
    return last != NULL;
}

const char *
kt_job_shown(const char *file_path, char *out, size_t capacity)
{
    // Any scheme: a URL that a job may not have is shown in the reason, too. User and password: rows of before may have
    // them.
    const size_t start = authority_start(file_path);
    if (!start) {
        snprintf(out, capacity, "%s", file_path);
        return out;
    }
    const char *host = file_path + start, *user = memrchr(host, '@', strcspn(host, "/?#\\"));
    const char *rest = user ? user + 1 : host;
    snprintf(out, capacity, "%.*s%.*s%s", (int)start, file_path, (int)strcspn(rest, "?#"), rest,
             rest[strcspn(rest, "?#")] ? "?..." : "");
    return out;
}

static kt_err_t
read_texts(const json_t *body, kt_job_t *job, char why[KT_JOB_WHY])
{
    const struct {
        const char *name;
        char       *out;
        size_t      capacity;
    } texts[] = {
        {"message_id", job->message_id, sizeof job->message_id},
        {"media_id", job->media_id, sizeof job->media_id},
        {"file_path", job->file_path, sizeof job->file_path},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *value = body_member(body, texts[i].name);
        *texts[i].out       = '\0';
        if (value && !json_is_string(value)) {
            snprintf(why, KT_JOB_WHY, "%s must be a string", texts[i].name);
            return KT_EMESSAGE;
        }
        // jansson has checked that the text is UTF-8 without NUL.
        if (value && !kt_text_copy(texts[i].out, texts[i].capacity, json_string_value(value))) {
            snprintf(why, KT_JOB_WHY, "%s is longer than %zu bytes", texts[i].name, texts[i].capacity - 1);
            return KT_EMESSAGE;
        }
    }
    if (!*job->file_path) {
        snprintf(why, KT_JOB_WHY, "file_path is missing or empty");
        return KT_EMESSAGE;
    }
    size_t at, length;
    if (kt_job_url_user(job->file_path, &at, &length)) {
        snprintf(why, KT_JOB_WHY, "file_path is a URL with a user or password, which would be stored and shown");
        return KT_EMESSAGE;
    }
    return KT_OK;
}

static kt_err_t
read_priority_and_options(const json_t *body, kt_job_t *job, char why[KT_JOB_WHY])
{
    const json_t *priority = body_member(body, "priority"), *options = body_member(body, "analysis_options");
    job->priority = KT_PRIORITY_NORMAL;
    job->options  = KT_OPTION_ALL;
    if (priority && !(json_is_string(priority) && kt_priority_find(json_string_value(priority), &job->priority))) {
        snprintf(why, KT_JOB_WHY, "priority must be \"low\", \"normal\" or \"high\"");
        return KT_EMESSAGE;
    }
    if (options && !json_is_object(options)) {
        snprintf(why, KT_JOB_WHY, "analysis_options must be an object");
        return KT_EMESSAGE;
    }
    for (unsigned i = 0; options && i < N_OPTIONS; i++) {
        const json_t *value = body_member(options, OPTIONS[i].member);
        if (value && !json_is_boolean(value)) {
            snprintf(why, KT_JOB_WHY, "analysis_options.%s must be true or false", OPTIONS[i].member);
            return KT_EMESSAGE;
        }
        if (json_is_false(value))
            job->options &= ~OPTIONS[i].bit;
    }
    return KT_OK;
}

// 8394752.0 is a whole number, too: JSON has one kind of numbers, and JSON Schema takes it for an integer.
static bool
read_bytes(const json_t *size, uint64_t *out)
{
    const double most = 9007199254740992.0;  // up to which a double holds every whole number
    const double real = json_is_real(size) ? json_real_value(size) : -1;
    if (json_is_integer(size) && json_integer_value(size) >= 0)
        *out = (uint64_t)json_integer_value(size);
    else if (real >= 0 && real <= most && !(real > (double)(uint64_t)real))
        *out = (uint64_t)real;
    else
        return false;
    return true;
}

static kt_err_t
read_hints(const json_t *body, kt_job_t *job, char why[KT_JOB_WHY])
{
    const json_t *size     = body_member(body, "file_size");
    const json_t *metadata = body_member(body, "metadata");
    const json_t *duration = json_is_object(metadata) ? body_member(metadata, "duration") : NULL;
    const char   *problem  = NULL;
    uint64_t      bytes    = 0;
    if (size && !read_bytes(size, &bytes))
        problem = "file_size must be a non-negative whole number of bytes";
    else if (duration && (!json_is_number(duration) || !(json_number_value(duration) >= 0)))
        problem = "metadata.duration must be a non-negative number of seconds";
    if (problem) {
        snprintf(why, KT_JOB_WHY, "%s", problem);
        return KT_EMESSAGE;
    }
    job->declared_bytes      = bytes;
    job->declared_duration_s = duration ? json_number_value(duration) : 0;
    return KT_OK;
}

// SHA-256 of the canonical body, with sorted keys and without blanks, so that the formatting does not matter.
static kt_err_t
digest_body(const json_t *body, kt_digest_t *out)
{
    char *text = json_dumps(body, JSON_SORT_KEYS | JSON_COMPACT);
    if (!text)
        return KT_ENOMEM;
    kt_digest_of(text, strlen(text), out);
    free(text);
    return KT_OK;
}

// A message without an id gets one from the whole body, unknown members included. The body digest, which distinguishes
// a repeated message from a clash, omits the timestamp: a producer that repeats a message may set a new one.
static kt_err_t
set_identity(json_t *body, kt_job_t *job)
{
    kt_digest_t whole;
    kt_err_t    err = *job->message_id ? KT_OK : digest_body(body, &whole);
    if (err)
        return err;
    if (!*job->message_id)
        kt_digest_uuid(&whole, job->message_id);
    (void)json_object_del(body, "timestamp");
    return digest_body(body, &job->body_digest);
}

kt_err_t
kt_job_parse(const char *text, size_t length, kt_job_t *out, char why[KT_JOB_WHY])
{
    json_t  *body;
    kt_job_t job = {0};
    kt_err_t err = kt_json_parse(text, length, KT_JOB_MAX_BYTES, &body, why);
    if (err)
        return err;
    err = read_texts(body, &job, why);
    if (!err)
        err = read_priority_and_options(body, &job, why);
    if (!err)
        err = read_hints(body, &job, why);
    if (!err && set_identity(body, &job)) {
        err = KT_ENOMEM;
        snprintf(why, KT_JOB_WHY, "%s", kt_err_text(err));
    }
    kt_json_free(&body);
    if (!err)
        *out = job;
    return err;
}

const char *
kt_job_log_fields(const char *body, size_t length, char out[KT_JOB_LOG])
{
    char why[KT_JOB_WHY], shown[KT_JOB_LOG / 2], id[2 * KT_JOB_ID_BYTES], path[KT_JOB_LOG - 2 * KT_JOB_ID_BYTES - 64];
    kt_job_t job;
    out[0] = '\0';
    if (!body || kt_job_parse(body, length, &job, why))
        return out;
    snprintf(out, KT_JOB_LOG, "message_id=\"%s\" path=\"%s\"", kt_log_quote(id, sizeof id, job.message_id),
             kt_log_quote(path, sizeof path, kt_job_shown(job.file_path, shown, sizeof shown)));
    return out;
}

static bool
set_job_text(json_t *object, const char *name, const char *text)
{
    return !*text || kt_json_set(object, name, kt_json_text(text));
}

void
kt_job_write(const kt_job_t *job, kt_buf_t *out)
{
    json_t *body = kt_json_object();
    bool    good = body && set_job_text(body, "message_id", job->message_id) &&
                set_job_text(body, "file_path", job->file_path) && set_job_text(body, "media_id", job->media_id);
    if (good && job->declared_bytes)
        good = kt_json_set(body, "file_size", kt_json_int((int64_t)job->declared_bytes));
    if (good && job->declared_duration_s > 0) {
        json_t *metadata = kt_json_object();
        good             = kt_json_set(body, "metadata", metadata) &&
               kt_json_set(metadata, "duration", kt_json_real(job->declared_duration_s));
    }
    json_t *options = kt_json_object();
    good            = kt_json_set(good ? body : NULL, "analysis_options", options);
    for (unsigned i = 0; good && i < N_OPTIONS; i++)
        good = kt_json_set(options, OPTIONS[i].member, kt_json_bool(job->options & OPTIONS[i].bit));
    good = good && kt_json_set(body, "priority", kt_json_text(kt_priority_name(job->priority)));
    if (good)
        kt_json_write(body, out);
    else if (!out->err)
        out->err = KT_ENOMEM;
    kt_json_free(&body);
}
