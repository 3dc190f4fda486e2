// kt_http_listen -- the listening socket of the HTTP server, and the parser of its address. One thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>

enum { KT_HTTP_ADDRESS = 128, KT_HTTP_WHY = 512 };

// bind: "127.0.0.1:8710", "[::1]:0". *fd: listening; the caller closes it. KT_EPORT, KT_ESETTING, with a sentence in
// why.
KT_MUST_USE kt_err_t kt_http_listen(const char *bind, int *fd, char why[KT_HTTP_WHY]);
// The actual address, "http://127.0.0.1:8710"; "" if it is unknown.
void kt_http_listen_name(int fd, char address[KT_HTTP_ADDRESS]);
// Only this machine can reach it: 127.0.0.0/8 or ::1.
bool kt_http_is_loopback(const char *bind);
