// kt_cache_url -- parses REDIS_URL: redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB]. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>

enum { KT_CACHE_URL_WHY = 256 };

typedef struct kt_cache_url {
    char host[256];
    int  port, db;
    bool tls;                       // rediss://
    char user[128], password[512];  // decoded; "" when absent
} kt_cache_url_t;

// KT_ESETTING with a sentence that does not repeat the password.
KT_MUST_USE kt_err_t kt_cache_url_parse(const char *url, kt_cache_url_t *out, char why[KT_CACHE_URL_WHY]);
