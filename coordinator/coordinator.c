// Life of the coordinator: opens and connects the parts, watches their descriptors, drains, releases the claims. The
// work itself is in loop/, amqp/, backfill/ and api/, none of which includes this struct.
#include "coordinator/coordinator.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/net/address.h"
#include "common/net/plain.h"
#include "common/program.h"
#include "common/service/service.h"
#include "common/socket.h"
#include "common/zap.h"
#include "coordinator/amqp/broker.h"
#include "coordinator/api/api.h"
#include "coordinator/backfill/backfiller.h"
#include "coordinator/http/server.h"
#include "coordinator/ledger/open/open.h"
#include "coordinator/link/router.h"
#include "coordinator/loop/loop.h"
#include "coordinator/models/store.h"
#include "coordinator/result_cache/cache.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { TICK_MS = 20, DRAIN_MS = 60000, ROUTER_WHY = 300 };

struct kt_coordinator {
    const kt_settings_t *settings;
    char                 name[64], state_dir[KT_KEYS_PATH], http_address[128];
    kt_service_t         service;
    uint64_t             instance;  // differs from start to start
    const char          *ledger_kind;
    kt_curve_t           key;
    kt_keys_t            keys;
    kt_credentials_t     credentials;
    kt_zap_t            *zap;
    kt_link_t           *link;
    kt_loop_t            loop;
    kt_http_t           *http;
    kt_api_server_t     *api;
    kt_result_cache_t   *cache;  // NULL: no REDIS_URL
    kt_backfiller_t     *backfiller;
    kt_model_store_t    *models;
    kt_history_t        *history;
    kt_events_t         *events;
    size_t               backfills_live;  // as the last event said
    kt_broker_t         *broker;          // NULL: no AMQP_CONNECTION_STRING
    int                  signal_fd;
    int64_t              drain_until_ms;  // 0: not draining
};

static const kt_link_ops_t LINK_OPS;

// Passes the allowed keys to the ZAP handler.
static kt_err_t
allow_keys(void *context)
{
    kt_coordinator_t *self      = context;
    size_t            n         = self->keys.n;
    char(*texts)[KT_CURVE_TEXT] = calloc(n ? n : 1, sizeof *texts);
    if (!texts)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        memcpy(texts[i], self->keys.at[i].key, sizeof texts[i]);
    kt_err_t err = kt_zap_allow(self->zap, (const char(*)[41])texts, n);
    free(texts);
    return err;
}

static kt_err_t
load_credentials(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    char     wrong[KT_CREDENTIALS_WHY] = "";
    kt_err_t err                       = kt_credentials_init(&self->credentials, &self->key);
    if (!err)
        err = kt_credentials_load(&self->credentials, self->state_dir, wrong);
    if (err)
        snprintf(why, KT_LEDGER_WHY, "the secrets in the state folder cannot be used (%s): %s", kt_err_text(err),
                 wrong);
    return err;
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
        snprintf(why, KT_LEDGER_WHY, "the keys in %.300s/keys cannot be used (%s): %s", self->state_dir,
                 kt_err_text(err),
                 err == KT_EWRITE ? "set ANALYZER_STATE_DIR to a folder of this user"
                                  : "see the folder's rights and the log");
    return err ? err : load_credentials(self, why);
}

// Without its file the history begins with this process.
static void
keep_history(kt_coordinator_t *self)
{
    char path[KT_KEYS_PATH + 16];
    snprintf(path, sizeof path, "%s/history", self->state_dir);
    kt_err_t err = kt_history_keep(self->history, path, kt_clock_wall_ms());
    if (err)
        kt_log_warn("HISTORY-UNKEPT", "file=\"%s\" err=%s text=\"the page's history begins with this process\"", path,
                    kt_err_name(err));
}

static kt_err_t
open_router(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_err_t err = kt_zap_new(&self->zap);
    if (!err)
        err = allow_keys(self);
    if (err) {
        snprintf(why, KT_LEDGER_WHY, "the key handler does not start: %s", kt_err_text(err));
        return err;
    }
    char wrong[KT_ADDRESS_WHY] = "write it as tcp://127.0.0.1:8711";
    if (kt_address_check(self->settings->router_bind, true, wrong)) {
        snprintf(why, KT_LEDGER_WHY, "ANALYZER_ROUTER_BIND=%.*s: %s", ROUTER_WHY, self->settings->router_bind, wrong);
        return KT_ESETTING;
    }
    kt_link_opts_t opts = {self->settings->router_bind, &self->key, &LINK_OPS, self, TICK_MS};
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
send_frame(void *context, kt_node_handle_t to, const void *bytes, size_t length)
{
    kt_coordinator_t *self = context;
    return kt_link_send(self->link, to, bytes, length);
}

// The document is copied: it stays with its request, which the scheduler may post again.
static void
on_outcome(void *context, const kt_ledger_request_t *request)
{
    kt_coordinator_t *self  = context;
    size_t            bytes = request->store.result.document_bytes;
    char             *copy  = self->cache && request->store.document ? malloc(bytes + 1) : NULL;
    kt_sampler_outcome(&self->loop.sampler, request);
    if (self->broker)
        kt_broker_wake(self->broker);
    if (!copy)
        return;  // no cache, or no memory: the ledger has the document
    memcpy(copy, request->store.document, bytes);
    copy[bytes] = '\0';
    kt_result_cache_put(self->cache, &copy, bytes);
}

static void
stop_loop(void *context)
{
    kt_coordinator_t *self = context;
    kt_link_stop(self->link);
}

static void
fill_snapshot(void *context, kt_snapshot_t *out)
{
    kt_coordinator_t *self = context;
    out->ledger_kind       = self->ledger_kind;
    out->keys_refused      = kt_zap_refused(self->zap);
    if (self->broker)
        kt_broker_stats(self->broker, &out->amqp);
}

static void
on_ledger_call(void *context)
{
    kt_coordinator_t *self = context;
    kt_backfiller_wake(self->backfiller);
    kt_roster_read(&self->loop.roster);
}

static kt_err_t
init_loop(kt_coordinator_t *self, const kt_ledger_t *ledger)
{
    kt_loop_opts_t opts = {.settings       = self->settings,
                           .name           = self->name,
                           .instance       = self->instance,
                           .keys           = &self->keys,
                           .credentials    = &self->credentials,
                           .keeps_nodes    = ledger->ops->fleet != NULL,
                           .exclusive      = !ledger->ops->shared,
                           .models         = self->models,
                           .history        = self->history,
                           .events         = self->events,
                           .sender         = {self, send_frame},
                           .context        = self,
                           .on_outcome     = on_outcome,
                           .on_fatal       = stop_loop,
                           .allow_keys     = allow_keys,
                           .fill_snapshot  = fill_snapshot,
                           .on_ledger_call = on_ledger_call};
    kt_sched_opts_from(&opts.sched, self->settings);
    return kt_loop_init(&self->loop, &opts);
}

static void
on_answers(void *context)
{
    kt_coordinator_t *self = context;
    if (!kt_ledger_port_answers(&self->loop.port))
        return;
    if (self->broker)
        kt_broker_turn(self->broker);
    kt_loop_answered(&self->loop);
}

static void
on_calls(void *context)
{
    kt_coordinator_t *self = context;
    kt_queries_take(&self->loop.queries);
}

static void
on_model_parts(void *context)
{
    kt_coordinator_t *self = context;
    kt_model_link_parts(&self->loop.models);
}

static void
on_deliveries(void *context)
{
    kt_coordinator_t *self = context;
    kt_broker_take_deliveries(self->broker);
}

static void
on_published(void *context)
{
    kt_coordinator_t *self = context;
    kt_broker_take_published(self->broker);
}

static kt_err_t
open_renewer(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_ledger_t *renewer = NULL;
    kt_err_t     err     = kt_ledger_open(&renewer, self->settings, true, why);
    if (!err)
        err = kt_ledger_port_renew_by(&self->loop.port, &renewer);
    kt_ledger_close(&renewer);
    return err;
}

static kt_err_t
open_ledger(kt_coordinator_t *self, kt_ledger_t **ledger_p, char why[KT_LEDGER_WHY])
{
    kt_loop_t *loop   = &self->loop;
    const bool shared = (*ledger_p)->ops->shared;
    self->ledger_kind = (*ledger_p)->ops->name;
    kt_err_t err      = kt_ledger_port_open(&loop->port, ledger_p);
    if (!err && shared)
        err = open_renewer(self, why);
    if (!err)
        err = kt_link_watch(self->link, kt_ledger_port_fd(&loop->port), on_answers);
    if (!err)
        err = kt_backfiller_new(&self->backfiller, self->settings, &loop->port, &loop->lease,
                                kt_dispatcher_sink(&loop->dispatcher));
    if (!err)
        err = kt_link_watch(self->link, kt_queue_fd(loop->queries.calls), on_calls);
    if (!err)
        err = kt_link_watch(self->link, kt_model_store_fd(self->models), on_model_parts);
    return err;
}

static kt_err_t
open_broker(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_loop_t *loop = &self->loop;
    if (!*self->settings->amqp_url)
        return KT_OK;
    kt_err_t err = kt_broker_new(&self->broker, self->settings, &loop->port, &loop->lease,
                                 kt_dispatcher_sink(&loop->dispatcher), why);
    if (!err)
        err = kt_link_watch(self->link, kt_broker_published_fd(self->broker), on_published);
    if (!err)
        err = kt_link_watch(self->link, kt_broker_deliveries_fd(self->broker), on_deliveries);
    return err;
}

static kt_err_t
open_http(kt_coordinator_t *self, char why[KT_LEDGER_WHY])
{
    kt_err_t err = KT_OK;
    if (*self->settings->redis_url)
        err = kt_result_cache_new(&self->cache, self->settings->redis_url, self->settings->redis_ttl_s, why);
    if (!err)
        err = kt_api_server_new(&self->api, self->settings, self->state_dir, why);
    if (err)
        return err;
    self->api->calls   = self->loop.queries.calls;
    self->api->cache   = self->cache;
    self->api->models  = self->models;
    self->api->history = self->history;
    self->api->events  = self->events;
    memcpy(self->api->public_key, self->key.public_key, sizeof self->api->public_key);
    kt_http_opts_t opts = {
        .bind = self->settings->http_bind, .gate = kt_api_admit, .handler = kt_api_serve, .context = self->api};
    return kt_http_new(&self->http, &opts, self->http_address, why);
}

kt_err_t
kt_coordinator_check_tls(const kt_settings_t *settings, char why[KT_LEDGER_WHY])
{
    const char *setting;
    char        host[KT_PLAIN_HOST];
    for (size_t next = 0; kt_plain_next(settings, &next, &setting, host);) {
        if (settings->require_tls) {
            snprintf(why, KT_LEDGER_WHY, "%s leads to %.200s without TLS, which ANALYZER_REQUIRE_TLS refuses", setting,
                     host);
            return KT_ESETTING;
        }
        kt_log_warn("TLS-MISSING", "setting=%s host=%s text=\"passwords and results cross the network in plain text\"",
                    setting, host);
    }
    return KT_OK;
}

kt_err_t
kt_coordinator_new(kt_coordinator_t **self_p, const kt_settings_t *settings, kt_ledger_t **ledger_p,
                   char why[KT_LEDGER_WHY])
{
    kt_coordinator_t *self = calloc(1, sizeof *self);
    why[0]                 = '\0';
    if (!self)
        return KT_ENOMEM;
    self->settings  = settings;
    self->signal_fd = -1;
    if (*settings->coordinator_name)
        snprintf(self->name, sizeof self->name, "%s", settings->coordinator_name);
    else if (gethostname(self->name, sizeof self->name - 1) || !*self->name)
        snprintf(self->name, sizeof self->name, "coordinator");
    kt_socket_setup();

    kt_err_t err = getrandom(&self->instance, sizeof self->instance, 0) == sizeof self->instance ? KT_OK : KT_ESYSTEM;
    if (!err)
        err = kt_model_store_new(&self->models, settings);
    if (!err)
        err = kt_history_new(&self->history);
    if (!err)
        err = kt_events_new(&self->events, kt_clock_wall_ms());
    if (!err)
        err = init_loop(self, *ledger_p);
    if (!err)
        err = load_keys(self, why);
    if (!err)
        keep_history(self);
    if (!err)
        err = open_router(self, why);
    if (!err)
        err = open_ledger(self, ledger_p, why);
    if (!err)
        err = open_broker(self, why);
    if (!err)
        err = kt_loop_start(&self->loop);
    if (!err)
        err = open_http(self, why);
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

kt_queue_t *
kt_coordinator_calls(kt_coordinator_t *self)
{
    return self->loop.queries.calls;
}

static void
on_signal(void *context)
{
    kt_coordinator_t *self = context;
    for (int number; (number = kt_program_next_signal(self->signal_fd));) {
        if (number == SIGHUP) {
            kt_admission_check_keys(&self->loop.admission, true);
        } else if (self->drain_until_ms) {
            stop_loop(self);
        } else {
            int64_t now_ms = kt_clock_ms();
            kt_service_stopping();
            kt_log_info("COORDINATOR-DRAIN", "nodes=%zu at_most_ms=%d", self->loop.peers.n, DRAIN_MS);
            self->drain_until_ms = now_ms + DRAIN_MS;
            if (self->broker)
                kt_broker_drain(self->broker, now_ms);
            kt_backfiller_drain(self->backfiller);
            kt_dispatcher_drain_all(&self->loop.dispatcher);
        }
    }
}

static void
report_backfills(kt_coordinator_t *self)
{
    char         json[64];
    const size_t live = kt_backfiller_live(self->backfiller);
    if (live == self->backfills_live)
        return;
    self->backfills_live = live;
    snprintf(json, sizeof json, "{\"live\":%zu}", live);
    kt_events_publish(self->events, "backfill", json);
}

static void
on_tick(void *context)
{
    kt_coordinator_t *self   = context;
    int64_t           now_ms = kt_clock_ms();
    kt_service_alive(&self->service, now_ms);
    kt_loop_tick(&self->loop, now_ms);
    if (self->broker)
        kt_broker_tick(self->broker, now_ms);
    kt_backfiller_tick(self->backfiller, now_ms);
    report_backfills(self);
    if (!self->drain_until_ms)
        return;
    bool idle =
        kt_dispatcher_is_idle(&self->loop.dispatcher) && (!self->broker || kt_broker_is_drained(self->broker, now_ms));
    if (idle || now_ms >= self->drain_until_ms)
        stop_loop(self);
}

static void
on_frame(void *context, kt_node_handle_t from, const char *key, const void *bytes, size_t length)
{
    kt_coordinator_t *self = context;
    kt_receiver_frame(&self->loop.receiver, from, key, bytes, length);
}

static void
on_ended(void *context, bool handshake)
{
    kt_coordinator_t *self = context;
    kt_receiver_ended(&self->loop.receiver, handshake);
}

static void
on_flush(void *context)
{
    kt_coordinator_t *self = context;
    kt_dispatcher_flush(&self->loop.dispatcher);
}

static const kt_link_ops_t LINK_OPS = {on_frame, on_ended, on_flush, on_tick};

kt_err_t
kt_coordinator_run(kt_coordinator_t *self, int signal_fd)
{
    self->signal_fd = signal_fd;
    kt_err_t err    = signal_fd >= 0 ? kt_link_watch(self->link, signal_fd, on_signal) : KT_OK;
    if (err)
        return err;
    char status[sizeof self->http_address + 16];
    snprintf(status, sizeof status, "serving %s", self->http_address);
    kt_service_ready(&self->service, status);
    kt_link_run(self->link);
    kt_queries_close(&self->loop.queries);
    // Released, so that the next coordinator need not wait until the lease has run out.
    size_t released = kt_dispatcher_release_all(&self->loop.dispatcher);
    kt_log_info("COORDINATOR-END", "handed_back=%zu", released);
    return self->loop.dispatcher.failed ? KT_ESTATE : KT_OK;
}

void
kt_coordinator_destroy(kt_coordinator_t **self_p)
{
    kt_coordinator_t *self = *self_p;
    if (!self)
        return;
    kt_queries_close(&self->loop.queries);
    kt_events_close(self->events);
    kt_http_destroy(&self->http);
    kt_api_server_destroy(&self->api);
    kt_backfiller_stop(self->backfiller);
    kt_ledger_port_stop(&self->loop.port);
    kt_broker_destroy(&self->broker);
    kt_result_cache_destroy(&self->cache);
    kt_loop_fini(&self->loop);
    kt_backfiller_destroy(&self->backfiller);
    kt_model_store_destroy(&self->models);
    kt_history_destroy(&self->history);
    kt_events_destroy(&self->events);
    kt_link_destroy(&self->link);
    kt_zap_destroy(&self->zap);
    kt_keys_fini(&self->keys);
    free(self);
    *self_p = NULL;
}
