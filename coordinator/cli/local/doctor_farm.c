// What a coordinator needs: its ports, the database, the broker. A running coordinator is asked, as it has its
// connections and rights.
#include "common/json.h"
#include "common/net/plain.h"
#include "coordinator/cli/client.h"
#include "coordinator/cli/local/doctor.h"
#include "coordinator/ledger/open/migrate.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ADDRESS = 512, PORT = 8, CONNECT_MS = 2000, ANSWER_MS = 2000 };

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
can_listen(const char *setting, const char *address, char text[KT_DOCTOR_TEXT])
{
    char            host[ADDRESS], port[PORT];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    const int       one = 1;
    if (!split_address(address, host, port)) {
        snprintf(text, KT_DOCTOR_TEXT, "%s=%.200s is no address with a port up to 65535", setting, address);
        return false;
    }
    const int unknown = getaddrinfo(strcmp(host, "*") ? host : NULL, port, &hints, &found);
    if (unknown) {
        snprintf(text, KT_DOCTOR_TEXT, "%s=%.200s: %s", setting, address, gai_strerror(unknown));
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
        snprintf(text, KT_DOCTOR_TEXT, "%.200s: %s: stop what listens there, or set %s", address, strerror(saved),
                 setting);
    return good;
}

// The status of the coordinator; NULL: none answers.
static json_t *
ask_status(const kt_cli_t *cli, kt_err_t *err)
{
    kt_client_t *client = NULL;
    json_t      *status = NULL;
    *err                = kt_client_new(&client, cli->settings->http_url);
    if (!*err) {
        kt_client_authorize(client, cli->settings, NULL);
        kt_client_set_deadline(client, ANSWER_MS);
        *err = kt_client_get(client, "/v1/status", &status);
    }
    kt_client_destroy(&client);
    return status;
}

kt_doctor_state_t
kt_doctor_coordinator(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    const kt_settings_t *settings = cli->settings;
    kt_err_t             err;
    json_t              *status = ask_status(cli, &err);
    if (status) {
        const bool same = strcmp(kt_json_str(status, "version", ""), KT_VERSION) == 0;
        snprintf(text, KT_DOCTOR_TEXT, "%.100s works at %.200s, version %.40s%s",
                 kt_json_str(status, "coordinator", "?"), settings->http_url, kt_json_str(status, "version", "?"),
                 same ? "" : ", which is not this program's");
        kt_json_free(&status);
        return true;
    }
    if (err == KT_EAUTH) {
        snprintf(text, KT_DOCTOR_TEXT,
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
        snprintf(text, KT_DOCTOR_TEXT, "ANALYZER_HTTP_BIND and ANALYZER_ROUTER_BIND have the same port %s: set another",
                 ports[0]);
        return false;
    }
    snprintf(text, KT_DOCTOR_TEXT, "none runs at %.200s; its ports are free: HTTP %.100s, nodes %.100s",
             settings->http_url, settings->http_bind, settings->router_bind);
    return true;
}

// The file of a SQLite ledger that is not there yet.
static bool
is_new_sqlite(const kt_settings_t *settings, char path[PATH_MAX])
{
    struct stat facts;
    char        state[PATH_MAX / 2];
    const char *url = settings->database_url;
    if (strncmp(url, "sqlite:", 7) == 0)
        snprintf(path, PATH_MAX, "%s", url + 7);
    else if (!*url && kt_settings_state_dir(settings, state, sizeof state))
        snprintf(path, PATH_MAX, "%s/ledger.sqlite", state);
    else
        return false;
    return stat(path, &facts) != 0 && errno == ENOENT;
}

kt_doctor_state_t
kt_doctor_database(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    kt_migration_row_t *rows = NULL;
    size_t              n = 0, applied                     = 0;
    char                path[PATH_MAX], why[KT_LEDGER_WHY] = "";
    if (strncmp(cli->settings->database_url, "memory:", 7) == 0) {
        snprintf(text, KT_DOCTOR_TEXT, "in memory: everything is lost at the end");
        return true;
    }
    if (is_new_sqlite(cli->settings, path)) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
        struct stat facts;
        const bool  there = slash && stat(path, &facts) == 0, good = !there || access(path, W_OK | X_OK) == 0;
        if (good && there && !kt_doctor_has_room(path, path, text))
            return false;
        snprintf(text, KT_DOCTOR_TEXT,
                 good ? "SQLite, made at the first start in %.400s"
                      : "SQLite, but %.400s cannot be written by this user",
                 path);
        return good;
    }
    kt_err_t err = kt_ledger_schema(cli->settings, &rows, &n, why);
    for (size_t i = 0; i < n && !err; i++)
        applied += rows[i].state == KT_MIGRATION_APPLIED;
    free(rows);
    if (err)
        snprintf(text, KT_DOCTOR_TEXT, "%s: %.400s", kt_err_text(err), *why ? why : kt_err_action(err));
    else if (applied < n)
        snprintf(text, KT_DOCTOR_TEXT,
                 "%zu of %zu migrations are applied as they are in this program: kithara db status, "
                 "kithara db migrate",
                 applied, n);
    else if (strncmp(cli->settings->database_url, "sqlite:", 7) == 0 &&
             !kt_doctor_has_room(cli->settings->database_url + 7, cli->settings->database_url + 7, text))
        return false;
    else
        snprintf(text, KT_DOCTOR_TEXT, "%s, schema current (%zu migrations)",
                 strncmp(cli->settings->database_url, "postgres", 8) == 0 ? "PostgreSQL" : "SQLite", n);
    return !err && applied == n;
}

// Connects within CONNECT_MS; -1: *why says why not.
static int
connect_to(const char *host, const char *port, const char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    const int       unknown = getaddrinfo(host, port, &hints, &found);
    if (unknown) {
        *why = gai_strerror(unknown);
        return -1;
    }
    int           fd    = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int           error = fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    struct pollfd wait  = {fd, POLLOUT, 0};
    socklen_t     size  = sizeof error;
    if (error == EINPROGRESS)
        error = poll(&wait, 1, CONNECT_MS) != 1                       ? ETIMEDOUT
                : getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? errno
                                                                      : error;
    freeaddrinfo(found);
    if (fd < 0 || error) {
        *why = strerror(fd < 0 ? errno : error);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

// Sends the header of AMQP 0-9-1 and waits for the broker's first frame. NULL, or what is wrong.
static const char *
greet_broker(const char *host, const char *port, bool tls)
{
    static const char HEADER[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    const char       *why      = NULL;
    char              first    = 0;
    int               fd       = connect_to(host, port, &why);
    if (fd < 0)
        return why;
    struct pollfd wait  = {fd, POLLIN, 0};
    const bool    spoke = tls || (send(fd, HEADER, sizeof HEADER, MSG_NOSIGNAL) == sizeof HEADER &&
                               poll(&wait, 1, CONNECT_MS) == 1 && recv(fd, &first, 1, 0) == 1 && first == 1);
    close(fd);
    return spoke ? NULL : "what listens there does not speak AMQP 0-9-1";
}

// "amqp://user:password@HOST:PORT,HOST:PORT/vhost": the first of the hosts. NULL: no such address.
static const char *
first_host(const char *url, bool *tls)
{
    *tls = strncasecmp(url, "amqps://", 8) == 0;
    if (!*tls && strncasecmp(url, "amqp://", 7) != 0)
        return NULL;
    const char *at = strstr(url, "://") + 3, *user = memrchr(at, '@', strcspn(at, "/?"));
    return user ? user + 1 : at;
}

// Host and port at *at, which moves to the next host; false: there was none.
static bool
next_host(const char **at, bool tls, char host[ADDRESS], char port[PORT])
{
    char         authority[ADDRESS];
    const size_t length = *at ? strcspn(*at, "/?,") : 0;
    if (!*at)
        return false;
    snprintf(authority, sizeof authority, "%.*s", (int)length, *at);
    *at = (*at)[length] == ',' ? *at + length + 1 : NULL;
    if (!split_address(authority, host, port)) {
        snprintf(host, ADDRESS, "%s", *authority ? authority : "localhost");
        snprintf(port, PORT, "%s", tls ? "5671" : "5672");
    }
    return true;
}

kt_doctor_state_t
kt_doctor_broker(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    char          host[ADDRESS], port[PORT];
    bool          tls = false;
    kt_err_t      err;
    json_t       *status = ask_status(cli, &err);
    const json_t *amqp   = kt_json_get(status, "amqp");
    if (kt_json_kind(amqp) == KT_JSON_OBJECT) {  // the coordinator has declared its queues: it knows its rights
        const char *trouble = kt_json_str(amqp, "trouble", NULL);
        const bool  good    = strcmp(kt_json_str(amqp, "state", ""), "up") == 0 && !trouble;
        snprintf(text, KT_DOCTOR_TEXT, "the coordinator's connections are %s%s%.400s", kt_json_str(amqp, "state", "?"),
                 trouble ? ": " : "", trouble ? trouble : "");
        kt_json_free(&status);
        return good;
    }
    const bool runs = status != NULL;
    kt_json_free(&status);
    if (!*cli->settings->amqp_url) {
        snprintf(text, KT_DOCTOR_TEXT, "none set (AMQP_CONNECTION_STRING)");
        return true;
    }
    const char *at = first_host(cli->settings->amqp_url, &tls);
    if (!at) {
        snprintf(text, KT_DOCTOR_TEXT, "AMQP_CONNECTION_STRING is not amqp://USER:PASSWORD@HOST:PORT/VHOST");
        return false;
    }
    size_t n = 0, answers = 0, hosts = 0;
    for (; n < KT_DOCTOR_TEXT / 2 && next_host(&at, tls, host, port); hosts++) {
        const char *why = greet_broker(host, port, tls);
        answers += !why;
        n += (size_t)snprintf(text + n, KT_DOCTOR_TEXT - n, "%s%.200s:%s %s%s", n ? "; " : "", host, port,
                              why ? "fails: " : "answers", why ? why : "");
    }
    if (answers == hosts)
        snprintf(text + n, KT_DOCTOR_TEXT - n, "; %s",
                 runs ? "the running coordinator does not use it"
                      : "password and rights are seen when a coordinator runs");
    return answers == hosts ? KT_DOCTOR_OK : answers ? KT_DOCTOR_WARN : KT_DOCTOR_WRONG;
}

kt_doctor_state_t
kt_doctor_tls(const kt_cli_t *cli, char text[KT_DOCTOR_TEXT])
{
    const char *setting;
    char        host[KT_PLAIN_HOST];
    size_t      n = 0;
    for (size_t next = 0; kt_plain_next(cli->settings, &next, &setting, host);)
        n += (size_t)snprintf(text + n, KT_DOCTOR_TEXT - n, "%s%s leads to %.200s without TLS", n ? ", " : "", setting,
                              host);
    if (n == 0)
        return KT_DOCTOR_NONE;
    snprintf(text + n, KT_DOCTOR_TEXT - n, ": sslmode=verify-full, amqps://%s",
             cli->settings->require_tls ? "; ANALYZER_REQUIRE_TLS refuses it" : "");
    return cli->settings->require_tls ? KT_DOCTOR_WRONG : KT_DOCTOR_WARN;
}
