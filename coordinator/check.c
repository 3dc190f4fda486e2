#include "coordinator/check.h"

#include "common/net/address.h"
#include "common/net/plain.h"
#include "common/socket.h"
#include "coordinator/access/check.h"
#include "coordinator/amqp/check.h"
#include "coordinator/ledger/open/check.h"
#include "coordinator/result_cache/redis_url.h"

#include <stdio.h>

enum { SHOWN = 300 };

static kt_checked_t
check_settings(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    snprintf(text, KT_CHECKED_TEXT, "read from %.*s%sthe environment", SHOWN, settings->config,
             *settings->config ? " and " : "");
    return KT_CHECKED_OK;
}

static kt_checked_t
check_addresses(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    const struct {
        const char *setting, *address;
    } rows[] = {{"ANALYZER_ROUTER_BIND", settings->router_bind}, {"ANALYZER_HTTP_BIND", settings->http_bind}};
    char why[KT_ADDRESS_WHY];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (kt_address_check(rows[i].address, true, why)) {
            snprintf(text, KT_CHECKED_TEXT, "%s=%.*s: %s", rows[i].setting, SHOWN, rows[i].address, why);
            return KT_CHECKED_WRONG;
        }
    snprintf(text, KT_CHECKED_TEXT, "nodes at %.*s, HTTP at %.*s; whether they are free is not tried", SHOWN,
             settings->router_bind, SHOWN, settings->http_bind);
    return KT_CHECKED_OK;
}

static kt_checked_t
check_cache(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    kt_cache_url_t url;
    char           why[KT_CACHE_URL_WHY] = "";
    if (!*settings->redis_url)
        return KT_CHECKED_NONE;
    if (kt_cache_url_parse(settings->redis_url, &url, why)) {
        snprintf(text, KT_CHECKED_TEXT, "%s", why);
        return KT_CHECKED_WRONG;
    }
    snprintf(text, KT_CHECKED_TEXT, "%.*s:%d, not connected to: a coordinator works without it", SHOWN, url.host,
             url.port);
    return KT_CHECKED_OK;
}

static const struct {
    const char *subject;
    kt_checked_t (*check)(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);
} CHECKS[] = {
    {"settings", check_settings},   {"addresses", check_addresses}, {"state", kt_access_check_state},
    {"keys", kt_access_check_keys}, {"tls", kt_plain_check},        {"cache", check_cache},
    {"database", kt_ledger_check},  {"broker", kt_broker_check},
};

bool
kt_coordinator_check(const kt_settings_t *settings)
{
    bool good = true;
    kt_socket_setup();
    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        char               text[KT_CHECKED_TEXT] = "";
        const kt_checked_t state                 = CHECKS[i].check(settings, text);
        kt_checked_print(CHECKS[i].subject, state, text);
        good = good && state != KT_CHECKED_WRONG;
    }
    return good;
}
