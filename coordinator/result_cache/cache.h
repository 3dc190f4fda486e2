// kt_result_cache -- stored output messages in Redis, for readers: kithara:result:MESSAGE_ID holds the message of the
// latest stored outcome, as it stands in the ledger, for ANALYZER_REDIS_TTL seconds. Redis is never the truth and never
// waited for: writing is an actor of its own with a bounded queue that drops what comes while it is full; reading has a
// deadline of KT_CACHE_READ_MS and leaves a Redis that failed alone for a while. hiredis has its only home here.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KT_CACHE_QUEUE    = 4096,      // messages that wait
    KT_CACHE_BYTES    = 64 << 20,  // and their bytes
    KT_CACHE_WRITE_MS = 2000,      // for a connection, and for one pipeline of commands
    KT_CACHE_READ_MS  = 250,       // for a connection, and for one answer
    KT_CACHE_AGAIN_MS = 5000,      // how long a reader leaves a failed Redis alone
    KT_CACHE_WHY      = 512
};

typedef struct kt_result_cache kt_result_cache_t;

typedef struct kt_result_cache_stats {
    bool     up;  // the writer is connected
    uint64_t waiting;
    uint64_t stored, dropped, failed;  // dropped: the queue was full; failed: Redis refused or did not answer
    uint64_t hits, misses, read_errors;
} kt_result_cache_stats_t;

// url: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], parts percent-encoded where needed. A Redis that is down is no
// error. KT_ESETTING with a sentence in why (rediss:// too: this hiredis has no TLS), KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_result_cache_new(kt_result_cache_t **self_p, const char *url, int64_t ttl_s,
                                         char why[KT_CACHE_WHY]);
// What waits is tried once more, for KT_CACHE_WRITE_MS at most, then dropped.
void kt_result_cache_destroy(kt_result_cache_t **self_p);

// Any thread, never blocks. Takes *document (malloc'ed, one JSON object with message_id) and nulls it in every case.
void kt_result_cache_put(kt_result_cache_t *self, char **document, size_t bytes);
// Any thread. *document: malloc'ed, NUL-terminated, the caller's. KT_ENOTFOUND, KT_EUNREACHABLE, KT_ETIME, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_result_cache_get(kt_result_cache_t *self, const char *message_id, char **document,
                                         size_t *bytes);
void                 kt_result_cache_stats(kt_result_cache_t *self, kt_result_cache_stats_t *out);  // any thread
