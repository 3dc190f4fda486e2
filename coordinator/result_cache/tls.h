// kt_tls -- a TLS connection to a server behind one end of a socket pair, for a client library without TLS (Debian's
// hiredis 0.14). A thread of its own carries the bytes; it ends when either side closes. The server's certificate must
// be signed by one that OpenSSL trusts (SSL_CERT_FILE, SSL_CERT_DIR) and name the host.
#pragma once

#include "common/err.h"

#include <stdint.h>

typedef struct kt_tls kt_tls_t;

enum { KT_TLS_WHY = 200 };

// Blocks until the handshake is over, at most until deadline_ms (monotonic) after the name is resolved. *fd: the
// caller's end, which it closes. KT_EUNREACHABLE with a sentence in why (no connection, no handshake, a wrong
// certificate), KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_tls_connect(kt_tls_t **self_p, const char *host, int port, int64_t deadline_ms, int *fd,
                                    char why[KT_TLS_WHY]);
void                 kt_tls_destroy(kt_tls_t **self_p);  // after the caller's end is closed; NULL-safe, nulls
