// The text is rendered once, with marks in place of a job's ids, and cut at the marks: a benchmark of the farm should
// not measure the rendering of JSON.
#include "node/run/noop_message.h"

#include "common/clock.h"
#include "common/json.h"
#include "proto/document.h"

#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_BYTES = 64 << 10, MARKS = 3 };

// In the order of the message; the quotes are part of the mark.
static const char *const MARK[MARKS] = {"\"@message_id@\"", "\"@media_id@\"", "\"@file_path@\""};

struct kt_noop_message {
    char *text;
    struct {
        const char *at;
        size_t      length;
    } pieces[MARKS + 1];
};

static kt_err_t
render_whole(char **out)
{
    char           why[KT_DOCUMENT_WHY];
    kt_buf_t       text;
    kt_document_t *document = NULL;
    kt_stamp_t     stamp    = {.wall_ms = kt_clock_wall_ms()};
    kt_job_t       job      = {
                   .message_id = "@message_id@", .media_id = "@media_id@", .file_path = "@file_path@", .options = KT_OPTION_ALL};
    kt_err_t err = kt_document_new(&document, &job);
    if (err)
        return err;
    kt_buf_init(&text, DOCUMENT_BYTES);
    err = kt_document_finish(document, &stamp, &text, why);
    kt_document_destroy(&document);
    char *taken = kt_buf_take(&text, NULL);
    if (!err && !taken)
        err = KT_ENOMEM;
    if (err)
        free(taken);
    else
        *out = taken;
    return err;
}

// A head without features, and padding up to the size.
static kt_err_t
render_padded(char **out, size_t bytes)
{
    kt_buf_t text;
    kt_buf_init(&text, DOCUMENT_BYTES);
    kt_buf_fmt(&text, "{\"message_id\":%s,\"media_id\":%s,\"file_path\":%s,", MARK[0], MARK[1], MARK[2]);
    kt_buf_str(&text, "\"analysis_version\":\"" KT_ANALYSIS_VERSION "\",\"success\":true,\"padding\":\"");
    while (!text.err && text.length < bytes - 2)
        kt_buf_add(&text, "0123456789abcdef", bytes - 2 - text.length < 16 ? bytes - 2 - text.length : 16);
    kt_buf_str(&text, "\"}");
    *out = kt_buf_take(&text, NULL);
    return *out ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_noop_message_new(kt_noop_message_t **self_p, uint32_t bytes)
{
    kt_noop_message_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    kt_err_t    err = bytes ? render_padded(&self->text, bytes) : render_whole(&self->text);
    const char *at  = self->text;
    for (size_t i = 0; i < MARKS && !err; i++) {
        const char *mark = strstr(at, MARK[i]);
        if (!mark) {
            err = KT_EDOCUMENT;
            break;
        }
        self->pieces[i].at     = at;
        self->pieces[i].length = (size_t)(mark - at);
        at                     = mark + strlen(MARK[i]);
    }
    if (err) {
        kt_noop_message_destroy(&self);
        return err;
    }
    self->pieces[MARKS].at     = at;
    self->pieces[MARKS].length = strlen(at);
    *self_p                    = self;
    return KT_OK;
}

void
kt_noop_message_destroy(kt_noop_message_t **self_p)
{
    if (*self_p)
        free((*self_p)->text);
    free(*self_p);
    *self_p = NULL;
}

void
kt_noop_message_write(const kt_noop_message_t *self, const kt_job_t *job, kt_buf_t *out)
{
    const char *const values[MARKS] = {job->message_id, job->media_id, job->file_path};
    for (size_t i = 0; i <= MARKS; i++) {
        kt_buf_add(out, self->pieces[i].at, self->pieces[i].length);
        if (i == MARKS)
            break;
        json_t *value = *values[i] ? kt_json_text(values[i]) : kt_json_null();
        if (value)
            kt_json_write(value, out);
        else
            out->err = KT_ENOMEM;
        kt_json_free(&value);
    }
}
