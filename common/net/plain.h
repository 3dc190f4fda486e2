// kt_plain -- which servers of the settings are reached without TLS: passwords, paths and results cross the network in
// plain text. Reads the URLs as libpq, the AMQP client and the Redis client read them; looks nothing up. Pure except
// for PGSSLMODE, PGHOST, PGHOSTADDR and PGSERVICE, which are libpq's; a service counts as another machine. Any thread.
#pragma once

#include "common/check/checked.h"
#include "common/settings.h"

#include <stdbool.h>
#include <stddef.h>

enum { KT_PLAIN_HOST = 256 };

// Whether the URL of a database, broker or cache leads to another machine without TLS; host: the first such.
// postgresql:// has TLS with sslmode=require, verify-ca, verify-full (the last alone checks the server's name).
bool kt_plain_url(const char *url, char host[KT_PLAIN_HOST]);

// One setting that does: its name and host. next: 0 at first. False: there is none after that.
bool kt_plain_next(const kt_settings_t *settings, size_t *next, const char **setting, char host[KT_PLAIN_HOST]);

// All of them in one sentence: WARN, or WRONG where ANALYZER_REQUIRE_TLS refuses them; NONE: there is none.
kt_checked_t kt_plain_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);
