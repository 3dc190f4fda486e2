#include "coordinator/cli/client.h"

#include "coordinator/access/token.h"
#include "coordinator/cli/cli.h"

#include <ctype.h>
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWER_MAX = 64 << 20, CONNECT_MS = 2000, WHOLE_MS = 15000, WHY = 512, BASES_MAX = 16 };

struct kt_client {
    CURL    *curl;
    char     urls[1024];        // each ended by a NUL
    char    *bases[BASES_MAX];  // in urls
    long     whole_ms;          // of one request
    size_t   n_bases, base;     // base: the one that answered last
    int64_t  date_s;            // of the last answer
    char     why[WHY];
    char     authorization[KT_HTTP_TOKEN + 32];  // header line, or ""
    kt_buf_t answer;
};

static size_t
append_answer(char *bytes, size_t size, size_t count, void *context)
{
    kt_buf_t *answer = context;
    kt_buf_add(answer, bytes, size * count);
    return answer->err ? 0 : size * count;
}

kt_err_t
kt_client_new(kt_client_t **self_p, const char *base_url)
{
    kt_client_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    kt_buf_init(&self->answer, ANSWER_MAX);
    self->whole_ms = WHOLE_MS;
    snprintf(self->urls, sizeof self->urls, "%s", base_url);
    char *rest = NULL;
    for (char *at = strtok_r(self->urls, ", ", &rest); at && self->n_bases < BASES_MAX;
         at       = strtok_r(NULL, ", ", &rest)) {
        for (size_t n = strlen(at); n && at[n - 1] == '/'; n--)
            at[n - 1] = '\0';
        self->bases[self->n_bases++] = at;
    }
    if (self->n_bases == 0)
        self->bases[self->n_bases++] = self->urls;
    self->curl = curl_easy_init();
    if (!self->curl) {
        kt_client_destroy(&self);
        return KT_ENOMEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_client_destroy(kt_client_t **self_p)
{
    kt_client_t *self = *self_p;
    if (!self)
        return;
    curl_easy_cleanup(self->curl);
    kt_buf_fini(&self->answer);
    free(self);
    *self_p = NULL;
}

void
kt_client_authorize(kt_client_t *self, const kt_settings_t *settings, const char *state_dir)
{
    char folder[PATH_MAX], token[KT_HTTP_TOKEN];
    if (!state_dir)
        state_dir = kt_settings_state_dir(settings, folder, sizeof folder);
    if (*kt_http_token_find(settings, state_dir, token))
        snprintf(self->authorization, sizeof self->authorization, "Authorization: Bearer %s", token);
}

void
kt_client_set_deadline(kt_client_t *self, int64_t whole_ms)
{
    self->whole_ms = (long)whole_ms;
}

kt_client_t *
kt_client_open(const kt_settings_t *settings)
{
    kt_client_t *self = NULL;
    kt_err_t     err  = kt_client_new(&self, settings->http_url);
    if (err)
        (void)kt_cli_fail(err, settings->http_url, NULL);
    else
        kt_client_authorize(self, settings, NULL);
    return self;
}

static void
set_request(kt_client_t *self, const char *url, const char *body, size_t length, struct curl_slist *headers)
{
    CURL *curl = self->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, self->whole_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &self->answer);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    }
}

static kt_err_t
transport_error(kt_client_t *self, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(self->why, WHY, "%.400s did not respond in time", self->bases[self->base]);
        return KT_ETIME;
    }
    snprintf(self->why, WHY, "%s: start a coordinator there, or set ANALYZER_HTTP_URL to a running one",
             curl_easy_strerror(code));
    return KT_EUNREACHABLE;
}

static void
note_date(kt_client_t *self)
{
    struct curl_header *date = NULL;
    const bool          said = curl_easy_header(self->curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK;
    const time_t        at   = said ? curl_getdate(date->value, NULL) : -1;
    self->date_s             = at > 0 ? at : 0;
}

static kt_err_t
send_to_base(kt_client_t *self, const char *path, const char *body, size_t length, json_t **out)
{
    char url[8192], parse_why[KT_JSON_WHY];
    self->why[0] = '\0';
    if ((size_t)snprintf(url, sizeof url, "%s%s", self->bases[self->base], path) >= sizeof url)
        return KT_EINVAL;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers && *self->authorization && !curl_slist_append(headers, self->authorization)) {
        curl_slist_free_all(headers);
        return KT_ENOMEM;
    }
    kt_buf_clear(&self->answer);
    set_request(self, url, body, length, headers);
    CURLcode code   = curl_easy_perform(self->curl);
    long     status = 0;
    curl_easy_getinfo(self->curl, CURLINFO_RESPONSE_CODE, &status);
    note_date(self);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return transport_error(self, code);
    json_t  *answer = NULL;
    kt_err_t err    = kt_json_parse(self->answer.length ? self->answer.bytes : "", self->answer.length, ANSWER_MAX,
                                 &answer, parse_why);
    if (status < 200 || status > 299) {  // {"error":{"code","number","text","detail"}}
        const json_t *error  = err ? NULL : kt_json_get(answer, "error");
        int64_t       number = error ? kt_json_i64(error, "number", 0) : 0;
        if (error)
            snprintf(self->why, WHY, "%s", kt_json_str(error, "detail", ""));
        else
            snprintf(self->why, WHY, "HTTP status %ld", status);
        kt_json_free(&answer);
        return number ? (kt_err_t)number : KT_EMESSAGE;
    }
    if (err) {
        snprintf(self->why, WHY, "the answer of %.200s is not understood: %s", url, parse_why);
        return err;
    }
    *out = answer;
    return KT_OK;
}

// Of several coordinators the next one is asked when one is silent. A request that may have been taken is not sent to
// another one.
static kt_err_t
send_request(kt_client_t *self, const char *path, const char *body, size_t length, json_t **out)
{
    kt_err_t err = KT_EUNREACHABLE;
    for (size_t i = 0; i < self->n_bases; i++) {
        err = send_to_base(self, path, body, length, out);
        if (err != KT_EUNREACHABLE && (err != KT_ETIME || body))
            break;
        self->base = (self->base + 1) % self->n_bases;
    }
    return err;
}

kt_err_t
kt_client_get(kt_client_t *self, const char *path, json_t **out)
{
    return send_request(self, path, NULL, 0, out);
}

kt_err_t
kt_client_post(kt_client_t *self, const char *path, const char *body, size_t length, json_t **out)
{
    return send_request(self, path, body, length, out);
}

int64_t
kt_client_date(const kt_client_t *self)
{
    return self->date_s;
}

const char *
kt_client_why(const kt_client_t *self)
{
    return self->why;
}

int
kt_client_fail(const kt_client_t *self, kt_err_t err)
{
    return kt_cli_fail(err, self->bases[self->base], self->why);
}

int
kt_client_fail_about(const kt_client_t *self, kt_err_t err, const char *what)
{
    const bool about = kt_err_verdict(err) == KT_VERDICT_REJECT && err != KT_EAUTH && err != KT_EMESSAGE;
    return about ? kt_cli_fail(err, what, self->why) : kt_client_fail(self, err);
}

bool
kt_client_escape(char *out, size_t capacity, const char *text)
{
    size_t used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (used + 4 > capacity)
            return false;
        if (isalnum(*c) || strchr("-._~", *c))
            out[used++] = (char)*c;
        else
            used += (size_t)snprintf(out + used, capacity - used, "%%%02X", *c);
    }
    out[used] = '\0';
    return true;
}
