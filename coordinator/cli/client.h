// kt_client -- the coordinator's JSON API over HTTP (libcurl). One thread. Every call has a deadline; kt_client_fail
// prints the error on stderr with the coordinator's text, or with a remedy when there is no answer.
#pragma once

#include "common/err.h"
#include "common/json.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_client kt_client_t;

KT_MUST_USE kt_err_t kt_client_new(kt_client_t **self_p, const char *base_url);  // "http://127.0.0.1:8710"
void                 kt_client_destroy(kt_client_t **self_p);
// Control needs the coordinator's token, and so does reading over the network: ANALYZER_HTTP_TOKEN, or http.token in
// state_dir (NULL: the settings' own). Without one the request has no token, and the coordinator rejects it with a
// reason.
void kt_client_authorize(kt_client_t *self, const kt_settings_t *settings, const char *state_dir);

// path: "/v1/status". *out: the answer's object (kt_json_free). KT_EUNREACHABLE, KT_ETIME, KT_EMESSAGE, or the code
// that the coordinator answered with.
KT_MUST_USE kt_err_t kt_client_get(kt_client_t *self, const char *path, json_t **out);
KT_MUST_USE kt_err_t kt_client_post(kt_client_t *self, const char *path, const char *body, size_t length, json_t **out);
int                  kt_client_fail(const kt_client_t *self, kt_err_t err);  // prints it; returns the exit code
// text with everything but unreserved characters as %XX, for a query; false if it does not fit.
bool kt_client_escape(char *out, size_t capacity, const char *text);
