// What a coordinator needs: its ports, the database, its secrets, the time.
#include "common/net/plain.h"
#include "coordinator/access/check.h"
#include "coordinator/cli/client.h"
#include "coordinator/cli/local/doctor.h"
#include "coordinator/ledger/open/check.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { ADDRESS = 512, PORT = 8, ANSWER_MS = 2000, EARLIEST_YEAR = 2024, CLOCK_WARN_S = 5, CLOCK_WRONG_S = 60 };

// "tcp://HOST:PORT" or "HOST:PORT" or "[HOST]:PORT"; "*" is any address. False: it is no address.
static bool
split_address(const char *text, char host[ADDRESS], char port[PORT])
{
    const char *at    = strncmp(text, "tcp://", 6) == 0 ? text + 6 : text;
    const char *colon = strrchr(at, ':');
    if (!colon || (size_t)(colon - at) >= ADDRESS || strlen(colon + 1) >= PORT || !colon[1] ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtol(colon + 1, NULL, 10) > UINT16_MAX)
        return false;
    const bool brackets = *at == '[' && colon[-1] == ']';
    snprintf(host, ADDRESS, "%.*s", (int)(colon - at) - 2 * brackets, at + brackets);
    snprintf(port, PORT, "%s", colon + 1);
    return true;
}

// Whether this machine can listen there; else a text.
static bool
can_listen(const char *setting, const char *address, char text[KT_CHECKED_TEXT])
{
    char            host[ADDRESS], port[PORT];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    const int       one = 1;
    if (!split_address(address, host, port)) {
        snprintf(text, KT_CHECKED_TEXT, "%s=%.200s is no address with a port up to 65535", setting, address);
        return false;
    }
    const int unknown = getaddrinfo(strcmp(host, "*") ? host : NULL, port, &hints, &found);
    if (unknown) {
        snprintf(text, KT_CHECKED_TEXT, "%s=%.200s: %s", setting, address, gai_strerror(unknown));
        return false;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const bool good  = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    const int  saved = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    if (!good)
        snprintf(text, KT_CHECKED_TEXT, "%.200s: %s: stop what listens there, or set %s", address, strerror(saved),
                 setting);
    return good;
}

json_t *
kt_doctor_status(const kt_cli_t *cli, kt_err_t *err, int64_t *date_s)
{
    kt_client_t *client = NULL;
    json_t      *status = NULL;
    *err                = kt_client_new(&client, cli->settings->http_url);
    if (!*err) {
        kt_client_authorize(client, cli->settings, NULL);
        kt_client_set_deadline(client, ANSWER_MS);
        *err = kt_client_get(client, "/v1/status", &status);
        if (date_s)
            *date_s = kt_client_date(client);
    }
    kt_client_destroy(&client);
    return status;
}

kt_checked_t
kt_doctor_coordinator(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    const kt_settings_t *settings = cli->settings;
    kt_err_t             err;
    json_t              *status = kt_doctor_status(cli, &err, NULL);
    if (status) {
        const bool same = strcmp(kt_json_str(status, "version", ""), KT_VERSION) == 0;
        snprintf(text, KT_CHECKED_TEXT, "%.100s works at %.200s, version %.40s%s",
                 kt_json_str(status, "coordinator", "?"), settings->http_url, kt_json_str(status, "version", "?"),
                 same ? "" : ", which is not this program's");
        kt_json_free(&status);
        return true;
    }
    if (err == KT_EAUTH) {
        snprintf(text, KT_CHECKED_TEXT,
                 "%.200s refuses the token: set ANALYZER_HTTP_TOKEN, or ANALYZER_STATE_DIR to the "
                 "folder of its http.token",
                 settings->http_url);
        return false;
    }
    if (!can_listen("ANALYZER_HTTP_BIND", settings->http_bind, text) ||
        !can_listen("ANALYZER_ROUTER_BIND", settings->router_bind, text))
        return false;
    char host[ADDRESS], ports[2][PORT];
    if (split_address(settings->http_bind, host, ports[0]) && split_address(settings->router_bind, host, ports[1]) &&
        strcmp(ports[0], ports[1]) == 0 && strtol(ports[0], NULL, 10)) {
        snprintf(text, KT_CHECKED_TEXT,
                 "ANALYZER_HTTP_BIND and ANALYZER_ROUTER_BIND have the same port %s: set another", ports[0]);
        return false;
    }
    snprintf(text, KT_CHECKED_TEXT, "none runs at %.200s; its ports are free: HTTP %.100s, nodes %.100s",
             settings->http_url, settings->http_bind, settings->router_bind);
    return true;
}

kt_checked_t
kt_doctor_database(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    return kt_ledger_check(cli->settings, text);
}

kt_checked_t
kt_doctor_tls(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    return kt_plain_check(cli->settings, text);
}

kt_checked_t
kt_doctor_state(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    return kt_access_check_state(cli->settings, text);
}

kt_checked_t
kt_doctor_keys(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    return kt_access_check_keys(cli->settings, text);
}

// How far the clock of the coordinator, or else of the database, is ahead of this one. NULL: neither says.
static const char *
compare_clocks(const kt_cli_t *cli, int64_t *ahead_s)
{
    kt_err_t err;
    int64_t  date_s = 0, wall_ms;
    json_t  *status = kt_doctor_status(cli, &err, &date_s);
    kt_json_free(&status);
    if (date_s) {
        *ahead_s = date_s - time(NULL);
        return "the coordinator's";
    }
    if (kt_ledger_clock(cli->settings, &wall_ms))
        return NULL;
    *ahead_s = wall_ms / 1000 - time(NULL);
    return "the database's";
}

kt_checked_t
kt_doctor_clock(const kt_cli_t *cli, char text[KT_CHECKED_TEXT])
{
    struct timex state = {0};
    struct tm    parts;
    char         shown[64];
    int64_t      ahead_s = 0;
    const time_t now     = time(NULL);
    const int    synced  = adjtimex(&state);
    const bool   year    = gmtime_r(&now, &parts) && parts.tm_year + 1900 >= EARLIEST_YEAR;
    strftime(shown, sizeof shown, "%Y-%m-%dT%H:%M:%SZ", &parts);
    const char   *whose = compare_clocks(cli, &ahead_s);
    const int64_t apart = ahead_s < 0 ? -ahead_s : ahead_s;
    int           n     = snprintf(text, KT_CHECKED_TEXT, "%s%s", shown,
                     !year        ? ": set it, results carry its time"
                                   : synced < 0 ? ""
                                   : synced == TIME_ERROR || (state.status & STA_UNSYNC) != 0
                                       ? ", not synchronised as far as the kernel knows"
                                       : ", synchronised");
    if (whose && apart > CLOCK_WARN_S)
        snprintf(text + n, KT_CHECKED_TEXT - (size_t)n,
                 "; %s is %" PRId64 " s %s: results and tokens carry these times, synchronise both clocks by NTP",
                 whose, apart, ahead_s > 0 ? "ahead" : "behind");
    else if (whose)
        snprintf(text + n, KT_CHECKED_TEXT - (size_t)n, "; %s is the same", whose);
    return !year || apart > CLOCK_WRONG_S ? KT_CHECKED_WRONG : apart > CLOCK_WARN_S ? KT_CHECKED_WARN : KT_CHECKED_OK;
}
