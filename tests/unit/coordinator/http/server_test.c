// The HTTP server by itself, spoken to byte by byte.
#include "common/clock.h"
#include "coordinator/http/guard.h"
#include "coordinator/http/server.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, ANSWER_BYTES = 64 << 10 };

static kt_http_t *server;
static char       address[KT_HTTP_ADDRESS], why[KT_HTTP_WHY], answer[ANSWER_BYTES];

// /refused is refused at the gate; everything else is answered with what came.
static bool
gate(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    (void)context;
    if (strcmp(request->path, "/refused") != 0)
        return true;
    response->status = 401;
    kt_buf_str(&response->body, "{\"refused\":true}");
    return false;
}

static size_t
read_endless(void *context, char *out, size_t capacity)
{
    (void)context;
    memset(out, 'x', capacity);
    return capacity;
}

static void
end_nothing(void *context)
{
    (void)context;
}

static void
handle(void *context, const kt_http_request_t *request, kt_http_response_t *response)
{
    (void)context;
    if (strcmp(request->path, "/stream") == 0) {
        response->status = 200;
        response->stream = (kt_http_stream_t){.read = read_endless, .end = end_nothing};
        return;
    }
    if (request->bad) {
        response->status = 400;
        kt_buf_str(&response->body, request->bad);
        return;
    }
    response->status = 200;
    response->type   = strcmp(request->path, "/text") == 0 ? "text/plain" : NULL;
    kt_buf_fmt(&response->body, "%s %s bytes=%zu a=%s auth=%s origin=%s host=%s proxied=%d", request->method,
               request->path, request->body_bytes, kt_http_arg(request, "a", "none"),
               request->authorization ? request->authorization : "none", request->origin ? request->origin : "none",
               request->host ? request->host : "none", request->proxied);
}

static void
open_server(void)
{
    kt_http_opts_t opts = {.bind = "127.0.0.1:0", .gate = gate, .handler = handle};
    struct rlimit  files;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &files);
    cr_assert_eq(kt_http_new(&server, &opts, address, why), KT_OK, "%s", why);
}

static void
close_server(void)
{
    kt_http_destroy(&server);
    kt_http_destroy(&server);  // idempotent
}

TestSuite(http, .init = open_server, .fini = close_server, .timeout = 60);

static int
dial(void)
{
    struct sockaddr_in at      = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval     patient = {.tv_sec = PATIENCE_MS / 1000};
    int                fd      = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_port                = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patient, sizeof patient);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

// Everything until the server closes, or until the body of Content-Length is there.
static const char *
hear(int fd)
{
    size_t length = 0;
    answer[0]     = '\0';
    for (ssize_t n; (n = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0;) {
        length += (size_t)n;
        answer[length]     = '\0';
        const char *body   = strstr(answer, "\r\n\r\n");
        const char *header = strcasestr(answer, "Content-Length: ");
        if (body && header && length >= (size_t)(body + 4 - answer) + strtoul(header + 16, NULL, 10))
            break;
    }
    return answer;
}

static void
say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static const char *
ask(const char *request)
{
    int fd = dial();
    say(fd, request);
    hear(fd);
    close(fd);
    return answer;
}

Test(http, the_host_and_what_a_proxy_adds_are_passed_on)
{
    static const struct {
        const char *headers, *seen;
    } ROWS[] = {
        {"HTTP/1.1\r\nHost: h:1", "host=h:1 proxied=0"},
        {"HTTP/1.1\r\nhOST: h", "host=h proxied=0"},
        {"HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil", "host= proxied=0"},
        {"HTTP/1.1\r\nHost:", "host= proxied=0"},
        {"HTTP/1.1", "host= proxied=0"},
        {"HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4", "host=h proxied=1"},
        {"HTTP/1.1\r\nHost: h\r\nvia: 1.1 p", "host=h proxied=1"},
        {"HTTP/1.0\r\nHost: 127.0.0.1", "host=127.0.0.1 proxied=1"},
        {"HTTP/1.0", "host=none proxied=1"},
    };
    char request[256];
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        snprintf(request, sizeof request, "GET / %s\r\n\r\n", ROWS[i].headers);
        cr_expect(strstr(ask(request), ROWS[i].seen), "%s: %s", ROWS[i].headers, answer);
    }
}

Test(http, a_request_comes_with_its_query_and_headers)
{
    ask("GET /x%20y?a=1%262 HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\nOrigin: http://o\r\n\r\n");
    cr_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    cr_assert(strstr(answer, "GET /x y bytes=0 a=1&2 auth=Bearer t origin=http://o"), "%s", answer);
    cr_assert(strstr(answer, "Content-Type: application/json"), "%s", answer);
    cr_assert(strstr(answer, "Cache-Control: no-store"), "%s", answer);
    cr_assert(strstr(ask("GET /text HTTP/1.1\r\nHost: h\r\n\r\n"), "Content-Type: text/plain"));
}

Test(http, a_nul_in_the_path_or_the_query_is_refused_and_cuts_nothing)
{
    static const char *const TARGETS[] = {"/x%00y",    "/%00",           "/x%2500/..%00", "/x%%00",
                                          "/x?a=1%00", "/x?a=1%002&b=3", "/x?%00=1",      "/x?a%00b=1"};
    char                     request[128];
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", TARGETS[i]);
        cr_expect(strstr(ask(request), " 400 ") && strstr(answer, "without NUL"), "%s: %s", TARGETS[i], answer);
    }
    cr_assert(strstr(ask("GET /x%2500?a=%2500 HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /x%00 bytes=0 a=%00 "), "%s", answer);
}

// libmicrohttpd takes a NUL for the end of the line, and a line that begins with it for the end of the headers.
Test(http, a_nul_in_a_header_is_refused_and_ends_the_connection)
{
    static const struct {
        const char *before, *after;
    } ROWS[] = {
        {"Host: evil", "localhost\r\n\r\n"},
        {"Host: h\r\nAuthorization: Bearer a", "b\r\n\r\n"},
        {"Host: h\r\nAuthorization: Bearer a", "\r\n\r\n"},
        {"Host: h\r\nAuthorization: Bearer a", "b\r\nAccept: x\r\n\r\n"},
        {"Host: h\r\nAuthorization: Bearer a", "\r\nAccept: x\r\n\r\n"},
        {"Host: h\nAuthorization: Bearer a", "\nAccept: x\n\n"},
        {"Host: h\r\nX-Forw", "arded-For: 1\r\n\r\n"},
        {"Host: h\r\n", "X: 1\r\n\r\n"},
        {"Host: h\r\n", "\r\n\r\n"},
        {"", "\r\n\r\n"},
        {"Host: h\r\nX: a\r\n b", "\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char      request[256];
        const int n  = snprintf(request, sizeof request, "GET / HTTP/1.1\r\n%s%c%s", ROWS[i].before, 0, ROWS[i].after);
        const int fd = dial();
        cr_assert_eq(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
        shutdown(fd, SHUT_WR);
        cr_expect(strstr(hear(fd), "HTTP/1.1 400 "), "row %zu: %s", i, answer);
        cr_expect(!strstr(hear(fd), " 200 "), "row %zu: %s", i, answer);
        close(fd);
    }
}

Test(http, a_header_that_goes_on_in_the_next_line_is_refused)
{
    cr_expect(strstr(ask("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer\r\n a\r\n\r\n"), "HTTP/1.1 400 "), "%s",
              answer);
}

Test(http, lines_may_end_by_a_line_feed_alone_and_values_may_be_empty)
{
    cr_expect(strstr(ask("GET / HTTP/1.1\nHost: h\nAuthorization:  Bearer a\n\n"), "auth=Bearer a"), "%s", answer);
    cr_expect(strstr(ask("\r\nGET /?a=1&b HTTP/1.1\r\nHost: h\r\nX:\r\nY: \t\r\n\r\n"), "host=h"), "%s", answer);
    cr_expect(strstr(ask("GET / HTTP/1.0\n\n"), "host=none"), "%s", answer);
    cr_expect(strstr(ask("GET /x%20y HTTP/1.1\r\nHost: h \r\nCookie: a=b; c=d\r\nX: y\r\n\r\n"), " 200 "), "%s",
              answer);
}

Test(http, a_head_is_a_get_without_its_body)
{
    int fd = dial();
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    size_t length = 0;
    for (ssize_t n; (n = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0;)
        length += (size_t)n;
    answer[length] = '\0';
    close(fd);
    cr_assert(strstr(answer, " 200 ") && strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0, "%s", answer);
}

// The server's end of a connection, which is in this process; -1: none.
static int
server_end(int fd)
{
    struct sockaddr_in own, peer;
    socklen_t          bytes = sizeof own;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&own, &bytes), 0);
    for (int other = 3; other < 1024; other++) {
        bytes = sizeof peer;
        if (getpeername(other, (struct sockaddr *)&peer, &bytes) == 0 && peer.sin_port == own.sin_port)
            return other;
    }
    return -1;
}

Test(http, the_kernel_holds_little_of_a_stream_that_is_not_read)
{
    char      first[64];
    int       fd = dial(), held = 0;
    socklen_t bytes = sizeof held;
    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    cr_assert_gt(recv(fd, first, sizeof first, 0), 0);
    cr_assert_eq(getsockopt(server_end(fd), SOL_SOCKET, SO_SNDBUF, &held, &bytes), 0);
    cr_expect_leq(held, 64 << 10);
    close(fd);
}

Test(http, several_requests_go_through_one_connection)
{
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        say(fd, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        cr_assert(strstr(hear(fd), "POST /p bytes=5"), "%s", answer);
    }
    close(fd);
}

Test(http, what_the_gate_refuses_is_answered_after_its_body_was_thrown_away)
{
    ask("POST /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    cr_assert(strncmp(answer, "HTTP/1.1 401 ", 13) == 0 && strstr(answer, "{\"refused\":true}"), "%s", answer);
    cr_assert(strstr(answer, "WWW-Authenticate: Bearer"), "%s", answer);
}

Test(http, a_body_beyond_its_bound_is_refused_with_a_reply)
{
    enum { CHUNK = 64 << 10 };
    char           *chunk = calloc(1, CHUNK), head[128];
    size_t          bytes = (size_t)KT_HTTP_BODY + CHUNK;
    kt_http_stats_t stats;
    int             fd = dial();
    snprintf(head, sizeof head, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
    say(fd, head);
    for (size_t sent = 0; sent < bytes;) {
        ssize_t n = send(fd, chunk, bytes - sent < CHUNK ? bytes - sent : CHUNK, MSG_NOSIGNAL);
        cr_assert_gt(n, 0);
        sent += (size_t)n;
    }
    free(chunk);
    cr_assert(strncmp(hear(fd), "HTTP/1.1 413 ", 13) == 0, "%s", answer);
    close(fd);
    kt_http_stats(server, &stats);
    cr_assert_eq(stats.too_large, 1);
}

Test(http, a_body_whose_length_is_stated_twice_is_refused_and_ends_the_connection)
{
    static const char *const STATED[] = {
        "Content-Length: 5\r\nContent-Length: 2", "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"};
    for (size_t i = 0; i < sizeof STATED / sizeof *STATED; i++) {
        char request[400];
        snprintf(request, sizeof request,
                 "POST /p HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n0\r\n\r\nGET /text HTTP/1.1\r\nHost: h\r\n\r\n", STATED[i]);
        int fd = dial();
        say(fd, request);
        const char *first = hear(fd);
        cr_assert(strstr(first, "HTTP/1.1 400"), "%s: %s", STATED[i], first);
        cr_assert(strstr(first, "Connection: close"), "%s: %s", STATED[i], first);
        cr_assert_str_empty(hear(fd), "what follows is no request");
        close(fd);
    }
}

Test(http, what_a_proxy_may_read_in_another_way_is_refused_and_ends_the_connection)
{
    static const char *const HEADERS[] = {
        "Content-Length : 5",
        "Content-Length\t: 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 99999999999999999999",
        "Content-Length:",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
        "X y: 1",
        "X\x01: 1",
        "X@: 1",
    };
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++) {
        char request[400];
        snprintf(request, sizeof request,
                 "POST /p HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n0\r\n\r\nGET /text HTTP/1.1\r\nHost: h\r\n\r\n", HEADERS[i]);
        int fd = dial();
        say(fd, request);
        const char *first = hear(fd);
        cr_expect(!*first || strstr(first, "HTTP/1.1 400") || strstr(first, "HTTP/1.1 413"), "%s: %s", HEADERS[i],
                  first);
        cr_expect_str_empty(hear(fd), "%s: what follows is no request", HEADERS[i]);
        close(fd);
    }
    cr_expect(strstr(ask("POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), " 400 "), "%s", answer);
    cr_expect(
        strstr(ask("POST /p HTTP/1.1\r\nHost: h\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\nab\r\n0\r\n\r\n"), "bytes=2"),
        "%s", answer);
}

Test(http, too_many_headers_and_too_many_bytes_of_them_are_refused)
{
    char  *text = malloc(128 << 10);
    size_t used = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 100; i++)
        used += (size_t)sprintf(text + used, "X-%d: 1\r\n", i);
    strcpy(text + used, "\r\n");
    cr_assert(strncmp(ask(text), "HTTP/1.1 431 ", 13) == 0, "%s", answer);
    used = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    memset(text + used, 'x', 100 << 10);
    strcpy(text + used + (100 << 10), "\r\n\r\n");
    int fd = dial();
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
    hear(fd);  // 431, or closed while we were sending
    cr_assert(!*answer || strncmp(answer, "HTTP/1.1 431 ", 13) == 0, "%s", answer);
    close(fd);
    free(text);
}

Test(http, nonsense_is_harmless)
{
    static const char *const nonsense[] = {"\r\n\r\n\r\n", "GET\r\n\r\n",
                                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                                           "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
                                           "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        int fd = dial();
        say(fd, nonsense[i]);
        shutdown(fd, SHUT_WR);
        hear(fd);
        close(fd);
        cr_assert_not(strstr(answer, " 200 "), "%zu: %s", i, answer);
    }
    cr_assert(strstr(ask("GET /fine HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /fine"));
}

Test(http, idle_connections_make_room_for_a_request)
{
    enum { FLOOD = KT_HTTP_CONNECTIONS + 200 };
    int             fds[FLOOD];
    kt_http_stats_t stats;
    for (int i = 0; i < FLOOD; i++) {
        fds[i] = dial();
        say(fds[i], "GET /slow HTT");  // a request that never comes to its end
    }
    int64_t began_ms = kt_clock_ms();
    cr_assert(strstr(ask("GET /fine HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /fine"), "%s", answer);
    cr_assert_lt(kt_clock_ms() - began_ms, 10000);
    kt_http_stats(server, &stats);
    cr_assert_geq(stats.ended, 1);
    for (int i = 0; i < FLOOD; i++)
        close(fds[i]);
}

Test(http, an_address_that_is_none_and_a_busy_port_are_named)
{
    static const char *const bad[] = {"",           "8710",        ":8710",   "localhost:8710",
                                      "127.0.0.1:", "127.0.0.1:x", "[::1:80", "1.2.3:4:5"};
    kt_http_t               *other = NULL;
    char                     unused[KT_HTTP_ADDRESS];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kt_http_opts_t opts = {.bind = bad[i], .gate = gate, .handler = handle};
        kt_err_t       err  = kt_http_new(&other, &opts, unused, why);
        if (!err) {
            kt_http_destroy(&other);  // "127.0.0.1:" is port 0 to some resolvers
            continue;
        }
        cr_expect_eq(err, KT_ESETTING, "%s", bad[i]);
        cr_expect(strstr(why, "ANALYZER_HTTP_BIND"), "%s", why);
    }
    kt_http_opts_t taken = {.bind = address + strlen("http://"), .gate = gate, .handler = handle};
    cr_assert_eq(kt_http_new(&other, &taken, unused, why), KT_EPORT);
    cr_assert(strstr(why, address) && strstr(why, "in use"), "%s", why);
}

Test(http_listen, loopback_and_network_addresses_are_distinguished)
{
    cr_assert(kt_http_is_loopback("127.0.0.1:0"));
    cr_assert(kt_http_is_loopback("127.9.9.9:80"));
    cr_assert(kt_http_is_loopback("[::1]:80"));
    cr_assert_not(kt_http_is_loopback("0.0.0.0:80"));
    cr_assert_not(kt_http_is_loopback("[::]:80"));
    cr_assert_not(kt_http_is_loopback("nonsense"));
}

Test(http_guard, only_those_that_wait_in_a_crowd_are_ended, .timeout = 30)
{
    enum { PLACES = 8 };
    kt_http_guard_t *guard = NULL;
    int              pairs[PLACES][2];
    char             byte;
    cr_assert_eq(kt_http_guard_new(&guard, PLACES, PLACES - 1), KT_OK);
    for (size_t i = 0; i < PLACES; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        cr_assert_eq(kt_http_guard_enter(guard, pairs[i][0]), i);
    }
    kt_http_guard_work(guard, 3, true);
    cr_assert_eq(kt_http_guard_enter(guard, pairs[0][0]), PLACES, "there is no place");
    cr_assert_eq(kt_http_guard_count(guard), PLACES);
    for (size_t i = 0; i < PLACES; i++)
        if (i != 3)
            cr_assert_eq(recv(pairs[i][1], &byte, 1, 0), 0, "%zu was not ended", i);
    cr_assert_eq(kt_http_guard_ended(guard), PLACES - 1);
    cr_assert_eq(recv(pairs[3][1], &byte, 1, MSG_DONTWAIT), -1, "one with a request in work was ended");
    for (size_t i = 0; i < PLACES; i++) {
        kt_http_guard_leave(guard, i);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    cr_assert_eq(kt_http_guard_count(guard), 0);
    kt_http_guard_destroy(&guard);
}
