#include "coordinator/amqp/actor.h"

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/amqp/backoff.h"

#include <amqp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES_A_TURN = 64, POLL_MS = 500, STEADY_MS = 5000, STOP_MS = 4000 };

struct kt_amqp_actor {
    kt_amqp_actor_opts_t opts;
    kt_amqp_connection_t connection;
    kt_backoff_t         backoff;
    pthread_t            thread;
    bool                 started;
    int                  stop_fd;
    atomic_bool          stopping, stuck;       // stuck: watch has shut the socket
    _Atomic int64_t      busy_since_ms;         // 0: waits, or uses no socket
    int64_t              up_since_ms, beat_ms;  // beat_ms: when a heartbeat is due while nothing is read
    pthread_mutex_t      lock;                  // of the members below
    int                  fd;                    // the socket that watch may shut; -1 none
    kt_amqp_health_t     health;
};

static void
amqp_actor_set_state(kt_amqp_actor_t *self, kt_amqp_state_t state)
{
    pthread_mutex_lock(&self->lock);
    if (self->health.state != state)
        self->health.since_ms = kt_clock_ms();
    self->health.state = state;
    self->fd           = self->connection.fd;
    if (state == KT_AMQP_UP)
        self->health.error[0] = '\0';
    pthread_mutex_unlock(&self->lock);
}

static void
amqp_actor_count(kt_amqp_actor_t *self, bool up)
{
    pthread_mutex_lock(&self->lock);
    self->health.connects += up;
    self->health.losses += !up;
    if (!up)
        memcpy(self->health.error, self->connection.why, sizeof self->health.error);
    pthread_mutex_unlock(&self->lock);
}

void
kt_amqp_actor_health(kt_amqp_actor_t *self, kt_amqp_health_t *out)
{
    pthread_mutex_lock(&self->lock);
    *out = self->health;
    pthread_mutex_unlock(&self->lock);
}

static void
amqp_actor_note_blocked(kt_amqp_actor_t *self, const amqp_frame_t *frame)
{
    amqp_method_number_t id = frame->frame_type == AMQP_FRAME_METHOD ? frame->payload.method.id : 0;
    if (id != AMQP_CONNECTION_BLOCKED_METHOD && id != AMQP_CONNECTION_UNBLOCKED_METHOD)
        return;
    self->connection.blocked = id == AMQP_CONNECTION_BLOCKED_METHOD;
    kt_log_warn("AMQP-BLOCKED", "connection=%s blocked=%d", self->opts.role, self->connection.blocked);
    amqp_actor_set_state(self, self->connection.blocked ? KT_AMQP_BLOCKED : KT_AMQP_UP);
}

static void
amqp_actor_shut(kt_amqp_actor_t *self)
{
    pthread_mutex_lock(&self->lock);
    if (self->fd >= 0)
        shutdown(self->fd, SHUT_RDWR);
    pthread_mutex_unlock(&self->lock);
}

void
kt_amqp_actor_watch(kt_amqp_actor_t *self, int64_t now_ms)
{
    int64_t since_ms = self->busy_since_ms;
    if (!since_ms || now_ms - since_ms < (int64_t)self->connection.heartbeat_s * 2000)
        return;
    self->stuck = true;
    amqp_actor_shut(self);
}

// Before the descriptor is closed, so that watch cannot shut a later one of the same number.
static void
amqp_actor_close(kt_amqp_actor_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->fd = -1;
    pthread_mutex_unlock(&self->lock);
    kt_amqp_close(&self->connection);
}

// Waits on the owner's queue, the stop, and the socket if there is one from which to read.
static void
amqp_actor_wait(kt_amqp_actor_t *self, int64_t timeout_ms, bool reads)
{
    struct pollfd fds[3] = {{.fd = self->stop_fd, .events = POLLIN},
                            {.fd = self->opts.wake_fd, .events = POLLIN},
                            {.fd = self->connection.fd, .events = POLLIN}};
    self->busy_since_ms  = 0;
    poll(fds, reads && self->connection.fd >= 0 ? 3 : 2, (int)timeout_ms);
    self->busy_since_ms = kt_clock_ms();
}

// Closes the lost connection and waits before the next attempt.
static void
amqp_actor_lose(kt_amqp_actor_t *self)
{
    char text[2 * KT_AMQP_WHY];
    if (self->up_since_ms && kt_clock_ms() - self->up_since_ms >= STEADY_MS)
        kt_backoff_reset(&self->backoff);
    self->up_since_ms = 0;
    if (atomic_exchange(&self->stuck, false))
        snprintf(self->connection.why, sizeof self->connection.why,
                 "the broker took or answered nothing for twice the heartbeat");
    const int lost     = self->connection.host;
    int64_t   pause_ms = kt_amqp_next_host(&self->connection) ? 0 : kt_backoff_next(&self->backoff);
    amqp_actor_count(self, false);
    kt_log_warn("AMQP-DOWN", "connection=%s host=%s port=%d again_in_ms=%lld text=\"%s\"", self->opts.role,
                self->connection.url.hosts[lost].host, self->connection.url.hosts[lost].port, (long long)pause_ms,
                kt_log_quote(text, sizeof text, self->connection.why));
    amqp_actor_close(self);
    self->opts.ops->lost(self->opts.context, &self->connection);
    amqp_actor_set_state(self, KT_AMQP_DOWN);

    bool    more     = false;
    int64_t until_ms = kt_clock_ms() + pause_ms;
    for (int64_t now_ms = kt_clock_ms(); now_ms < until_ms && !self->stopping; now_ms = kt_clock_ms()) {
        amqp_actor_wait(self, until_ms - now_ms, true);
        if (self->opts.ops->work(self->opts.context, NULL, &more))
            return;
    }
}

static bool
amqp_actor_is_full(const kt_amqp_actor_t *self)
{
    return self->opts.ops->is_full && self->opts.ops->is_full(self->opts.context);
}

static kt_err_t
amqp_actor_take_frames(kt_amqp_actor_t *self, bool *more)
{
    kt_amqp_connection_t *connection = &self->connection;
    kt_err_t              err        = KT_OK;
    for (int i = 0; i < FRAMES_A_TURN && !err && !amqp_actor_is_full(self); i++) {
        amqp_frame_t   frame;
        struct timeval at_once = {0};
        int            status  = amqp_simple_wait_frame_noblock(connection->state, &frame, &at_once);
        if (status == AMQP_STATUS_TIMEOUT)
            return KT_OK;
        err = kt_amqp_status(connection, status);
        if (!err)
            err = kt_amqp_closed_by_broker(connection, &frame);
        if (!err)
            amqp_actor_note_blocked(self, &frame);
        if (!err)
            err = self->opts.ops->frame(self->opts.context, connection, &frame);
        amqp_maybe_release_buffers(connection->state);
    }
    *more = true;
    return err;
}

// rabbitmq-c sends heartbeats only while it reads.
static kt_err_t
amqp_actor_beat(kt_amqp_actor_t *self)
{
    int64_t now_ms = kt_clock_ms();
    if (now_ms < self->beat_ms)
        return KT_OK;
    self->beat_ms     = now_ms + self->connection.heartbeat_s * 500;
    amqp_frame_t beat = {.frame_type = AMQP_FRAME_HEARTBEAT};
    return kt_amqp_status(&self->connection, amqp_send_frame(self->connection.state, &beat));
}

// Runs one connection until an error or the stop.
static void
amqp_actor_serve(kt_amqp_actor_t *self)
{
    kt_amqp_connection_t *connection = &self->connection;
    amqp_actor_set_state(self, KT_AMQP_CONNECTING);
    kt_err_t err = kt_amqp_connect(connection);
    amqp_actor_set_state(self, KT_AMQP_CONNECTING);  // now with the descriptor
    if (!err)
        err = kt_amqp_login(connection);
    if (!err)
        err = self->opts.ops->begin(self->opts.context, connection);
    if (!err) {
        self->up_since_ms = kt_clock_ms();
        amqp_actor_count(self, true);
        amqp_actor_set_state(self, KT_AMQP_UP);
        kt_amqp_settle_host(connection);
        kt_log_info("AMQP-UP", "connection=%s host=%s port=%d", self->opts.role,
                    connection->url.hosts[connection->host].host, connection->url.hosts[connection->host].port);
    }

    while (!err && !self->stopping) {
        bool more           = false;
        self->busy_since_ms = kt_clock_ms();  // start of this turn: a thread that is always busy is not stuck
        err                 = amqp_actor_take_frames(self, &more);
        if (!err)
            err = self->opts.ops->work(self->opts.context, connection, &more);
        const bool full = amqp_actor_is_full(self);
        if (!err && full)
            err = amqp_actor_beat(self);
        if (!err && (full || !more))
            amqp_actor_wait(self, POLL_MS, !full);
    }
    if (err && !self->stopping)
        amqp_actor_lose(self);
}

static void *
amqp_actor_run(void *context)
{
    kt_amqp_actor_t *self = context;
    self->busy_since_ms   = kt_clock_ms();
    while (!self->stopping)
        amqp_actor_serve(self);

    bool     more = false, connected = self->connection.state != NULL;
    kt_err_t err = self->opts.ops->work(self->opts.context, connected ? &self->connection : NULL, &more);
    if (connected && !err)
        kt_amqp_goodbye(&self->connection);
    amqp_actor_close(self);
    self->connection.why[0] = '\0';
    self->opts.ops->lost(self->opts.context, &self->connection);
    amqp_actor_set_state(self, KT_AMQP_DOWN);
    self->busy_since_ms = 0;
    return NULL;
}

kt_err_t
kt_amqp_actor_new(kt_amqp_actor_t **self_p, const kt_amqp_actor_opts_t *opts, char why[KT_AMQP_WHY])
{
    char             name[16];
    kt_amqp_actor_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts = *opts;
    self->fd   = -1;
    pthread_mutex_init(&self->lock, NULL);
    self->health.state = KT_AMQP_DOWN;
    self->stop_fd      = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kt_backoff_init(&self->backoff, (uint64_t)kt_clock_us() ^ (uint64_t)(uintptr_t)self);
    kt_err_t err = kt_amqp_connection_init(&self->connection, opts->settings, opts->role);
    memcpy(why, self->connection.why, KT_AMQP_WHY);
    if (err)
        goto fail;
    err = KT_ESYSTEM;
    if (self->stop_fd < 0 || pthread_create(&self->thread, NULL, amqp_actor_run, self))
        goto fail;
    snprintf(name, sizeof name, "amqp-%s", opts->role);
    pthread_setname_np(self->thread, name);
    self->started = true;
    *self_p       = self;
    return KT_OK;
fail:
    kt_amqp_actor_destroy(&self);
    return err;
}

void
kt_amqp_actor_destroy(kt_amqp_actor_t **self_p)
{
    kt_amqp_actor_t *self = *self_p;
    if (!self)
        return;
    if (self->started) {
        struct timespec until;
        uint64_t        one = 1;
        self->stopping      = true;
        if (write(self->stop_fd, &one, sizeof one) != sizeof one)
            amqp_actor_shut(self);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += STOP_MS / 1000;
        if (pthread_timedjoin_np(self->thread, NULL, &until)) {
            amqp_actor_shut(self);
            pthread_join(self->thread, NULL);
        }
    }
    kt_amqp_connection_fini(&self->connection);
    if (self->stop_fd >= 0)
        close(self->stop_fd);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}
