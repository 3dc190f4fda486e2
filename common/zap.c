// ZeroMQ RFC 27: libzmq sends one request per handshake to the REP socket at inproc://zeromq.zap.01 and holds the
// handshake until the reply. Replies come from memory: a sorted array under a lock.
#include "common/zap.h"

#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/socket.h"

#include <czmq.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { KEY_BYTES = 32, FRAME_BYTES = 256, POLL_MS = 1000, LINE_EVERY_MS = 1000 };
enum { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

typedef char key_text_t[KT_CURVE_TEXT];

static const char ADDRESS_TEXT[] = "inproc://zeromq.zap.01";

// Per process: libzmq has one handler per context.
static atomic_bool is_running;

// Handshakes that a key may make at once: see KT_ZAP_BURST.
typedef struct bucket {
    int64_t used_ms;  // when it is full again: each handshake moves it by KT_ZAP_REFILL_MS
} bucket_t;

struct kt_zap {
    pthread_mutex_t  lock;
    key_text_t      *keys;     // sorted
    bucket_t        *buckets;  // of the keys, in their order
    size_t           key_count;
    void            *socket;   // used by the thread once it runs
    int              stop_fd;  // readable: the thread exits
    pthread_t        thread;
    bool             has_thread;
    _Atomic uint64_t refused;       // total
    int              refusals;      // since the last log line; used by the thread only
    int64_t          next_line_ms;  // likewise
};

typedef struct request {
    struct {
        char   bytes[FRAME_BYTES];
        size_t length;
    } frames[FRAMES];
    size_t count;
} request_t;

static int
compare_key_texts(const void *a, const void *b)
{
    return memcmp(a, b, KT_CURVE_TEXT);
}

// Receives all frames of one request; excess frames are counted and dropped. False: no request waits.
static bool
receive_request(void *socket, request_t *request)
{
    int    more = 1;
    size_t size = sizeof more;
    for (request->count = 0; more; request->count++) {
        char bytes[FRAME_BYTES];
        int  length = zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT);
        if (length < 0 || zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size))
            return false;
        if (request->count >= FRAMES)
            continue;
        size_t kept = (size_t)length < sizeof bytes ? (size_t)length : sizeof bytes;
        memcpy(request->frames[request->count].bytes, bytes, kept);
        request->frames[request->count].length = (size_t)length;
    }
    return true;
}

static bool
frame_is(const request_t *request, size_t i, const char *text)
{
    return request->frames[i].length == strlen(text) &&
           memcmp(request->frames[i].bytes, text, request->frames[i].length) == 0;
}

// 400 rejects the key at once. libzmq 4.3.4 then never retries; the node detects this and reconnects after a second, so
// that a key allowed later is accepted. (After a 300, a temporary error, no reply is sent: the peer would wait for its
// handshake timeout of five seconds.)
static void
send_reply(void *socket, const request_t *request, bool allowed, const char *key)
{
    bool        has_id  = request->count > REQUEST && request->frames[REQUEST].length <= FRAME_BYTES;
    const char *texts[] = {"1.0", NULL, allowed ? "200" : "400", allowed ? "OK" : "not allowed", allowed ? key : "",
                           ""};
    size_t      n       = sizeof texts / sizeof *texts;
    for (size_t i = 0; i < n; i++) {
        const char *bytes  = texts[i] ? texts[i] : has_id ? request->frames[REQUEST].bytes : "";
        size_t      length = texts[i] ? strlen(texts[i]) : has_id ? request->frames[REQUEST].length : 0;
        if (zmq_send(socket, bytes, length, ZMQ_DONTWAIT | (i + 1 < n ? ZMQ_SNDMORE : 0)) < 0)
            return;  // the requesting connection has closed
    }
}

// Rejected nodes retry every few seconds: logs at most one line per second for all of them.
static void
log_refusal(kt_zap_t *self, const request_t *request, const char *key, bool often)
{
    char    address[FRAME_BYTES + 1] = "";
    size_t  length                   = request->count > ADDRESS ? request->frames[ADDRESS].length : 0;
    int64_t now_ms                   = kt_clock_ms();
    self->refusals++;
    atomic_fetch_add(&self->refused, 1);
    if (now_ms < self->next_line_ms)
        return;
    memcpy(address, request->frames[ADDRESS].bytes, length < FRAME_BYTES ? length : FRAME_BYTES);
    kt_log_warn("ZAP-REFUSED", "key=%s address=%s refusals=%d why=\"%s\"", key, address, self->refusals,
                often ? "it connects too often" : "it is not allowed");
    self->refusals     = 0;
    self->next_line_ms = now_ms + LINE_EVERY_MS;
}

typedef enum verdict { UNKNOWN, TOO_OFTEN, ALLOWED } verdict_t;

static verdict_t
judge_key(kt_zap_t *self, const char *key)
{
    const int64_t now_ms = kt_clock_ms();
    verdict_t     result = UNKNOWN;
    pthread_mutex_lock(&self->lock);
    const key_text_t *found =
        self->key_count ? bsearch(key, self->keys, self->key_count, sizeof *self->keys, compare_key_texts) : NULL;
    if (found) {
        bucket_t *bucket = &self->buckets[found - self->keys];
        if (bucket->used_ms < now_ms)
            bucket->used_ms = now_ms;
        result = bucket->used_ms - now_ms < KT_ZAP_BURST * KT_ZAP_REFILL_MS ? ALLOWED : TOO_OFTEN;
        if (result == ALLOWED)
            bucket->used_ms += KT_ZAP_REFILL_MS;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

static void
serve_request(kt_zap_t *self)
{
    request_t  request;
    key_text_t key = "";
    if (!receive_request(self->socket, &request))
        return;
    bool known = request.count == FRAMES && frame_is(&request, VERSION, "1.0") &&
                 frame_is(&request, MECHANISM, "CURVE") && request.frames[CREDENTIALS].length == KEY_BYTES &&
                 zmq_z85_encode(key, (const uint8_t *)request.frames[CREDENTIALS].bytes, KEY_BYTES);
    const verdict_t verdict = known ? judge_key(self, key) : UNKNOWN;
    send_reply(self->socket, &request, verdict == ALLOWED, key);
    if (verdict != ALLOWED)
        log_refusal(self, &request, known ? key : "none", verdict == TOO_OFTEN);
}

// Without unbind, libzmq's thread frees the address some time after zmq_close.
static void
close_socket(void *socket)
{
    zmq_unbind(socket, ADDRESS_TEXT);
    zmq_close(socket);
}

static void *
run_zap(void *argument)
{
    kt_zap_t      *self    = argument;
    zmq_pollitem_t items[] = {{.socket = self->socket, .events = ZMQ_POLLIN},
                              {.fd = self->stop_fd, .events = ZMQ_POLLIN}};
    while (!items[1].revents) {
        if (zmq_poll(items, 2, POLL_MS) < 0 && errno != EINTR)
            break;  // the context is being terminated
        if (items[0].revents)
            serve_request(self);
    }
    close_socket(self->socket);
    return NULL;
}

kt_err_t
kt_zap_new(kt_zap_t **self_p)
{
    kt_err_t  err  = KT_ENOMEM;
    kt_zap_t *self = calloc(1, sizeof *self);
    if (!self)
        return err;
    kt_socket_setup();
    pthread_mutex_init(&self->lock, NULL);
    self->socket  = zmq_socket(zsys_init(), ZMQ_REP);
    self->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int linger    = 0;
    if (!self->socket || self->stop_fd < 0 || zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger))
        goto fail;
    err = KT_ESTATE;
    if (zmq_bind(self->socket, ADDRESS_TEXT))
        goto fail;
    err = KT_ESYSTEM;
    if (pthread_create(&self->thread, NULL, run_zap, self))
        goto fail;
    self->has_thread = true;
    is_running       = true;
    *self_p          = self;
    return KT_OK;
fail:
    kt_zap_destroy(&self);
    return err;
}

void
kt_zap_destroy(kt_zap_t **self_p)
{
    kt_zap_t *self = *self_p;
    if (!self)
        return;
    uint64_t one = 1;
    if (self->has_thread) {
        kt_assert(write(self->stop_fd, &one, sizeof one) == sizeof one);
        pthread_join(self->thread, NULL);
        is_running = false;
    } else if (self->socket) {
        close_socket(self->socket);
    }
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    pthread_mutex_destroy(&self->lock);
    free(self->keys);
    free(self->buckets);
    free(self);
    *self_p = NULL;
}

bool
kt_zap_is_running(void)
{
    return is_running;
}

kt_err_t
kt_zap_allow(kt_zap_t *self, const char (*keys)[41], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strnlen(keys[i], KT_CURVE_TEXT) == KT_CURVE_TEXT || !kt_curve_is_key(keys[i]))
            return KT_EINVAL;
    key_text_t *sorted  = calloc(n ? n : 1, sizeof *sorted);
    bucket_t   *buckets = calloc(n ? n : 1, sizeof *buckets);
    if (!sorted || !buckets) {
        free(sorted);
        free(buckets);
        return KT_ENOMEM;
    }
    if (n)
        memcpy(sorted, keys, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_key_texts);
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < n && self->key_count; i++) {
        const key_text_t *before =
            bsearch(sorted[i], self->keys, self->key_count, sizeof *self->keys, compare_key_texts);
        if (before)
            buckets[i] = self->buckets[before - self->keys];
    }
    key_text_t *old         = self->keys;
    bucket_t   *old_buckets = self->buckets;
    self->keys              = sorted;
    self->buckets           = buckets;
    self->key_count         = n;
    pthread_mutex_unlock(&self->lock);
    free(old);
    free(old_buckets);
    return KT_OK;
}

uint64_t
kt_zap_refused(const kt_zap_t *self)
{
    return atomic_load(&self->refused);
}
