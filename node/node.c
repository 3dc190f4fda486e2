// Life of the node: keys, sockets, ticks, draining, the end.
#include "node/node.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/program.h"
#include "common/text.h"
#include "node/core.h"
#include "node/run/gpus.h"
#include "node/work/isolated.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

enum { LIVE_MS = 500, BEAT_MS = 1000, RESEND_MS = 5000, SILENT_MS = 5000, ALONE_MS = 30000, STUCK_MS = 15000 };
enum { KNOCK_MS = 1000 };
enum { JOIN_MS = 5000, LIST_BYTES = 64 << 20, PATH_BYTES = 4400 };

static const char BLANKS[] = " \t\r\n,";

static void
init_bufs(kt_node_t *self)
{
    kt_buf_init(&self->frame, KT_MAX_FRAME_BYTES);
    kt_buf_t *lists[] = {&self->started, &self->outgoing, &self->outcomes, &self->stages, &self->held, &self->kept};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        kt_buf_init(lists[i], LIST_BYTES);
}

static void
fini_bufs(kt_node_t *self)
{
    kt_buf_t *all[] = {&self->frame,  &self->started, &self->outgoing, &self->outcomes,
                       &self->stages, &self->held,    &self->kept};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kt_buf_fini(all[i]);
}

static kt_err_t
name_self(kt_node_t *self, char why[KT_NODE_WHY])
{
    if (gethostname(self->host, sizeof self->host - 1) || !*self->host)
        snprintf(self->host, sizeof self->host, "localhost");
    snprintf(self->name, sizeof self->name, "%s", *self->settings.node_name ? self->settings.node_name : self->host);
    if (self->name[strcspn(self->name, " \t\r\n/")]) {
        snprintf(why, KT_NODE_WHY, "ANALYZER_NODE_NAME=%s: a node's name has no blanks and no '/'", self->name);
        return KT_ESETTING;
    }
    return getrandom(&self->incarnation, sizeof self->incarnation, 0) == sizeof self->incarnation ? KT_OK : KT_ESYSTEM;
}

// Keys, separated by blanks; 0 when a word is none or there are too many.
static size_t
read_keys(const char *text, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    size_t n = 0;
    while (*(text += strspn(text, BLANKS))) {
        size_t length = strcspn(text, BLANKS);
        char   word[KT_CURVE_TEXT];
        if (length >= sizeof word || n == KT_COORDINATORS_MAX)
            return 0;
        memcpy(word, text, length);
        word[length] = '\0';
        if (!kt_curve_is_key(word))
            return 0;
        memcpy(out[n++], word, sizeof word);
        text += length;
    }
    return n;
}

static size_t
read_key_file(const char *path, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT])
{
    char  text[(KT_COORDINATORS_MAX + 1) * (KT_CURVE_TEXT + 1)] = "";
    FILE *file                                                  = fopen(path, "re");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return read_keys(text, out);
}

// One key is all coordinators'; else there is one for each, in the order of their addresses.
static kt_err_t
load_server_keys(kt_node_t *self, const char *state_dir, char out[KT_COORDINATORS_MAX][KT_CURVE_TEXT],
                 char why[KT_NODE_WHY])
{
    char        path[PATH_BYTES];
    const char *given = self->settings.coordinator_key;
    size_t      n     = read_keys(given, out);
    if (*given)
        snprintf(path, sizeof path, "%s", given);
    else
        snprintf(path, sizeof path, "%s/keys/coordinator.public", state_dir);
    if (!n)
        n = read_key_file(path, out);
    if (!n) {
        snprintf(why, KT_NODE_WHY,
                 "no coordinator's public key in %.300s: start the coordinator once, copy its file there, or set "
                 "ANALYZER_COORDINATOR_KEY",
                 path);
        return KT_ENOFILE;
    }
    for (size_t i = 1; n == 1 && i < self->n_coordinators; i++)
        memcpy(out[i], out[0], sizeof out[i]);
    if (n == 1 || n == self->n_coordinators)
        return KT_OK;
    snprintf(why, KT_NODE_WHY,
             "ANALYZER_COORDINATOR_KEY has %zu keys for %zu coordinators: give one for all, or one each", n,
             self->n_coordinators);
    return KT_ESETTING;
}

static kt_err_t
load_own_key(kt_node_t *self, const char *state_dir, char why[KT_NODE_WHY])
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/keys/node-%s", state_dir, self->name);
    kt_err_t err = kt_curve_load_or_make(path, &self->key);
    if (err)
        snprintf(why, KT_NODE_WHY, "the key %.300s cannot be used (%s): see the folder's rights", path,
                 kt_err_text(err));
    return err;
}

// ANALYZER_COORDINATORS, cut at blanks.
static kt_err_t
split_coordinators(kt_node_t *self, char why[KT_NODE_WHY])
{
    const char *at     = self->settings.coordinators;
    int64_t     now_ms = kt_clock_ms();
    while (*(at += strspn(at, BLANKS))) {
        size_t                 length = strcspn(at, BLANKS);
        kt_coordinator_view_t *view   = &self->coordinators[self->n_coordinators];
        if (self->n_coordinators == KT_COORDINATORS_MAX || length >= sizeof view->address)
            break;
        memcpy(view->address, at, length);
        view->since_ms = now_ms;
        self->n_coordinators++;
        at += length;
    }
    if (self->n_coordinators && !*at)
        return KT_OK;
    snprintf(why, KT_NODE_WHY, "ANALYZER_COORDINATORS names 1 to %d addresses like tcp://127.0.0.1:8711",
             KT_COORDINATORS_MAX);
    return KT_ESETTING;
}

static void node_tick(void *context);

static void on_state(void *context, size_t index, kt_dealer_state_t state);

static const kt_dealers_ops_t DEALERS_OPS = {kt_node_order, on_state, kt_node_flush, node_tick};

static kt_err_t
connect_all(kt_node_t *self, const char (*server_publics)[KT_CURVE_TEXT], char why[KT_NODE_WHY])
{
    const char       *addresses[KT_COORDINATORS_MAX];
    kt_dealers_opts_t opts = {addresses, self->n_coordinators, server_publics, &self->key, &DEALERS_OPS,
                              self,      KT_NODE_TICK_MS};
    for (size_t i = 0; i < self->n_coordinators; i++)
        addresses[i] = self->coordinators[i].address;
    kt_err_t err = kt_dealers_new(&self->dealers, &opts);
    if (err == KT_EINVAL)
        snprintf(why, KT_NODE_WHY, "ANALYZER_COORDINATORS=%.300s: write each as tcp://127.0.0.1:8711",
                 self->settings.coordinators);
    return err;
}

static kt_err_t
open_all(kt_node_t *self, char why[KT_NODE_WHY])
{
    char     state_dir[PATH_BYTES - 256], server_publics[KT_COORDINATORS_MAX][KT_CURVE_TEXT];
    kt_err_t err = name_self(self, why);
    if (!err && !kt_settings_state_dir(&self->settings, state_dir, sizeof state_dir))
        err = KT_ESETTING;
    if (!err)
        err = load_own_key(self, state_dir, why);
    if (!err)
        err = split_coordinators(self, why);
    if (!err)
        err = load_server_keys(self, state_dir, server_publics, why);
    if (!err && !strstr(self->settings.test_fault, "noop"))
        self->gpus = kt_gpus_or_none(&self->settings);
    if (!err)
        err = kt_queue_new(&self->work, KT_ITEMS_MAX);
    if (!err)
        err = kt_queue_new(&self->events, 2 * 2 * KT_ITEMS_MAX);  // detached tasks have events too
    if (!err)
        err = connect_all(self, (const char(*)[KT_CURVE_TEXT])server_publics, why);
    if (!err)
        err = kt_dealers_watch(self->dealers, kt_queue_fd(self->events), kt_node_tickets);
    return err;
}

// Every job would fail on such a node.
static void
warn_rootless(const kt_settings_t *settings)
{
    if (!*settings->media_roots && !*settings->source_hosts && !*settings->test_fault)
        kt_log_warn("MEDIA-ROOTS-NONE", "text=\"no file may be opened: set ANALYZER_MEDIA_ROOTS\"");
}

kt_err_t
kt_node_new(kt_node_t **self_p, const kt_settings_t *settings, char why[KT_NODE_WHY])
{
    kt_node_t *self = calloc(1, sizeof *self);
    why[0]          = '\0';
    if (!self)
        return KT_ENOMEM;
    self->signal_fd = -1;
    init_bufs(self);
    kt_socket_setup();
    kt_err_t err = kt_settings_copy(settings, &self->settings);
    if (!err)
        err = open_all(self, why);
    if (err)
        goto fail;
    kt_log_info("NODE-KEY", "node=%s public_key=%s allow=\"on each coordinator's host: kithara keys allow 'KEY' %s\"",
                self->name, self->key.public_key, self->name);
    warn_rootless(&self->settings);
    *self_p = self;
    return KT_OK;
fail:
    kt_node_destroy(&self);
    return err;
}

static void
begin_drain(kt_node_t *self, const char *reason)
{
    kt_log_info("NODE-DRAIN", "on=1 reason=\"%s\" in_hand=%zu kept=%zu", reason, kt_node_in_hand(self),
                self->tasks.n_kept);
    self->draining = true;
    self->alone_ms = kt_clock_ms();
    kt_node_beat(self);
}

// What is in hand goes back at once: the coordinator gives it to others.
static void
stop_now(kt_node_t *self)
{
    kt_log_warn("NODE-STOP", "handed_back=%zu", kt_node_in_hand(self));
    self->stopping = true;
    kt_dealers_stop(self->dealers);
}

static void
on_signal(void *context)
{
    kt_node_t *self = context;
    for (int number; (number = kt_program_next_signal(self->signal_fd));) {
        if (number == SIGHUP)
            continue;
        if (self->draining)
            stop_now(self);
        else
            begin_drain(self, "signal");
    }
}

static bool
is_alone(const kt_node_t *self)
{
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            return false;
    return true;
}

// Drained when nothing is in hand and nothing is kept. Without any coordinator the results are given up after a while:
// their jobs are done again elsewhere.
static void
check_drain(kt_node_t *self, int64_t now_ms)
{
    if (!self->draining || kt_node_in_hand(self))
        return;
    if (!is_alone(self))
        self->alone_ms = now_ms;
    if (self->tasks.n_kept && now_ms - self->alone_ms < ALONE_MS)
        return;
    if (self->tasks.n_kept)
        kt_log_warn("RESULTS-GIVEN-UP", "kept=%zu", self->tasks.n_kept);
    kt_dealers_stop(self->dealers);
}

static void
check_silence(kt_node_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_coordinators; i++) {
        kt_coordinator_view_t *view = &self->coordinators[i];
        if (view->welcomed || view->said_silent || now_ms - view->since_ms < SILENT_MS)
            continue;
        view->said_silent = true;
        kt_log_warn(
            "COORDINATOR-SILENT",
            "address=%s public_key=%s text=\"is it up, is ANALYZER_COORDINATOR_KEY its key, does it allow ours?\"",
            view->address, self->key.public_key);
    }
}

// A thread that is past its file's deadline by so much does not obey it any more, and cannot be ended alone. The
// process ends; its files are suspects from now on and run alone, where the one that hangs can be ended.
static void
check_stuck(const kt_node_t *self, int64_t now_ms)
{
    int64_t own_ms = self->settings.file_deadline_s * 1000;
    for (const kt_task_t *task = self->tasks.first; task; task = task->next) {
        int64_t limit_ms =
            task->deadline_ms && task->deadline_ms < (uint64_t)own_ms ? (int64_t)task->deadline_ms : own_ms;
        if (task->stage != KT_TASK_STARTED || now_ms - task->started_ms < limit_ms + STUCK_MS)
            continue;
        kt_log_error("WORKER-STUCK", "job=%llu run=%u ms=%lld", (unsigned long long)task->job, task->run,
                     (long long)(now_ms - task->started_ms));
        _exit(EXIT_FAILURE);
    }
}

// What the link says of a connection. A refused one is tried again soon: the key may be allowed by then.
static void
on_state(void *context, size_t index, kt_dealer_state_t state)
{
    kt_node_t             *self   = context;
    kt_coordinator_view_t *view   = &self->coordinators[index];
    int64_t                now_ms = kt_clock_ms();
    if (state == KT_DEALER_UP) {
        self->live_ms      = now_ms;  // HELLO with the next tick
        view->reconnect_ms = 0;
    } else if (state == KT_DEALER_REFUSED) {
        view->reconnect_ms = now_ms + KNOCK_MS;
        if (!view->said_refused)
            kt_log_warn("KEY-REFUSED", "coordinator=%s public_key=%s text=\"kithara keys allow lets it in\"",
                        view->address, self->key.public_key);
        view->said_refused = true;
    } else {
        if (view->welcomed)
            kt_log_warn("COORDINATOR-AWAY", "address=%s in_hand=%zu kept=%zu", view->address, kt_node_in_hand(self),
                        self->tasks.n_kept);
        view->since_ms = view->welcomed ? now_ms : view->since_ms;
        view->welcomed = false;
        kt_node_away(self, index);
    }
}

static void
knock(kt_node_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_coordinators; i++) {
        kt_coordinator_view_t *view = &self->coordinators[i];
        if (!view->reconnect_ms || now_ms < view->reconnect_ms)
            continue;
        view->reconnect_ms = 0;
        kt_dealers_reconnect(self->dealers, i);
    }
}

static void
live(kt_node_t *self, int64_t now_ms)
{
    self->live_ms = now_ms + LIVE_MS;
    if (now_ms < self->beat_ms && self->beat_ms - now_ms > LIVE_MS / 2)  // else a BEAT comes at once, and says as much
        kt_node_live(self);
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (!self->coordinators[i].welcomed && now_ms >= self->coordinators[i].refused_until_ms)
            kt_node_hello(self, i);
    check_silence(self, now_ms);
}

static void
beat(kt_node_t *self, int64_t now_ms)
{
    self->beat_ms = now_ms + BEAT_MS;
    kt_node_beat(self);
    kt_node_resend(self, now_ms - RESEND_MS);
    check_stuck(self, now_ms);
}

// Once, when no GPU is left: what began there ends on the processor in any case.
static void
check_gpus(kt_node_t *self)
{
    char device[64];
    if (!self->gpus || self->gpus_lost || kt_gpus_usable(self->gpus))
        return;
    self->gpus_lost = true;
    kt_log_warn("GPU-NONE", "device=%s why=\"all are lost\" then=%s",
                kt_device_text(&self->settings, self->gpus, device), self->settings.gpu_lost);
    if (strcasecmp(self->settings.gpu_lost, "leave") == 0 && !self->draining) {
        self->failed = true;  // its supervisor sees that this was no wish
        begin_drain(self, "GPU lost");
    }
    for (size_t i = 0; i < self->n_coordinators && !self->draining; i++)
        if (self->coordinators[i].welcomed)
            kt_node_hello(self, i);  // which says what it computes on from now on
}

static void
node_tick(void *context)
{
    kt_node_t *self   = context;
    int64_t    now_ms = kt_clock_ms();
    knock(self, now_ms);
    if (now_ms >= self->live_ms)
        live(self, now_ms);
    if (now_ms >= self->beat_ms)
        beat(self, now_ms);
    check_gpus(self);
    check_drain(self, now_ms);
}

kt_err_t
kt_node_run(kt_node_t *self, int signal_fd)
{
    self->signal_fd = signal_fd;
    kt_err_t err    = signal_fd >= 0 ? kt_dealers_watch(self->dealers, signal_fd, on_signal) : KT_OK;
    if (err)
        return err;
    kt_dealers_run(self->dealers);
    kt_node_bye(self, self->failed ? "unable to work" : self->stopping ? "stopped" : "drained");
    kt_log_info("NODE-END", "kept=%zu in_hand=%zu", self->tasks.n_kept, kt_node_in_hand(self));
    return self->failed ? KT_ESTATE : KT_OK;
}

static void
cancel_all(kt_node_t *self)
{
    for (kt_task_t *task = self->tasks.first, *next; task; task = next) {
        next = task->next;
        kt_node_cancel(self, task);
    }
}

void
kt_node_destroy(kt_node_t **self_p)
{
    kt_node_t *self = *self_p;
    if (!self)
        return;
    cancel_all(self);
    kt_dealers_destroy(&self->dealers);
    if (self->work && !kt_node_join_workers(self, JOIN_MS)) {
        // A thread still runs in memory that cannot be freed under it; everything is told, so the process ends here.
        kt_log_warn("WORKER-LEFT", "text=\"a worker did not end in time\"");
        _exit(self->failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    if (self->events)
        kt_node_tickets(self);
    kt_pipeline_destroy(&self->pipeline);
    kt_gpus_close(&self->gpus);
    kt_noop_destroy(&self->noop);
    kt_queue_destroy(&self->work);
    kt_queue_destroy(&self->events);
    kt_tasks_fini(&self->tasks);
    kt_wire_arena_fini(&self->arena);
    kt_settings_fini(&self->settings);
    fini_bufs(self);
    free(self);
    *self_p = NULL;
}
