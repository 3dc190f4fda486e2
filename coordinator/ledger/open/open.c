#include "coordinator/ledger/open/open.h"

#include "common/net/plain.h"

#include <stdio.h>
#include <string.h>

static bool
starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// A URL may hold a password: no sentence repeats more of it than its scheme.
static kt_err_t
open_url(kt_ledger_t **out, const kt_settings_t *settings, bool writer, char why[KT_LEDGER_WHY])
{
    const char *url = settings->database_url;
    char        folder[4096], path[4096 + 32], host[KT_PLAIN_HOST];
    if (settings->require_tls && kt_plain_url(url, host)) {
        snprintf(
            why, KT_LEDGER_WHY,
            "DATABASE_URL leads to %.200s without TLS, which ANALYZER_REQUIRE_TLS refuses: add sslmode=verify-full",
            host);
        return KT_ESETTING;
    }
    if (!*url && !kt_settings_state_dir(settings, folder, sizeof folder)) {
        snprintf(why, KT_LEDGER_WHY, "no state folder for the ledger: set ANALYZER_STATE_DIR, HOME or DATABASE_URL");
        return KT_ESETTING;
    }
    if (!*url) {
        snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
        return kt_ledger_sqlite_open(out, path, writer, why);
    }
    if (starts_with(url, "sqlite:") && url[strlen("sqlite:")])
        return kt_ledger_sqlite_open(out, url + strlen("sqlite:"), writer, why);
    if (strcmp(url, "memory:") == 0) {
        kt_err_t err = kt_ledger_memory_open(out);
        if (err)
            snprintf(why, KT_LEDGER_WHY, "no memory for a ledger in memory");
        return err;
    }
    if (starts_with(url, "postgresql:") || starts_with(url, "postgres:"))
        return kt_ledger_postgres_open(out, url, writer, why);
    snprintf(why, KT_LEDGER_WHY,
             "DATABASE_URL is not understood: use postgresql://USER@HOST/DATABASE, sqlite:PATH or memory:, "
             "or leave it empty for a file in the state folder");
    return KT_ESETTING;
}

kt_err_t
kt_ledger_open(kt_ledger_t **out, const kt_settings_t *settings, bool writer, char why[KT_LEDGER_WHY])
{
    kt_err_t err = open_url(out, settings, writer, why);
    if (!err)
        (*out)->publishes = *settings->amqp_url != '\0';
    return err;
}
