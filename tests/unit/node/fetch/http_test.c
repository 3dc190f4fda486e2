// Sources over HTTP, from a server that the test plays: each connection gets one prepared answer.
#include "common/clock.h"
#include "node/fetch/http.h"
#include "tests/unit/node/decode/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, ANSWERS_MAX = 16, ANSWER_BYTES = 1024 };

static struct {
    int         listener, stop[2], port;
    pthread_t   thread;
    const char *answers[ANSWERS_MAX];  // one a request, in turn; "..." at the end: 64 KiB blocks without end
    bool        stays[ANSWERS_MAX];    // silent afterwards, without closing
    bool        after_second;          // answers in the last 100 ms of a second of the clock wait for its end
    _Atomic int asked;
    char        request[ANSWER_BYTES];  // the latest
} web;

static kt_settings_t    settings;
static kt_fetch_http_t *fetch;
static _Atomic uint64_t progress;
static _Atomic bool     cancelled;
static char             why[KT_FETCH_WHY], answers[ANSWERS_MAX][ANSWER_BYTES];

static void
set(const char *name, const char *value)
{
    char reason[KT_SETTINGS_WHY];
    cr_assert_eq(kt_settings_set(&settings, name, value, reason), KT_OK, "%s", reason);
}

static bool
wait_for_end(int fd)
{
    struct pollfd fds[] = {{.fd = web.stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    char          byte;
    return poll(fds, 2, PATIENCE_MS) > 0 && !fds[0].revents && recv(fd, &byte, 1, 0) == 0;
}

static void
serve_one(int fd)
{
    static char block[64 << 10];
    size_t      length = 0;
    while (!strstr(web.request, "\r\n\r\n") || length == 0) {
        ssize_t n = recv(fd, web.request + length, sizeof web.request - 1 - length, 0);
        if (n <= 0)
            return;
        web.request[length += (size_t)n] = '\0';
    }
    int         i      = web.asked++;
    const char *answer = web.answers[i % ANSWERS_MAX];
    if (!answer)
        return;
    while (web.after_second && kt_clock_ms() % 1000 >= 900)
        continue;
    size_t n       = strlen(answer);
    bool   endless = n > 3 && strcmp(answer + n - 3, "...") == 0;
    (void)!send(fd, answer, n - (endless ? 3 : 0), MSG_NOSIGNAL);
    while (endless && send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
        continue;
    if (web.stays[i % ANSWERS_MAX])
        wait_for_end(fd);
}

static void *
serve(void *context)
{
    struct pollfd fds[] = {{.fd = web.stop[0], .events = POLLIN}, {.fd = web.listener, .events = POLLIN}};
    while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
        int fd = accept(web.listener, NULL, NULL);
        memset(web.request, 0, sizeof web.request);
        serve_one(fd);
        close(fd);
    }
    return context;
}

static void
open_web(void)
{
    struct sockaddr_in at        = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          length    = sizeof at;
    char              *nothing[] = {NULL}, reason[KT_SETTINGS_WHY], host[64];
    fx_open_plain();
    web.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(web.listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(web.listener, 16), 0);
    cr_assert_eq(getsockname(web.listener, (struct sockaddr *)&at, &length), 0);
    web.port = ntohs(at.sin_port);
    cr_assert_eq(pipe(web.stop), 0);
    cr_assert_eq(pthread_create(&web.thread, NULL, serve, NULL), 0);
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, reason), KT_OK);
    snprintf(host, sizeof host, "other.invalid 127.0.0.1:%d", web.port);
    set("ANALYZER_SOURCE_HOSTS", host);
    set("ANALYZER_SOURCE_SIZE", "1");
    set("ANALYZER_SOURCE_STALL", "1");
    set("ANALYZER_STATE_DIR", fx_path("state"));
    cr_assert_eq(kt_fetch_http_new(&fetch, &settings, false), KT_OK);
}

static void
close_web(void)
{
    kt_fetch_http_destroy(&fetch);
    kt_fetch_http_destroy(&fetch);
    cr_assert_eq(write(web.stop[1], "", 1), 1);
    pthread_join(web.thread, NULL);
    close(web.listener);
    close(web.stop[0]);
    close(web.stop[1]);
    kt_settings_fini(&settings);
    fx_close();
}

TestSuite(fetch_http, .init = open_web, .fini = close_web, .timeout = 60);

static void answer(int i, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
answer(int i, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(answers[i], ANSWER_BYTES, format, arguments);
    va_end(arguments);
    web.answers[i] = answers[i];
}

// The content, or "" and the error.
static kt_err_t
get_within(const char *path, int64_t ms, char content[ANSWER_BYTES])
{
    char                url[256];
    kt_admission_wait_t wait = {kt_clock_ms() + ms, &cancelled, &progress};
    int                 fd   = -1;
    uint64_t            size = 77;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", web.port, path);
    kt_err_t err = kt_fetch_http_open(fetch, url, &wait, &fd, &size, why);
    content[0]   = '\0';
    cr_assert_eq(err == KT_OK, fd >= 0, "%s", why);
    if (err) {
        cr_assert_eq(size, 77);
        return err;
    }
    ssize_t n = read(fd, content, ANSWER_BYTES - 1);
    cr_assert_geq(n, 0);
    content[n] = '\0';
    cr_assert_eq(write(fd, "x", 1), -1, "the copy may be written");
    close(fd);
    return KT_OK;
}

static kt_err_t
get(const char *path)
{
    char content[ANSWER_BYTES];
    return get_within(path, PATIENCE_MS, content);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"

Test(fetch_http, a_file_comes_whole_and_leaves_nothing_behind)
{
    char content[ANSWER_BYTES];
    answer(0, OK_HEAD, 5, "hello");
    cr_assert_eq(get_within("/a?sig=1", PATIENCE_MS, content), KT_OK, "%s", why);
    cr_assert_str_eq(content, "hello");
    cr_assert_gt(progress, 0);
    cr_assert(strstr(web.request, "GET /a?sig=1 HTTP/1.1\r\n"), "%s", web.request);
    cr_assert(strstr(web.request, "User-Agent: kithara/"), "%s", web.request);
    DIR *dir = opendir(fx_path("state/tmp"));
    cr_assert(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        cr_assert_eq(entry->d_name[0], '.', "%s", entry->d_name);
    closedir(dir);
}

Test(fetch_http, a_body_without_a_length_ends_with_its_connection)
{
    char content[ANSWER_BYTES];
    answer(0, "HTTP/1.0 200 OK\r\n\r\nall of it");
    cr_assert_eq(get_within("/", PATIENCE_MS, content), KT_OK, "%s", why);
    cr_assert_str_eq(content, "all of it");
}

Test(fetch_http, each_status_has_its_verdict)
{
    static const struct {
        int      status;
        kt_err_t err;
    } rows[] = {{404, KT_ESOURCE}, {403, KT_ESOURCE}, {401, KT_ESOURCE}, {410, KT_ESOURCE}, {429, KT_EFETCH},
                {408, KT_EFETCH},  {500, KT_EFETCH},  {503, KT_EFETCH},  {204, KT_ESOURCE}, {304, KT_ESOURCE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char said[32];
        answer((int)i, "HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", rows[i].status);
        snprintf(said, sizeof said, "HTTP status %d", rows[i].status);
        cr_expect_eq(get("/x"), rows[i].err, "%d: %s", rows[i].status, why);
        cr_expect(strstr(why, said) && strstr(why, "127.0.0.1"), "%s", why);
    }
}

Test(fetch_http, redirects_are_followed_five_times_and_no_sixth)
{
    for (int i = 0; i < 6; i++)
        answer(i, "HTTP/1.1 302 F\r\nLocation: /%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", i);
    answer(5, OK_HEAD, 2, "ok");
    cr_assert_eq(get("/"), KT_OK, "%s", why);
    cr_assert_eq(web.asked, 6);
    for (int i = 6; i < 12; i++)
        answer(i, "HTTP/1.1 302 F\r\nLocation: /%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", i);
    cr_assert_eq(get("/"), KT_ESOURCE);
    cr_assert(strstr(why, "redirects"), "%s", why);
}

Test(fetch_http, a_redirect_leads_to_no_other_host_or_scheme_and_carries_no_password)
{
    static const char *const elsewhere[] = {"http://127.0.0.2/x", "http://localhost/",     "file:///etc/hostname",
                                            "ftp://127.0.0.1/x",  "gopher://127.0.0.1:1/", "http://127.0.0.1:1/",
                                            "//127.0.0.3/x"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        answer((int)i, "HTTP/1.1 301 M\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
               elsewhere[i]);
        kt_err_t err = get("/");
        cr_expect(err == KT_EHOST || err == KT_ESOURCE, "%s: %s", elsewhere[i], kt_err_name(err));
        cr_expect_eq(web.asked, (int)i + 1);
    }
    answer(7, "HTTP/1.1 301 M\r\nLocation: http://u:p@127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n", web.port);
    cr_assert_eq(get("/"), KT_EHOST);
    cr_assert_not(strstr(why, "u:p"), "%s", why);
}

Test(fetch_http, more_than_is_permitted_is_broken_off_whatever_was_declared)
{
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    cr_assert_eq(get("/declared"), KT_ETOOLARGE, "%s", why);
    answer(1, "HTTP/1.1 200 OK\r\n\r\n...");
    cr_assert_eq(get("/endless"), KT_ETOOLARGE, "%s", why);
    answer(2, "HTTP/1.1 404 N\r\n\r\n...");
    cr_assert_eq(get("/endless-page"), KT_ESOURCE, "%s", why);
}

Test(fetch_http, a_file_that_ends_early_or_is_empty_is_none)
{
    answer(0, OK_HEAD, 100, "short");
    cr_assert_eq(get("/short"), KT_EFETCH);
    cr_assert(strstr(why, "early"), "%s", why);
    answer(1, OK_HEAD, 0, "");
    cr_assert_eq(get("/empty"), KT_EEMPTY);
    answer(2, "this is no HTTP at all\r\n\r\n");
    cr_assert_eq(get("/nonsense"), KT_EFETCH);
}

Test(fetch_http, a_server_that_falls_silent_is_given_up)
{
    int64_t began_ms = kt_clock_ms();
    answer(0, OK_HEAD, 100, "the first bytes");
    web.stays[0] = true;
    cr_assert_eq(get("/slow"), KT_EFETCH);
    cr_assert(strstr(why, "slow"), "%s", why);
    cr_assert_lt(kt_clock_ms() - began_ms, 6000);
}

Test(fetch_http, the_deadline_and_a_cancellation_end_a_transfer)
{
    char content[ANSWER_BYTES];
    set("ANALYZER_SOURCE_STALL", "60");
    answer(0, OK_HEAD, 100, "the first bytes");
    web.stays[0] = true;
    cr_assert_eq(get_within("/late", 300, content), KT_ETIME, "%s", why);
    answer(1, OK_HEAD, 100, "the first bytes");
    web.stays[1] = true;
    cancelled    = true;
    cr_assert_eq(get("/unwanted"), KT_ECANCELLED);
}

// libcurl may stop up to 1 ms early when a transfer crosses a second of the clock just before a part arrives.
Test(fetch_http, a_deadline_after_the_turn_of_a_second_is_not_taken_for_a_slow_server)
{
    char content[ANSWER_BYTES];
    set("ANALYZER_SOURCE_STALL", "60");
    web.after_second = true;
    for (int i = 0; i < 3; i++) {
        answer(i, OK_HEAD, 100, "the first bytes");
        web.stays[i] = true;
        poll(NULL, 0, (int)(1990 - kt_clock_ms() % 1000) % 1000);
        while (kt_clock_us() % 1000 > 50)  // the deadline is 50 ms from the start of a millisecond
            continue;
        cr_assert_eq(get_within("/late", 50, content), KT_ETIME, "%s", why);
    }
}

Test(fetch_http, an_unreachable_server_is_retried)
{
    kt_admission_wait_t wait = {kt_clock_ms() + PATIENCE_MS, NULL, NULL};
    int                 fd;
    uint64_t            size;
    set("ANALYZER_SOURCE_HOSTS", "127.0.0.1:1");
    cr_assert_eq(kt_fetch_http_open(fetch, "http://127.0.0.1:1/x", &wait, &fd, &size, why), KT_EFETCH);
}

Test(fetch_http, an_invalid_source_is_refused_before_any_request)
{
    static const struct {
        const char *url;
        kt_err_t    err;
    } rows[]                 = {{"http://elsewhere.invalid/x", KT_EHOST},
                                {"http://127.0.0.1/x", KT_EHOST},
                                {"https://other.invalid:8443/x", KT_EHOST},
                                {"http://", KT_EINVAL},
                                {"http://[::1", KT_EINVAL},
                                {"http:///x", KT_EHOST},
                                {"http://u:p@other.invalid/x", KT_EHOST},
                                {"http://127.0.0.1:99999/", KT_EINVAL}};
    kt_admission_wait_t wait = {kt_clock_ms() + PATIENCE_MS, NULL, NULL};
    int                 fd   = -7;
    uint64_t            size = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_err_t err = kt_fetch_http_open(fetch, rows[i].url, &wait, &fd, &size, why);
        cr_expect_eq(err, rows[i].err, "%s: %s %s", rows[i].url, kt_err_name(err), why);
    }
    cr_assert_eq(fd, -7);
    cr_assert_eq(web.asked, 0);
}

Test(fetch_http, hosts_are_compared_whole_and_ports_too)
{
    static const struct {
        const char *hosts, *host, *port;
        bool        usual, allowed;
    } rows[] = {
        {"a.example", "a.example", "80", true, true},
        {"a.example", "A.EXAMPLE", "443", true, true},
        {"a.example", "a.example", "8080", false, false},
        {"a.example:8080", "a.example", "8080", false, true},
        {"a.example:8080", "a.example", "808", false, false},
        {"a.example:8080", "a.example", "80", true, false},
        {"a.example:80", "a.example", "80", true, true},
        {"a.example", "b.a.example", "80", true, false},
        {"a.example", "a.example.evil", "80", true, false},
        {"a.example.org", "a.example", "80", true, false},
        {" \t b.example\na.example ", "a.example", "80", true, true},
        {"[::1]:81", "[::1]", "81", false, true},
        {"", "a.example", "80", true, false},
        {"*", "a.example", "80", true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(kt_fetch_http_allows(rows[i].hosts, rows[i].host, rows[i].port, rows[i].usual), rows[i].allowed,
                     "%zu: %s in '%s'", i, rows[i].host, rows[i].hosts);
}

Test(fetch_http, without_a_list_a_node_fetches_nothing_and_analyze_anything)
{
    kt_fetch_http_t    *any  = NULL;
    kt_admission_wait_t wait = {kt_clock_ms() + PATIENCE_MS, NULL, NULL};
    char                url[64];
    int                 fd = -1;
    uint64_t            size;
    set("ANALYZER_SOURCE_HOSTS", "");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", web.port);
    answer(0, OK_HEAD, 2, "ok");
    cr_assert_eq(kt_fetch_http_open(fetch, url, &wait, &fd, &size, why), KT_EHOST);
    cr_assert_eq(kt_fetch_http_new(&any, &settings, true), KT_OK);
    cr_assert_eq(kt_fetch_http_open(any, url, &wait, &fd, &size, why), KT_OK, "%s", why);
    cr_assert_eq(size, 2);
    close(fd);
    kt_fetch_http_destroy(&any);
}
