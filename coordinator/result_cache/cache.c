// The thread opens two connections: one for writes, and one for readers, which they get once Redis has answered a
// PING. A reader never connects; after a failure it has no connection until the thread has made a new one.
#include "coordinator/result_cache/cache.h"

#include "common/clock.h"
#include "common/cond.h"
#include "common/json.h"
#include "common/log.h"
#include "common/queue.h"
#include "coordinator/result_cache/redis_url.h"
#include "coordinator/result_cache/tls.h"
#include "proto/document.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PIPELINE = 64, POP_MS = 500, PAUSE_MS = 100, KEY_BYTES = 160, NUMBER_BYTES = 24, TEXT_BYTES = 200 };

typedef struct entry {
    char  *document;
    size_t bytes;
} entry_t;

struct kt_result_cache {
    kt_cache_url_t url;
    char           ttl[NUMBER_BYTES];
    kt_queue_t    *queue;  // of entry_t
    pthread_t      thread;
    bool           started;
    // used by the thread only
    redisContext *writer;
    int64_t       pause_ms, again_ms;
    bool          logged_down;
    // the readers' connection, under the lock; changed ends a pause of the thread
    pthread_mutex_t  lock;
    pthread_cond_t   changed;
    redisContext    *reader;
    bool             closing;
    _Atomic bool     up;
    _Atomic size_t   waiting_bytes;
    _Atomic uint64_t stored, dropped, failed, hits, misses, read_errors;
};

static void
set_timeout(redisContext *context, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - kt_clock_ms();
    if (left_ms < 1)
        left_ms = 1;  // 0 means no timeout
    redisSetTimeout(context, (struct timeval){.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000});
}

// The next reply, or NULL: no connection, protocol error, or timeout (also of a reply that trickles in).
static redisReply *
next_reply(redisContext *context, int64_t deadline_ms)
{
    void *reply = NULL;
    int   done  = 0;
    while (!done && kt_clock_ms() < deadline_ms) {
        set_timeout(context, deadline_ms);
        if (redisBufferWrite(context, &done))
            return NULL;
    }
    while (done && !redisGetReplyFromReader(context, &reply)) {
        if (reply || kt_clock_ms() >= deadline_ms)
            return reply;
        set_timeout(context, deadline_ms);
        if (redisBufferRead(context))
            return NULL;
    }
    return NULL;
}

// Runs one command; false on an error reply (its text in why) or without a reply.
static bool
run_redis_command(redisContext *context, int argc, const char **argv, int64_t deadline_ms, char why[TEXT_BYTES])
{
    if (redisAppendCommandArgv(context, argc, argv, NULL))
        return false;
    redisReply *reply = next_reply(context, deadline_ms);
    bool        good  = reply && reply->type != REDIS_REPLY_ERROR;
    if (reply && !good)
        snprintf(why, TEXT_BYTES, "%.*s", (int)(reply->len < TEXT_BYTES ? reply->len : TEXT_BYTES - 1), reply->str);
    if (reply)
        freeReplyObject(reply);
    return good;
}

static bool
authenticate_redis(const kt_cache_url_t *url, redisContext *context, int64_t deadline_ms, char why[TEXT_BYTES])
{
    char        db[NUMBER_BYTES];
    const char *with_user[] = {"AUTH", url->user, url->password}, *without[] = {"AUTH", url->password};
    snprintf(db, sizeof db, "%d", url->db);
    if (*url->user && !run_redis_command(context, 3, with_user, deadline_ms, why))
        return false;
    if (!*url->user && *url->password && !run_redis_command(context, 2, without, deadline_ms, why))
        return false;
    if (url->db && !run_redis_command(context, 2, (const char *[]){"SELECT", db}, deadline_ms, why))
        return false;
    return run_redis_command(context, 1, (const char *[]){"PING"}, deadline_ms, why);
}

// The TLS connection behind it, if any, is the private data of its reader, which hiredis does not use.
static void
disconnect_redis(redisContext *context)
{
    kt_tls_t *tls = context->reader->privdata;
    redisFree(context);
    kt_tls_destroy(&tls);
}

static redisContext *
connect_redis(const kt_cache_url_t *url, char why[TEXT_BYTES])
{
    int64_t        deadline_ms = kt_clock_ms() + KT_CACHE_WRITE_MS;
    struct timeval at_most     = {.tv_sec = KT_CACHE_WRITE_MS / 1000};
    kt_tls_t      *tls         = NULL;
    int            fd          = -1;
    why[0]                     = '\0';
    if (url->tls && kt_tls_connect(&tls, url->host, url->port, deadline_ms, &fd, why))
        return NULL;
    redisContext *context = tls ? redisConnectFd(fd) : redisConnectWithTimeout(url->host, url->port, at_most);
    if (context)
        context->reader->privdata = tls;
    else if (tls)
        close(fd), kt_tls_destroy(&tls);
    if (context && !context->err && authenticate_redis(url, context, deadline_ms, why))
        return context;
    if (!*why)
        snprintf(why, TEXT_BYTES, "%s", context && context->err ? context->errstr : "no reply in time");
    if (context)
        disconnect_redis(context);
    return NULL;
}

static void
set_down(kt_result_cache_t *self, const char *why)
{
    char quoted[2 * TEXT_BYTES];
    kt_log_quote(quoted, sizeof quoted, why);  // why may belong to the connection, which is freed next
    if (self->writer)
        disconnect_redis(self->writer);
    self->writer   = NULL;
    self->pause_ms = self->pause_ms ? self->pause_ms * 2 : PAUSE_MS;
    if (self->pause_ms > KT_CACHE_AGAIN_MS)
        self->pause_ms = KT_CACHE_AGAIN_MS;
    self->again_ms = kt_clock_ms() + self->pause_ms;
    atomic_store(&self->up, false);
    if (!self->logged_down)
        kt_log_warn("CACHE-DOWN", "host=%s port=%d why=\"%s\"", self->url.host, self->url.port, quoted);
    self->logged_down = true;
}

static bool
wants_reader(kt_result_cache_t *self)
{
    pthread_mutex_lock(&self->lock);
    bool wanted = !self->reader;
    pthread_mutex_unlock(&self->lock);
    return wanted;
}

// Opens the missing connections unless a pause after a failure is in force.
static void
connect_missing(kt_result_cache_t *self)
{
    char why[TEXT_BYTES];
    if (kt_clock_ms() < self->again_ms || (self->writer && !wants_reader(self)))
        return;
    bool new_writer = !self->writer;
    if (new_writer)
        self->writer = connect_redis(&self->url, why);
    redisContext *reader = self->writer && wants_reader(self) ? connect_redis(&self->url, why) : NULL;
    pthread_mutex_lock(&self->lock);
    if (!self->reader) {
        self->reader = reader;
        reader       = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    if (reader)
        disconnect_redis(reader);
    if (!self->writer || wants_reader(self))
        set_down(self, why);
    else if (new_writer) {
        kt_log_info("CACHE-UP", "host=%s port=%d db=%d", self->url.host, self->url.port, self->url.db);
        self->logged_down = false;
        atomic_store(&self->up, true);
    }
}

static void
destroy_entry(kt_result_cache_t *self, entry_t *entry)
{
    atomic_fetch_sub(&self->waiting_bytes, entry->bytes);
    free(entry->document);
    free(entry);
}

// Queues the command for one document; false if it has no usable message_id.
static bool
queue_set(kt_result_cache_t *self, const entry_t *entry)
{
    char    key[KEY_BYTES], why[KT_JSON_WHY];
    json_t *document = NULL;
    if (kt_json_parse(entry->document, entry->bytes, KT_DOCUMENT_MAX_BYTES, &document, why))
        return false;
    const char *id     = kt_json_str(document, "message_id", "");
    int         length = snprintf(key, sizeof key, "kithara:result:%s", id);
    bool        good   = *id && length < KEY_BYTES;
    kt_json_free(&document);
    if (!good)
        return false;
    const char *argv[]    = {"SET", key, entry->document, "EX", self->ttl};
    size_t      lengths[] = {3, (size_t)length, entry->bytes, 2, strlen(self->ttl)};
    return redisAppendCommandArgv(self->writer, 5, argv, lengths) == REDIS_OK;
}

// Sends all entries in one pipeline, then reads as many replies.
static void
write_entries(kt_result_cache_t *self, void **entries, size_t n)
{
    int64_t deadline_ms = kt_clock_ms() + KT_CACHE_WRITE_MS;
    size_t  sent = 0, done = 0, refused = 0;
    char    byte, why[TEXT_BYTES] = "no reply in time";
    // If Redis restarted since the last write, reconnects at once, so that the entries are not lost. If that fails, so
    // does the write, which is counted.
    if (recv(self->writer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        redisContext *context = connect_redis(&self->url, why);
        if (context) {
            disconnect_redis(self->writer);
            self->writer = context;
        }
        snprintf(why, sizeof why, "no reply in time");
    }
    for (size_t i = 0; i < n; i++)
        sent += queue_set(self, entries[i]);
    while (done < sent) {
        redisReply *reply = next_reply(self->writer, deadline_ms);
        if (!reply)
            break;
        if (reply->type == REDIS_REPLY_ERROR) {
            refused++;
            snprintf(why, sizeof why, "%.*s", (int)(reply->len < sizeof why ? reply->len : sizeof why - 1), reply->str);
        }
        freeReplyObject(reply);
        done++;
    }
    atomic_fetch_add(&self->stored, done - refused);
    atomic_fetch_add(&self->failed, n - (done - refused));
    if (done < sent || refused)
        set_down(self, self->writer->err ? self->writer->errstr : why);
    else
        self->pause_ms = 0;
    for (size_t i = 0; i < n; i++)
        destroy_entry(self, entries[i]);
}

static void *
run_cache(void *context)
{
    kt_result_cache_t *self = context;
    void              *entries[PIPELINE];
    size_t             n         = 0;
    int64_t            finish_ms = 0;
    for (;;) {
        pthread_mutex_lock(&self->lock);
        bool closing = self->closing;
        pthread_mutex_unlock(&self->lock);
        if (!finish_ms && closing)
            finish_ms = kt_clock_ms() + KT_CACHE_WRITE_MS;
        if (finish_ms && (!self->writer || kt_clock_ms() >= finish_ms))
            break;
        if (!finish_ms)
            connect_missing(self);
        if (!self->writer) {  // waits until the next attempt is due, or until close
            pthread_mutex_lock(&self->lock);
            while (!self->closing && kt_clock_ms() < self->again_ms)
                (void)kt_cond_wait_until(&self->changed, &self->lock, self->again_ms);
            pthread_mutex_unlock(&self->lock);
            continue;
        }
        kt_err_t err = kt_queue_pop(self->queue, entries, PIPELINE, &n, POP_MS);
        if (err == KT_ECLOSED)
            break;
        if (err) {  // idle: checks that Redis still answers
            char why[TEXT_BYTES] = "no reply in time";
            if (!run_redis_command(self->writer, 1, (const char *[]){"PING"}, kt_clock_ms() + KT_CACHE_WRITE_MS, why))
                set_down(self, self->writer->err ? self->writer->errstr : why);
            continue;
        }
        write_entries(self, entries, n);
    }
    while (!kt_queue_pop(self->queue, entries, PIPELINE, &n, 0)) {
        atomic_fetch_add(&self->dropped, n);
        for (size_t i = 0; i < n; i++)
            destroy_entry(self, entries[i]);
    }
    return NULL;
}

kt_err_t
kt_result_cache_new(kt_result_cache_t **self_p, const char *url, int64_t ttl_s, char why[KT_CACHE_WHY])
{
    kt_cache_url_t parsed;
    kt_err_t       err = kt_cache_url_parse(url, &parsed, why);
    if (err)
        return err;
    kt_result_cache_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->url = parsed;
    snprintf(self->ttl, sizeof self->ttl, "%lld", (long long)ttl_s);
    pthread_mutex_init(&self->lock, NULL);
    kt_cond_init(&self->changed);
    err = kt_queue_new(&self->queue, KT_CACHE_QUEUE);
    if (!err) {
        self->started = pthread_create(&self->thread, NULL, run_cache, self) == 0;
        err           = self->started ? KT_OK : KT_ESYSTEM;
    }
    if (err) {
        snprintf(why, KT_CACHE_WHY, "the result cache does not start: %s", kt_err_text(err));
        kt_result_cache_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_result_cache_destroy(kt_result_cache_t **self_p)
{
    kt_result_cache_t *self = *self_p;
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (self->queue)
        kt_queue_close(self->queue);
    if (self->started)
        pthread_join(self->thread, NULL);
    if (self->writer)
        disconnect_redis(self->writer);
    if (self->reader)
        disconnect_redis(self->reader);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    kt_queue_destroy(&self->queue);
    free(self);
    *self_p = NULL;
}

void
kt_result_cache_put(kt_result_cache_t *self, char **document, size_t bytes)
{
    entry_t *entry = malloc(sizeof *entry);
    size_t   all   = atomic_fetch_add(&self->waiting_bytes, bytes) + bytes;
    if (entry && all <= KT_CACHE_BYTES) {
        *entry = (entry_t){*document, bytes};
        if (!kt_queue_push(self->queue, &entry)) {
            *document = NULL;
            return;
        }
    }
    atomic_fetch_sub(&self->waiting_bytes, bytes);
    atomic_fetch_add(&self->dropped, 1);
    free(entry);
    free(*document);
    *document = NULL;
}

// With the lock held. NULL: no reply; the caller frees a reply.
static redisReply *
read_reply(kt_result_cache_t *self, const char *message_id)
{
    char        key[KEY_BYTES];
    int         length    = snprintf(key, sizeof key, "kithara:result:%s", message_id);
    const char *argv[]    = {"GET", key};
    size_t      lengths[] = {3, (size_t)length};
    if (length >= KEY_BYTES || redisAppendCommandArgv(self->reader, 2, argv, lengths))
        return NULL;
    redisReply *reply = next_reply(self->reader, kt_clock_ms() + KT_CACHE_READ_MS);
    if (!reply) {
        disconnect_redis(self->reader);  // a late reply would be taken for that of the next request
        self->reader = NULL;
    }
    return reply;
}

kt_err_t
kt_result_cache_get(kt_result_cache_t *self, const char *message_id, char **document, size_t *bytes)
{
    pthread_mutex_lock(&self->lock);
    redisReply *reply = self->reader ? read_reply(self, message_id) : NULL;
    pthread_mutex_unlock(&self->lock);
    kt_err_t err = KT_EUNREACHABLE;
    if (reply && reply->type == REDIS_REPLY_NIL)
        err = KT_ENOTFOUND;
    if (reply && reply->type == REDIS_REPLY_STRING) {
        char *copy = malloc(reply->len + 1);
        err        = copy ? KT_OK : KT_ENOMEM;
        if (copy) {
            memcpy(copy, reply->str, reply->len);
            copy[reply->len] = '\0';
            *document        = copy;
            *bytes           = reply->len;
        }
    }
    if (reply)
        freeReplyObject(reply);
    atomic_fetch_add(err == KT_OK ? &self->hits : err == KT_ENOTFOUND ? &self->misses : &self->read_errors, 1);
    return err;
}

void
kt_result_cache_stats(kt_result_cache_t *self, kt_result_cache_stats_t *out)
{
    *out = (kt_result_cache_stats_t){
        .up          = atomic_load(&self->up),
        .waiting     = kt_queue_count(self->queue),
        .stored      = atomic_load(&self->stored),
        .dropped     = atomic_load(&self->dropped),
        .failed      = atomic_load(&self->failed),
        .hits        = atomic_load(&self->hits),
        .misses      = atomic_load(&self->misses),
        .read_errors = atomic_load(&self->read_errors),
    };
}
