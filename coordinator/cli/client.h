// kt_client -- the coordinator's JSON API over HTTP (libcurl). One thread. Every call has a deadline; kt_client_fail
// prints the error on stderr with the coordinator's text, or with a hint if there is no response.
#pragma once

#include "common/err.h"
#include "common/json.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_client kt_client_t;

// base_url: "http://127.0.0.1:8710", or several of them, separated by commas: one coordinator each of the same ledger.
KT_MUST_USE kt_err_t kt_client_new(kt_client_t **self_p, const char *base_url);
void                 kt_client_destroy(kt_client_t **self_p);
// Sets the token, which the coordinator requires for control and for access over a network: ANALYZER_HTTP_TOKEN, else
// http.token in state_dir (NULL: that of the settings). Without a token, requests are sent without one.
void kt_client_authorize(kt_client_t *self, const kt_settings_t *settings, const char *state_dir);

void kt_client_set_deadline(kt_client_t *self, int64_t whole_ms);  // of each request; 15 s before

// kt_client_new and kt_client_authorize by the settings. NULL: failed, and the error is printed.
kt_client_t *kt_client_open(const kt_settings_t *settings);

// path: "/v1/status". *out: the response (kt_json_free). KT_EUNREACHABLE, KT_ETIME, KT_EMESSAGE, or the coordinator's
// error code.
KT_MUST_USE kt_err_t kt_client_get(kt_client_t *self, const char *path, json_t **out);
KT_MUST_USE kt_err_t kt_client_post(kt_client_t *self, const char *path, const char *body, size_t length, json_t **out);
int64_t              kt_client_date(const kt_client_t *self);  // the last answer's Date, Unix time; 0: none
const char          *kt_client_why(const kt_client_t *self);   // more about the last error; "": nothing
int                  kt_client_fail(const kt_client_t *self, kt_err_t err);  // prints it; returns the exit code
// As kt_client_fail; an error that concerns what was asked for, as that there is none, names `what` and not the
// address.
int kt_client_fail_about(const kt_client_t *self, kt_err_t err, const char *what);
// Percent-encodes all but unreserved characters, for a query; false if the result does not fit.
bool kt_client_escape(char *out, size_t capacity, const char *text);
