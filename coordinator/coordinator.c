// Life of the coordinator: what it opens, its ticks, how it drains and what it hands back.
#include "coordinator/coordinator.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/program.h"
#include "common/text.h"
#include "coordinator/api/api.h"
#include "coordinator/core.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_MS = 60000, ROUTER_WHY = 300 };
enum { LIST_BYTES = 64 << 20 };

static const kt_link_ops_t LINK_OPS;

static void
init_bufs(kt_coordinator_t *self)
{
    kt_buf_init(&self->frame, KT_MAX_FRAME_BYTES);
    kt_buf_init(&self->works, LIST_BYTES);
    kt_buf_init(&self->held, LIST_BYTES);
    kt_buf_init(&self->kept, LIST_BYTES);
    kt_buf_init(&self->jobs, LIST_BYTES);
    kt_buf_init(&self->refused, LIST_BYTES);
    kt_peers_init(&self->peers);
}

static void
fini_bufs(kt_coordinator_t *self)
{
    kt_buf_t *all[] = {&self->frame, &self->works, &self->held, &self->kept, &self->jobs, &self->refused};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kt_buf_fini(all[i]);
    kt_peers_fini(&self->peers);
}

static kt_err_t
load_keys(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    char     path[KT_KEYS_PATH];
    kt_err_t err = kt_settings_state_dir(self->settings, self->state_dir, sizeof self->state_dir) &&
                           kt_keys_path(path, self->state_dir, "coordinator")
                       ? KT_OK
                       : KT_EINVAL;
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "no state folder: set ANALYZER_STATE_DIR to one that may be written");
        return err;
    }
    err = kt_curve_load_or_make(path, &self->key);
    if (!err)
        err = kt_keys_init(&self->keys, self->state_dir);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "the keys in %.300s/keys cannot be used (%s): see the folder's rights and the log",
                 self->state_dir, kt_err_text(err));
    return err;
}

static kt_err_t
open_router(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_err_t err = kt_zap_new(&self->zap);
    if (!err)
        err = kt_core_allow_keys(self);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "the key handler does not start: %s", kt_err_text(err));
        return err;
    }
    kt_link_opts_t opts = {self->settings->router_bind, &self->key, &LINK_OPS, self, KT_TICK_MS};
    err                 = kt_link_new(&self->link, &opts);
    if (err == KT_EPORT)
        snprintf(why, KT_LEDGER_WHY,
                 "%.*s is in use or may not be opened: stop what listens there or set ANALYZER_ROUTER_BIND", ROUTER_WHY,
                 self->settings->router_bind);
    else if (err)
        snprintf(why, KT_LEDGER_WHY,
                 "ANALYZER_ROUTER_BIND=%.*s cannot be opened (%s): write it as tcp://127.0.0.1:8711", ROUTER_WHY,
                 self->settings->router_bind, kt_err_text(err));
    return err;
}

static kt_err_t
open_state(kt_coordinator_t *self, kt_ledger_t **ledger_p)
{
    kt_sched_opts_t opts;
    kt_sched_opts_from(&opts, self->settings);
    kt_err_t err = kt_sched_new(&self->sched, &opts);
    if (!err)
        err = kt_queue_new(&self->calls, KT_CALLS_WAITING);
    if (!err) {
        self->ledger_kind = (*ledger_p)->ops->name;
        err               = kt_ledger_port_open(&self->port, ledger_p);
        if (!err)
            err = kt_backfiller_new(&self->backfiller, self->settings, &self->port, &self->lease, self->sink);
    }
    return err;
}

static void
on_answers(void *context)
{
    kt_coordinator_t *self = context;
    if (!kt_ledger_port_answers(&self->port))
        return;
    if (self->work_came) {
        kt_event_t event = {.type = KT_EV_WORK};
        self->work_came  = false;
        kt_core_step_or_fail(self, &event);
    }
    kt_publisher_turn(self->outlet);
    kt_ledger_port_post_overflow(&self->port);
}

static kt_err_t
watch_all(kt_coordinator_t *self)
{
    kt_err_t err = kt_link_watch(self->link, kt_ledger_port_fd(&self->port), on_answers);
    if (!err)
        err = kt_link_watch(self->link, kt_queue_fd(self->calls), kt_core_calls);
    return err;
}

// Before the first claim the scheduler has to know which nodes an operator has drained; the ledger answers in order.
static kt_err_t
ask_first(kt_coordinator_t *self)
{
    kt_drains_read(&self->drains);
    if (!self->drains.asked_ms)
        return KT_ENOMEM;
    kt_lease_tick(&self->lease, kt_clock_ms());
    return KT_OK;
}

static void
name_self(kt_coordinator_t *self)
{
    if (*self->settings->coordinator_name)
        snprintf(self->name, sizeof self->name, "%s", self->settings->coordinator_name);
    else if (gethostname(self->name, sizeof self->name - 1) || !*self->name)
        snprintf(self->name, sizeof self->name, "coordinator");
}

static void
sink_event(void *context, const kt_event_t *event)
{
    kt_core_step_or_fail(context, event);
}

static void
sink_fatal(void *context, const char *id, kt_err_t err)
{
    kt_core_fail(context, id, err);
}

static void
sink_work(void *context)
{
    kt_coordinator_t *self = context;
    self->work_came        = true;
}

static void
notify_drain(void *context, const char *node_name, bool on)
{
    kt_core_tell_drain(context, node_name, on, "asked by an operator");
}

static void
init_parts(kt_coordinator_t *self)
{
    kt_sink_t sink = {self, sink_event, sink_fatal, sink_work};
    self->sink     = sink;
    kt_ledger_port_init(&self->port, sink);
    kt_lease_init(&self->lease, &self->port, sink, self->name, self->settings->lease_ms);
    kt_drains_init(&self->drains, &self->port, sink, notify_drain);
}

static kt_err_t
open_cache(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    return *self->settings->redis_url
               ? kt_result_cache_new(&self->cache, self->settings->redis_url, self->settings->redis_ttl_s, why)
               : KT_OK;
}

static kt_err_t
open_http(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_err_t err = open_cache(self, why);
    if (!err)
        err = kt_api_server_new(&self->api, self->settings, self->state_dir, why);
    if (err)
        return err;
    self->api->calls    = self->calls;
    self->api->cache    = self->cache;
    kt_http_opts_t opts = {
        .bind = self->settings->http_bind, .gate = kt_api_admit, .handler = kt_api_serve, .context = self->api};
    return kt_http_new(&self->http, &opts, self->http_address, why);
}

static kt_err_t
open_all(kt_coordinator_t *self, kt_ledger_t **ledger_p, char why[KT_LEDGER_WHY])
{
    kt_err_t err = load_keys(self, why);
    if (!err)
        err = open_router(self, why);
    if (!err)
        err = open_state(self, ledger_p);
    if (!err)
        err = watch_all(self);
    if (!err)
        err = kt_core_amqp_open(self, why);
    if (!err)
        err = ask_first(self);
    if (!err)
        err = open_http(self, why);
    return err;
}

kt_err_t
kt_coordinator_new(kt_coordinator_t **self_p, const kt_settings_t *settings, kt_ledger_t **ledger_p,
                   char why[KT_LEDGER_WHY])
{
    kt_coordinator_t *self = calloc(1, sizeof *self);
    why[0]                 = '\0';
    if (!self)
        return KT_ENOMEM;
    self->settings            = settings;
    self->signal_fd           = -1;
    self->counters.started_ms = kt_clock_ms();
    init_bufs(self);
    name_self(self);
    init_parts(self);
    kt_socket_setup();
    kt_err_t err = open_all(self, ledger_p, why);
    if (err)
        goto fail;
    kt_log_info("COORDINATOR-READY", "router=%s http=%s ledger=%s public_key=%s", kt_link_endpoint(self->link),
                self->http_address, self->ledger_kind, self->key.public_key);
    *self_p = self;
    return KT_OK;
fail:
    kt_coordinator_destroy(&self);
    return err;
}

const char *
kt_coordinator_router(const kt_coordinator_t *self)
{
    return kt_link_endpoint(self->link);
}

const char *
kt_coordinator_http(const kt_coordinator_t *self)
{
    return self->http_address;
}

const char *
kt_coordinator_public_key(const kt_coordinator_t *self)
{
    return self->key.public_key;
}

static void
core_stop(kt_coordinator_t *self)
{
    kt_link_stop(self->link);
}

void
kt_core_fail(kt_coordinator_t *self, const char *id, kt_err_t err)
{
    if (!self->failed)
        kt_log_error(id, "err=%s text=\"%s\"", kt_err_name(err),
                     err == KT_ELOCKED ? "set ANALYZER_COORDINATOR_NAME to a name of its own"
                                       : "the next start reads the ledger");
    self->failed = true;
    kt_ledger_port_close(&self->port);
    core_stop(self);
}

// Every node is taken for drained: nothing more goes out, what is out comes back.
static void
begin_drain(kt_coordinator_t *self)
{
    kt_log_info("COORDINATOR-DRAIN", "nodes=%zu at_most_ms=%d", self->peers.n, DRAIN_MS);
    self->draining       = true;
    self->drain_until_ms = kt_clock_ms() + DRAIN_MS;
    kt_core_amqp_drain(self, kt_clock_ms());
    kt_backfiller_drain(self->backfiller);
    for (size_t i = 0; i < self->peers.n; i++) {
        kt_event_t event = {.type = KT_EV_DRAIN};
        event.drain.name = self->peers.at[i]->name;
        event.drain.on   = true;
        kt_core_step_or_fail(self, &event);
    }
}

static void
on_signal(void *context)
{
    kt_coordinator_t *self = context;
    for (int number; (number = kt_program_next_signal(self->signal_fd));) {
        if (number == SIGHUP)
            kt_core_check_keys(self, true);
        else if (self->draining)
            core_stop(self);
        else
            begin_drain(self);
    }
}

static void
check_drain(kt_coordinator_t *self, int64_t now_ms)
{
    kt_sched_view_t view;
    if (!self->draining)
        return;
    kt_sched_view(self->sched, &view);
    bool idle = view.sent + view.running + view.storing == 0 && kt_core_amqp_is_drained(self, now_ms);
    if (idle || now_ms >= self->drain_until_ms)
        core_stop(self);
}

static void
retain(kt_coordinator_t *self, int64_t now_ms)
{
    kt_ledger_request_t *request =
        kt_retention_tick(&self->retention, self->settings->retention_days, now_ms, kt_clock_wall_ms());
    if (request)
        kt_ledger_port_post(&self->port, &request);
}

static void
each_second(kt_coordinator_t *self, int64_t now_ms)
{
    if (!kt_counters_tick(&self->counters, now_ms))
        return;
    kt_core_check_keys(self, false);
    kt_drains_tick(&self->drains, now_ms);
    kt_core_watch_nodes(self, now_ms);
    kt_core_prune_peers(self, now_ms);
    retain(self, now_ms);
}

static void
on_tick(void *context)
{
    kt_coordinator_t *self   = context;
    kt_event_t        event  = {.type = KT_EV_TICK};
    int64_t           now_ms = kt_clock_ms();
    kt_lease_tick(&self->lease, now_ms);
    if (now_ms >= kt_sched_deadline_ms(self->sched))
        kt_core_step_or_fail(self, &event);
    kt_ledger_port_post_overflow(&self->port);
    kt_core_amqp_tick(self, now_ms);
    kt_backfiller_tick(self->backfiller, now_ms);
    each_second(self, now_ms);
    check_drain(self, now_ms);
}

static const kt_link_ops_t LINK_OPS = {kt_core_frame, kt_core_ended, kt_core_flush, on_tick};

// Claims that did not come to an end: the next coordinator, or we after a restart, need not wait for the lease.
static void
hand_back(kt_coordinator_t *self)
{
    size_t n = 0;
    for (size_t i = 0; i < self->claims.capacity && self->lease.held; i++) {
        const kt_claim_t *claim = self->claims.slots[i];
        n += claim && kt_core_release(self, claim->id);
    }
    kt_log_info("COORDINATOR-END", "handed_back=%zu", n);
}

kt_err_t
kt_coordinator_run(kt_coordinator_t *self, int signal_fd)
{
    self->signal_fd = signal_fd;
    kt_err_t err    = signal_fd >= 0 ? kt_link_watch(self->link, signal_fd, on_signal) : KT_OK;
    if (err)
        return err;
    kt_link_run(self->link);
    kt_core_calls_close(self);
    hand_back(self);
    return self->failed ? KT_ESTATE : KT_OK;
}

void
kt_coordinator_destroy(kt_coordinator_t **self_p)
{
    kt_coordinator_t *self = *self_p;
    if (!self)
        return;
    if (self->calls)
        kt_core_calls_close(self);
    kt_http_destroy(&self->http);
    kt_api_server_destroy(&self->api);
    kt_backfiller_stop(self->backfiller);
    kt_ledger_port_stop(&self->port);
    kt_core_amqp_close(self);
    kt_result_cache_destroy(&self->cache);
    kt_ledger_port_fini(&self->port);
    kt_backfiller_destroy(&self->backfiller);
    if (self->sched)
        kt_sched_drain_tags(self->sched, kt_tag_destroy);
    kt_sched_destroy(&self->sched);
    kt_actions_fini(&self->actions);
    kt_claims_fini(&self->claims);
    kt_link_destroy(&self->link);
    kt_zap_destroy(&self->zap);
    kt_keys_fini(&self->keys);
    kt_queue_destroy(&self->calls);
    kt_drains_fini(&self->drains);
    kt_wire_arena_fini(&self->arena);
    fini_bufs(self);
    free(self);
    *self_p = NULL;
}
