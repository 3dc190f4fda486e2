// A node from start to end: keys, sockets, ticks, drain. Connects the sockets (link/dealer.h), the protocol
// (link/uplink.h) and the work (work/work.h), which do not include each other's owners.
#include "node/node.h"

#include "common/clock.h"
#include "common/curve.h"
#include "common/file.h"
#include "common/log.h"
#include "common/program.h"
#include "common/service/service.h"
#include "common/settings_pass.h"
#include "node/coordinator_list.h"
#include "node/link/receive.h"
#include "node/link/send.h"
#include "node/link/uplink.h"
#include "node/models/sync.h"
#include "node/run/gpus.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

enum { TICK_MS = 100, ALONE_MS = 30000, STUCK_MS = 15000, STUCK_CHECK_MS = 1000, JOIN_MS = 5000 };
enum { NAME_BYTES = 64, PATH_BYTES = 4400 };

struct kt_node {
    kt_settings_t    settings;  // a coordinator's shared settings replace those in it before the work begins
    char             name[NAME_BYTES], host[NAME_BYTES];
    uint64_t         incarnation;
    kt_curve_t       key, join;  // its own, and that of the join token
    bool             joins;
    kt_gpus_t       *gpus;       // NULL: none here, or disabled
    bool             gpus_lost;  // and ANALYZER_GPU_LOST has been applied
    kt_model_sync_t *models;
    kt_work_t        work;
    kt_uplink_t     *uplink;
    kt_dealers_t    *dealers;
    bool             draining, stopping, failed;
    int              signal_fd;
    int64_t          alone_ms;  // while draining: last time that a coordinator was connected
    int64_t          stuck_check_ms;
    kt_service_t     service;
};

// Name, host, incarnation and key.
static kt_err_t
init_identity(kt_node_t *self, const char *state_dir, char why[KT_NODE_WHY])
{
    char path[PATH_BYTES];
    if (gethostname(self->host, sizeof self->host - 1) || !*self->host)
        snprintf(self->host, sizeof self->host, "localhost");
    snprintf(self->name, sizeof self->name, "%s", *self->settings.node_name ? self->settings.node_name : self->host);
    if (self->name[strcspn(self->name, " \t\r\n/")]) {
        snprintf(why, KT_NODE_WHY, "ANALYZER_NODE_NAME=%s: a node's name has no blanks and no '/'", self->name);
        return KT_ESETTING;
    }
    if (getrandom(&self->incarnation, sizeof self->incarnation, 0) != sizeof self->incarnation)
        return KT_ESYSTEM;
    snprintf(path, sizeof path, "%s/keys/node-%s", state_dir, self->name);
    kt_err_t err = kt_curve_load_or_make(path, &self->key);
    if (err)
        snprintf(why, KT_NODE_WHY, "the key %.300s cannot be used (%s): %s", path, kt_err_text(err),
                 err == KT_EWRITE ? "set ANALYZER_STATE_DIR to a folder of this user" : "see the folder's rights");
    return err;
}

// The token's coordinator is kept for the starts without it.
static kt_err_t
init_join(kt_node_t *self, const char *token, const char *state_dir, char why[KT_NODE_WHY])
{
    char path[PATH_BYTES], coordinator[KT_CURVE_TEXT], line[KT_CURVE_TEXT + 1];
    if (!*token)
        return KT_OK;
    if (!kt_join_token_read(token, &self->join, coordinator)) {
        snprintf(why, KT_NODE_WHY,
                 "ANALYZER_JOIN_TOKEN is no join token: copy the whole line of `kithara keys token new`");
        return KT_ESETTING;
    }
    self->joins = true;
    snprintf(path, sizeof path, "%s/keys/joined.public", state_dir);
    int length = snprintf(line, sizeof line, "%s\n", coordinator);
    return kt_file_replace(path, 0644, line, (size_t)length);
}

static void
node_drain(kt_node_t *self, const char *reason)
{
    kt_log_info("NODE-DRAIN", "on=1 reason=\"%s\" in_hand=%zu kept=%zu", reason, kt_work_in_flight(&self->work),
                self->work.tasks.n_unacked);
    self->draining = true;
    self->alone_ms = kt_clock_ms();
    kt_service_stopping();
    kt_uplink_drain(self->uplink);
}

static void
node_signals(void *context)
{
    kt_node_t *self = context;
    for (int number; (number = kt_program_next_signal(self->signal_fd));) {
        if (number == SIGHUP)
            continue;
        if (!self->draining) {
            node_drain(self, "signal");
            continue;
        }
        kt_log_warn("NODE-STOP", "handed_back=%zu", kt_work_in_flight(&self->work));
        self->stopping = true;  // BYE: the coordinators requeue the unfinished files at once
        kt_uplink_stop(self->uplink);
        kt_dealers_stop(self->dealers);
    }
}

// Drained: nothing in flight and nothing unacknowledged. Without any coordinator the results are dropped after
// ALONE_MS: their jobs run again elsewhere.
static void
node_check_drain(kt_node_t *self, int64_t now_ms)
{
    size_t unacked = self->work.tasks.n_unacked;
    if (!self->draining || kt_work_in_flight(&self->work))
        return;
    if (kt_uplink_is_welcome(self->uplink))
        self->alone_ms = now_ms;
    if (unacked && now_ms - self->alone_ms < ALONE_MS)
        return;
    if (unacked)
        kt_log_warn("RESULTS-GIVEN-UP", "kept=%zu", unacked);
    kt_dealers_stop(self->dealers);
}

// Once, when no GPU is left; files that began on one end on the CPU in any case.
static void
node_check_gpus(kt_node_t *self)
{
    char device[64];
    if (!self->gpus || self->gpus_lost || kt_gpus_usable(self->gpus))
        return;
    self->gpus_lost = true;
    kt_log_warn("GPU-NONE", "device=%s why=\"all are lost\" then=%s",
                kt_device_text(&self->settings, self->gpus, device), self->settings.gpu_lost);
    if (strcasecmp(self->settings.gpu_lost, "leave") == 0 && !self->draining) {
        self->failed = true;  // the exit status shows the supervisor that the node did not stop on request
        node_drain(self, "GPU lost");
    }
    if (!self->draining)
        kt_send_hellos(self->uplink);
}

static void
node_frame(void *context, size_t coordinator, const void *bytes, size_t length)
{
    kt_node_t *self = context;
    kt_uplink_receive(self->uplink, coordinator, bytes, length);
}

static void
node_state(void *context, size_t coordinator, kt_dealer_state_t state)
{
    kt_node_t *self = context;
    kt_uplink_state(self->uplink, coordinator, state);
}

static void
node_flush(void *context)
{
    kt_node_t *self = context;
    kt_send_flush(self->uplink);
}

static void
node_events(void *context)
{
    kt_node_t *self = context;
    kt_uplink_events(self->uplink, kt_clock_ms());
}

static void
node_tick(void *context)
{
    kt_node_t *self   = context;
    int64_t    now_ms = kt_clock_ms();
    kt_service_alive(&self->service, now_ms);
    kt_uplink_tick(self->uplink, now_ms);
    if (now_ms >= self->stuck_check_ms) {
        // A thread that ignores its file's deadline cannot be ended by itself, so the process ends. Its files are
        // suspects from then on and run isolated, where the one that hangs is killed (earlier than this).
        self->stuck_check_ms  = now_ms + STUCK_CHECK_MS;
        const kt_task_t *task = kt_work_stuck(&self->work, &self->settings, now_ms, STUCK_MS);
        if (task) {
            char fields[KT_JOB_LOG];
            kt_log_error("WORKER-STUCK", "job=%llu run=%u ms=%lld %s", (unsigned long long)task->job, task->run,
                         (long long)(now_ms - task->started_ms),
                         kt_job_log_fields(task->body, task->body_bytes, fields));
            _exit(EXIT_FAILURE);
        }
    }
    node_check_gpus(self);
    node_check_drain(self, now_ms);
}

static kt_err_t
port_send(void *context, size_t coordinator, const void *bytes, size_t length)
{
    kt_node_t *self = context;
    return kt_dealers_send(self->dealers, coordinator, bytes, length);
}

static void
port_reconnect(void *context, size_t coordinator)
{
    kt_node_t *self = context;
    kt_dealers_reconnect(self->dealers, coordinator);
}

static void
port_use_key(void *context, size_t coordinator, const kt_curve_t *key)
{
    kt_node_t *self = context;
    kt_dealers_use_key(self->dealers, coordinator, key);
}

static void
port_unable(void *context, kt_err_t err)
{
    kt_node_t *self = context;
    kt_log_error("NODE-UNABLE", "err=%s text=\"%s\"", kt_err_name(err), kt_err_text(err));
    self->failed = true;
    kt_dealers_stop(self->dealers);
}

static void
node_models(void *context)
{
    kt_node_t *self = context;
    kt_uplink_models(self->uplink);
}

static kt_err_t
open_models(kt_node_t *self, const char *state_dir)
{
    char                 own[PATH_BYTES], cache[PATH_BYTES];
    kt_model_opts_t      model = {.exec = {.isa = self->settings.isa, .int8 = self->settings.model_int8}};
    kt_model_sync_opts_t opts  = {.own = own, .cache = cache, .model = &model};
    if (!kt_settings_model_dir(&self->settings, own, sizeof own))
        return KT_ESETTING;
    snprintf(cache, sizeof cache, "%s/models/%s", state_dir, self->name);
    return kt_model_sync_new(&self->models, &opts);
}

static kt_err_t
open_link(kt_node_t *self, const kt_coordinator_list_t *list, char why[KT_NODE_WHY])
{
    static const kt_dealers_ops_t ops = {node_frame, node_state, node_flush, node_tick};
    const char                   *addresses[KT_COORDINATORS_MAX];
    for (size_t i = 0; i < list->n; i++)
        addresses[i] = list->addresses[i];
    kt_dealers_opts_t dealers = {addresses, list->n, list->keys, &self->key, &ops, self, TICK_MS};
    kt_uplink_opts_t  uplink  = {.addresses   = addresses,
                                 .n           = list->n,
                                 .name        = self->name,
                                 .host        = self->host,
                                 .key         = &self->key,
                                 .join        = self->joins ? &self->join : NULL,
                                 .incarnation = self->incarnation,
                                 .settings    = &self->settings,
                                 .work        = &self->work,
                                 .gpus        = self->gpus,
                                 .models      = self->models,
                                 .port        = {self, port_send, port_reconnect, port_use_key, port_unable}};
    kt_err_t          err     = kt_uplink_new(&self->uplink, &uplink);
    if (!err)
        err = kt_dealers_new(&self->dealers, &dealers);
    if (err == KT_EINVAL)
        snprintf(why, KT_NODE_WHY, "ANALYZER_COORDINATORS=%.300s: write each as tcp://127.0.0.1:8711",
                 self->settings.coordinators);
    if (!err)
        err = kt_dealers_watch(self->dealers, kt_model_sync_fd(self->models), node_models);
    return err ? err : kt_dealers_watch(self->dealers, kt_queue_fd(self->work.events), node_events);
}

kt_err_t
kt_node_new(kt_node_t **self_p, const kt_settings_t *settings, char why[KT_NODE_WHY])
{
    char                  state_dir[PATH_BYTES - 256], hex[KT_CURVE_HEX];
    kt_coordinator_list_t list;
    kt_node_t            *self = calloc(1, sizeof *self);
    why[0]                     = '\0';
    if (!self)
        return KT_ENOMEM;
    self->signal_fd = -1;
    kt_socket_setup();
    kt_err_t err = kt_settings_copy(settings, &self->settings);
    if (!err && !kt_settings_state_dir(&self->settings, state_dir, sizeof state_dir))
        err = KT_ESETTING;
    if (!err)
        err = init_identity(self, state_dir, why);
    if (!err)
        err = init_join(self, settings->join_token, state_dir, why);  // copies of settings have no secrets
    if (!err)
        err = kt_coordinator_list_read(&list, settings, state_dir, why);
    if (!err && !self->settings.test_faults.noop)
        self->gpus = kt_gpus_or_none(&self->settings);
    if (!err && self->settings.workers == 0)  // auto
        self->settings.workers = (int64_t)kt_settings_auto_workers();
    if (!err)
        err = open_models(self, state_dir);
    if (!err)
        err = kt_work_init(&self->work);
    if (!err)
        err = open_link(self, &list, why);
    if (err)
        goto fail;
    kt_curve_hex(self->key.public_key, hex);
    kt_log_info("NODE-KEY", "node=%s public_key=%s allow=\"kithara keys allow %s %s\"", self->name,
                self->key.public_key, hex, self->name);
    if (!*settings->media_roots && !*settings->source_hosts && !*settings->test_fault)  // every job would fail
        kt_log_warn("MEDIA-ROOTS-NONE", "text=\"no file may be opened: set ANALYZER_MEDIA_ROOTS\"");
    *self_p = self;
    return KT_OK;
fail:
    kt_node_destroy(&self);
    return err;
}

kt_err_t
kt_node_run(kt_node_t *self, int signal_fd)
{
    self->signal_fd = signal_fd;
    kt_err_t err    = signal_fd >= 0 ? kt_dealers_watch(self->dealers, signal_fd, node_signals) : KT_OK;
    if (err)
        return err;
    kt_service_ready(&self->service, self->name);
    kt_dealers_run(self->dealers);
    kt_send_bye(self->uplink, self->failed ? "unable to work" : self->stopping ? "stopped" : "drained");
    kt_log_info("NODE-END", "kept=%zu in_hand=%zu", self->work.tasks.n_unacked, kt_work_in_flight(&self->work));
    return self->failed ? KT_ESTATE : KT_OK;
}

void
kt_node_destroy(kt_node_t **self_p)
{
    kt_node_t *self = *self_p;
    if (!self)
        return;
    kt_dealers_destroy(&self->dealers);
    if (!kt_work_stop(&self->work, JOIN_MS)) {
        // A thread still runs in memory that must not be freed; everything is sent, so the process ends here.
        kt_log_warn("WORKER-LEFT", "text=\"a worker did not end in time\"");
        _exit(self->failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    kt_uplink_destroy(&self->uplink);
    kt_work_fini(&self->work);
    kt_model_sync_destroy(&self->models);
    if (!kt_gpus_close(&self->gpus))  // exit handlers of CUDA may wait for the device
        _exit(self->failed ? EXIT_FAILURE : EXIT_SUCCESS);
    kt_settings_fini(&self->settings);
    free(self);
    *self_p = NULL;
}
