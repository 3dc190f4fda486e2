// kt_fetch_http -- from an http:// or https:// source to an open descriptor of a local copy (libcurl), for nodes that
// do not share files. Only hosts of the setting, checked at each redirect; no proxy, no cookies, no credentials.
// Bounded in bytes, in time and by the free disk space. The copy is an anonymous file in the state folder's tmp,
// removed when its descriptor is closed. Any thread.
#pragma once

#include "common/settings.h"
#include "node/fetch/path.h"
#include "node/memory/memory_budget.h"

#include <stdbool.h>
#include <stdint.h>

enum { KT_FETCH_REDIRECTS = 5, KT_FETCH_CONNECT_MS = 10000 };

typedef struct kt_fetch_http kt_fetch_http_t;

// settings: ANALYZER_SOURCE_*, ANALYZER_STATE_DIR; any_host: an empty list of hosts means all hosts (analyze).
// Opens nothing yet. KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_fetch_http_new(kt_fetch_http_t **self_p, const kt_settings_t *settings, bool any_host);
void                 kt_fetch_http_destroy(kt_fetch_http_t **self_p);

// The whole source: a descriptor for reading (the caller's) and its size. Blocks; progress grows with the bytes.
// KT_EHOST; KT_EINVAL (no URL); KT_ESOURCE (the server refuses: 4xx); KT_EFETCH (network, TLS, 5xx, too slow, ends
// early: may go well another time); KT_ETOOLARGE, KT_EEMPTY, KT_EDISK, KT_EIO, KT_ETIME, KT_ECANCELLED, KT_ENOMEM; why
// holds a sentence part without anything of the URL but its host.
KT_MUST_USE kt_err_t kt_fetch_http_open(kt_fetch_http_t *self, const char *url, const kt_admission_wait_t *wait,
                                        int *fd, uint64_t *size_bytes, char why[KT_FETCH_WHY]);
// Whether the list of hosts, as the setting has it, names this one. host: "name" or "[::1]"; port: in decimal.
bool kt_fetch_http_allows(const char *hosts, const char *host, const char *port, bool default_port);
