// kt_result_cache -- stored output messages in Redis, for readers: kithara:result:MESSAGE_ID is the message of the
// latest stored outcome, as in the ledger, for ANALYZER_REDIS_TTL seconds. Redis is a copy, and nothing waits for it. A
// thread writes from a bounded queue; a full queue drops new entries. A read has a deadline of KT_CACHE_READ_MS and
// fails at once for a while after Redis failed. Only this file uses hiredis.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KT_CACHE_QUEUE    = 4096,      // queued messages, at most
    KT_CACHE_BYTES    = 64 << 20,  // and their bytes
    KT_CACHE_WRITE_MS = 2000,      // for a connection, and for one pipeline of commands
    KT_CACHE_READ_MS  = 250,       // for one reply to a reader
    KT_CACHE_AGAIN_MS = 5000,      // longest pause between attempts to connect
    KT_CACHE_WHY      = 512
};

typedef struct kt_result_cache kt_result_cache_t;

typedef struct kt_result_cache_stats {
    bool     up;  // the writer is connected
    uint64_t waiting;
    uint64_t stored, dropped, failed;  // dropped: the queue was full; failed: error reply or none
    uint64_t hits, misses, read_errors;
} kt_result_cache_stats_t;

// url: redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DB], parts percent-encoded where needed. An unreachable Redis is not
// an error. KT_ESETTING with a sentence in why, KT_ENOMEM, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_result_cache_new(kt_result_cache_t **self_p, const char *url, int64_t ttl_s,
                                         char why[KT_CACHE_WHY]);
// Tries to write the queued messages for at most KT_CACHE_WRITE_MS, then drops them.
void kt_result_cache_destroy(kt_result_cache_t **self_p);

// Any thread, never blocks. Takes ownership of *document (malloc'ed, one JSON object with message_id) and always
// nulls it.
void kt_result_cache_put(kt_result_cache_t *self, char **document, size_t bytes);
// Any thread. *document: malloc'ed, NUL-terminated; the caller frees it. KT_ENOTFOUND, KT_EUNREACHABLE, KT_ETIME,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_result_cache_get(kt_result_cache_t *self, const char *message_id, char **document,
                                         size_t *bytes);
void                 kt_result_cache_stats(kt_result_cache_t *self, kt_result_cache_stats_t *out);  // any thread
