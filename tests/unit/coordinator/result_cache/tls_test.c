// A TLS connection to a server that is right, that is not the one it was taken for, and that ends or is silent at any
// point of the handshake.
#include "common/clock.h"
#include "coordinator/result_cache/tls.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, SHORT_MS = 300, DAY_S = 86400, PART = 4096, MUCH = 1 << 20 };

// What the server does: returns what comes; closes after the first bytes of the handshake; answers them in plain text;
// answers nothing; sends three bytes after the handshake and closes; reads nothing after the handshake.
typedef enum manner { ECHOES, CLOSES, SPEAKS_PLAIN, IS_SILENT, BREAKS_OFF, READS_NOTHING } manner_t;

static struct {
    int          listener, stop[2], port;
    pthread_t    thread;
    manner_t     manner;
    SSL_CTX     *context;
    _Atomic bool leave;
} server;

static char      authority_path[] = "/tmp/kithara-tls-XXXXXX", why[KT_TLS_WHY];
static EVP_PKEY *authority_key, *key;
static X509     *authority;

static void
add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert_not_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

// Valid from `from` to `to` seconds from now. issuer NULL: signed by itself.
static X509 *
new_certificate(const char *name, const char *alternative, EVP_PKEY *of, X509 *issuer, long from, long to)
{
    X509      *made    = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1 + (long)strlen(name));
    X509_gmtime_adj(X509_getm_notBefore(made), from);
    X509_gmtime_adj(X509_getm_notAfter(made), to);
    X509_set_pubkey(made, of);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : subject);
    if (alternative)
        add_extension(made, NID_subject_alt_name, alternative);
    else
        add_extension(made, NID_basic_constraints, "critical,CA:TRUE");
    cr_assert_gt(X509_sign(made, issuer ? authority_key : of, EVP_sha256()), 0);
    return made;
}

static void
echo(SSL *ssl)
{
    static char part[PART];
    for (int n; (n = SSL_read(ssl, part, sizeof part)) > 0;)
        for (int at = 0, sent; at < n; at += sent)
            if ((sent = SSL_write(ssl, part + at, n - at)) <= 0)
                return;
}

static void
wait_for_stop(void)
{
    char byte;
    (void)!read(server.stop[0], &byte, 1);
}

static void
serve_one(int fd)
{
    char bytes[PART];
    SSL *ssl  = SSL_new(server.context);
    bool done = false;
    SSL_set_fd(ssl, fd);
    if (server.manner == CLOSES || server.manner == SPEAKS_PLAIN)
        (void)!recv(fd, bytes, 1, 0);
    if (server.manner == SPEAKS_PLAIN)
        (void)!send(fd, "-ERR\r\n", 6, MSG_NOSIGNAL);
    else if (server.manner == IS_SILENT)
        wait_for_stop();
    else if (server.manner != CLOSES)
        done = SSL_accept(ssl) == 1;
    if (done && server.manner == ECHOES)
        echo(ssl);
    else if (done && server.manner == BREAKS_OFF)
        (void)SSL_write(ssl, "abc", 3);
    else if (done)
        wait_for_stop();
    SSL_free(ssl);
    close(fd);
}

static void *
serve(void *unused)
{
    for (int fd; (fd = accept(server.listener, NULL, NULL)) >= 0 && !server.leave;)
        serve_one(fd);
    return unused;
}

static void
open_server(manner_t manner, X509 *certificate)
{
    struct sockaddr_in at     = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t          length = sizeof at;
    server.manner             = manner;
    server.leave              = false;
    server.context            = SSL_CTX_new(TLS_server_method());
    cr_assert_eq(SSL_CTX_use_certificate(server.context, certificate), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(server.context, key), 1);
    X509_free(certificate);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server.listener, (struct sockaddr *)&at, sizeof at) + listen(server.listener, 8), 0);
    cr_assert_eq(getsockname(server.listener, (struct sockaddr *)&at, &length), 0);
    server.port = ntohs(at.sin_port);
    cr_assert_eq(pipe(server.stop), 0);
    cr_assert_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static void
close_server(void)
{
    server.leave = true;
    close(server.stop[1]);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    close(server.stop[0]);
    SSL_CTX_free(server.context);
}

static void
make_authority(void)
{
    const int fd = mkstemp(authority_path);
    FILE     *file;
    signal(SIGPIPE, SIG_IGN);
    cr_assert_geq(fd, 0);
    authority_key = EVP_EC_gen("P-256");
    key           = EVP_EC_gen("P-256");
    authority     = new_certificate("authority", NULL, authority_key, NULL, -DAY_S, DAY_S);
    file          = fdopen(fd, "w");
    cr_assert(file && PEM_write_X509(file, authority) == 1 && fclose(file) == 0);
    setenv("SSL_CERT_FILE", authority_path, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
}

static void
drop_authority(void)
{
    unlink(authority_path);
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
}

TestSuite(redis_tls, .init = make_authority, .fini = drop_authority, .timeout = 60);

static X509 *
good_certificate(void)
{
    return new_certificate("server", "DNS:localhost,IP:127.0.0.1", key, authority, -DAY_S, DAY_S);
}

static int
connect_to(const char *host, kt_tls_t **tls)
{
    int fd = -1;
    cr_assert_eq(kt_tls_connect(tls, host, server.port, kt_clock_ms() + PATIENCE_MS, &fd, why), KT_OK, "%s", why);
    return fd;
}

typedef struct sender {
    int         fd;
    const char *bytes;
} sender_t;

static void *
send_much(void *context)
{
    const sender_t *self = context;
    for (size_t at = 0, n; at < MUCH; at += n)
        if ((n = (size_t)send(self->fd, self->bytes + at, MUCH - at, MSG_NOSIGNAL)) > MUCH)
            break;
    return NULL;
}

Test(redis_tls, bytes_go_both_ways_at_once_to_a_server_named_by_its_certificate)
{
    static char              out[MUCH], in[MUCH];
    static const char *const HOSTS[] = {"localhost", "127.0.0.1"};
    for (size_t i = 0; i < MUCH; i++)
        out[i] = (char)(i * 2654435761U >> 24);
    for (size_t i = 0; i < sizeof HOSTS / sizeof *HOSTS; i++) {
        kt_tls_t *tls = NULL;
        pthread_t thread;
        open_server(ECHOES, good_certificate());
        sender_t sender = {connect_to(HOSTS[i], &tls), out};
        cr_assert_eq(pthread_create(&thread, NULL, send_much, &sender), 0);
        cr_assert_eq(recv(sender.fd, in, sizeof in, MSG_WAITALL), MUCH);
        pthread_join(thread, NULL);
        cr_expect_eq(memcmp(in, out, MUCH), 0);
        close(sender.fd);
        kt_tls_destroy(&tls);
        cr_assert_null(tls);
        close_server();
    }
}

static void
expect_refusal(const char *what, const char *host, const char *text)
{
    kt_tls_t     *tls      = NULL;
    int           fd       = -1;
    const int64_t began_ms = kt_clock_ms();
    cr_expect_eq(kt_tls_connect(&tls, host, server.port, began_ms + PATIENCE_MS, &fd, why), KT_EUNREACHABLE, "%s",
                 what);
    cr_expect(tls == NULL && fd == -1, "%s", what);
    cr_expect(strstr(why, text), "%s: %s", what, why);
    cr_expect_lt(kt_clock_ms() - began_ms, PATIENCE_MS, "%s: it did not wait for the deadline", what);
    close_server();
}

Test(redis_tls, a_certificate_that_is_not_of_the_host_now_by_a_known_authority_is_refused)
{
    static const struct {
        const char *what, *host, *alternative;
        long        from, to;
        bool        unknown;
        const char *text;
    } ROWS[] = {
        {"another name", "localhost", "DNS:other", -DAY_S, DAY_S, false, "ostname mismatch"},
        {"a name for an address", "127.0.0.1", "DNS:localhost", -DAY_S, DAY_S, false, "IP address mismatch"},
        {"another address", "127.0.0.1", "IP:127.0.0.2", -DAY_S, DAY_S, false, "IP address mismatch"},
        {"an address as a name", "127.0.0.1", "DNS:127.0.0.1", -DAY_S, DAY_S, false, "IP address mismatch"},
        {"a part of a name", "localhost", "DNS:local*", -DAY_S, DAY_S, false, "ostname mismatch"},
        {"expired", "localhost", "DNS:localhost", -2 * DAY_S, -DAY_S, false, "certificate has expired"},
        {"of tomorrow", "localhost", "DNS:localhost", DAY_S, 2 * DAY_S, false, "certificate is not yet valid"},
        {"unknown authority", "localhost", "DNS:localhost", -DAY_S, DAY_S, true, "self-signed certificate"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        X509 *issuer = ROWS[i].unknown ? NULL : authority;
        open_server(ECHOES, new_certificate("server", ROWS[i].alternative, key, issuer, ROWS[i].from, ROWS[i].to));
        expect_refusal(ROWS[i].what, ROWS[i].host, ROWS[i].text);
    }
}

Test(redis_tls, a_server_of_an_old_version_is_refused)
{
    open_server(ECHOES, good_certificate());
    SSL_CTX_set_security_level(server.context, 0);
    SSL_CTX_set_max_proto_version(server.context, TLS1_1_VERSION);
    expect_refusal("TLS 1.1", "localhost", "TLS: the handshake: ");
}

Test(redis_tls, an_end_in_the_handshake_or_plain_text_is_an_error_at_once)
{
    open_server(CLOSES, good_certificate());
    expect_refusal("closed", "localhost", "TLS: the handshake: ");
    open_server(SPEAKS_PLAIN, good_certificate());
    expect_refusal("plain text", "localhost", "wrong version number");
}

Test(redis_tls, a_server_that_never_answers_is_left_at_the_deadline)
{
    kt_tls_t     *tls      = NULL;
    int           fd       = -1;
    const int64_t began_ms = kt_clock_ms();
    open_server(IS_SILENT, good_certificate());
    cr_expect_eq(kt_tls_connect(&tls, "localhost", server.port, began_ms + SHORT_MS, &fd, why), KT_EUNREACHABLE);
    const int64_t took_ms = kt_clock_ms() - began_ms;
    cr_expect(took_ms >= SHORT_MS && took_ms < PATIENCE_MS, "%lld ms", (long long)took_ms);
    cr_expect(strstr(why, "TLS: the handshake: no answer in time"), "%s", why);
    close_server();
}

Test(redis_tls, nobody_listening_and_no_such_host_are_named)
{
    kt_tls_t *tls = NULL;
    int       fd  = -1;
    open_server(ECHOES, good_certificate());
    close_server();
    cr_expect_eq(kt_tls_connect(&tls, "127.0.0.1", server.port, kt_clock_ms() + PATIENCE_MS, &fd, why),
                 KT_EUNREACHABLE);
    cr_expect(strstr(why, "TLS: connecting: Connection refused"), "%s", why);
    cr_expect_eq(kt_tls_connect(&tls, "host.invalid", 1, kt_clock_ms() + PATIENCE_MS, &fd, why), KT_EUNREACHABLE);
    cr_expect(strstr(why, "TLS: host.invalid: "), "%s", why);
}

Test(redis_tls, a_connection_that_the_server_breaks_off_ends_at_the_caller_too)
{
    kt_tls_t *tls = NULL;
    char      in[8];
    open_server(BREAKS_OFF, good_certificate());
    const int fd = connect_to("localhost", &tls);
    cr_expect_eq(recv(fd, in, sizeof in, MSG_WAITALL), 3);
    cr_expect_eq(memcmp(in, "abc", 3), 0);
    close(fd);
    kt_tls_destroy(&tls);
    close_server();
}

Test(redis_tls, it_ends_while_bytes_wait_for_a_server_that_reads_nothing)
{
    static const char zeros[PART];
    kt_tls_t         *tls = NULL;
    open_server(READS_NOTHING, good_certificate());
    const int      fd       = connect_to("localhost", &tls);
    const int64_t  began_ms = kt_clock_ms();
    struct timeval at_most  = {.tv_usec = SHORT_MS * 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof at_most);
    while (send(fd, zeros, sizeof zeros, MSG_NOSIGNAL) > 0)
        ;
    close(fd);
    kt_tls_destroy(&tls);
    cr_expect_lt(kt_clock_ms() - began_ms, PATIENCE_MS);
    close_server();
}
