// kt_http_token -- the bearer token that control over HTTP needs: ANALYZER_HTTP_TOKEN, or else the file http.token in
// the state folder, which the coordinator makes at its first start (0600). Coordinator and command line read the same.
#pragma once

#include "common/err.h"
#include "common/settings.h"

enum { KT_HTTP_TOKEN = 257, KT_HTTP_TOKEN_WHY = 512 };

// The token, made if there is none yet; several starters at once end with the same. KT_EACCESS, KT_EIO, KT_EDISK,
// KT_EINVAL (the file or setting holds no token), with a sentence in why.
KT_MUST_USE kt_err_t kt_http_token_load_or_make(const kt_settings_t *settings, const char *state_dir,
                                                char out[KT_HTTP_TOKEN], char why[KT_HTTP_TOKEN_WHY]);
// The token, or "" where there is none that we may read: a coordinator elsewhere may not need one for what is asked.
const char *kt_http_token_find(const kt_settings_t *settings, const char *state_dir, char out[KT_HTTP_TOKEN]);
