// kt_http_token -- the bearer token required for control over HTTP: ANALYZER_HTTP_TOKEN, else the file http.token in
// the state folder, which the coordinator creates at its first start (mode 0600) and the command line reads.
#pragma once

#include "common/err.h"
#include "common/settings.h"

enum { KT_HTTP_TOKEN = 257, KT_HTTP_TOKEN_WHY = 512 };

// Reads the token; creates the file if it is missing. Processes that start at once get the same token. KT_EACCESS,
// KT_EWRITE, KT_EIO, KT_EDISK, KT_EINVAL (the file or setting contains no token), with a sentence in why.
KT_MUST_USE kt_err_t kt_http_token_load_or_make(const kt_settings_t *settings, const char *state_dir,
                                                char out[KT_HTTP_TOKEN], char why[KT_HTTP_TOKEN_WHY]);
// Reads the token; "" if there is none or it is not readable: a remote coordinator may not require one.
const char *kt_http_token_find(const kt_settings_t *settings, const char *state_dir, char out[KT_HTTP_TOKEN]);
