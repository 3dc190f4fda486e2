#include "node/link/uplink.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/net/address.h"
#include "common/text.h"
#include "node/link/models.h"
#include "node/link/send.h"
#include "node/link/state.h"

#include <stdlib.h>

enum { LIVE_MS = 500, BEAT_MS = 1000, RESEND_MS = 5000, SILENT_MS = 5000, RECONNECT_MS = 1000, LIST_BYTES = 64 << 20 };
enum { JOIN_STEP_MS = 50, JOIN_AGAIN_MS = 10000 };
// libzmq connects again by itself, except after a refusal, of which it may drop the event. Two handshakes long.
enum { STUCK_MS = 10000 };

kt_err_t
kt_uplink_new(kt_uplink_t **self_p, const kt_uplink_opts_t *opts)
{
    if (!opts->n || opts->n > KT_COORDINATORS_MAX)
        return KT_EINVAL;
    kt_uplink_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts           = *opts;
    self->work           = opts->work;
    self->n_coordinators = opts->n;
    kt_buf_init(&self->frame, KT_MAX_FRAME_BYTES);
    kt_buf_t *lists[] = {&self->started, &self->finished, &self->outcomes, &self->stages, &self->held, &self->unacked};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        kt_buf_init(lists[i], LIST_BYTES);
    for (size_t i = 0; i < opts->n; i++) {
        self->coordinators[i].since_ms     = kt_clock_ms();
        self->coordinators[i].reconnect_ms = self->coordinators[i].since_ms + STUCK_MS;
        kt_buf_init(&self->coordinators[i].models, KT_MAX_FRAME_BYTES);
        if (!kt_text_copy(self->coordinators[i].address, KT_ADDRESS_BYTES, opts->addresses[i]))
            goto fail;
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_uplink_destroy(&self);
    return KT_EINVAL;
}

void
kt_uplink_destroy(kt_uplink_t **self_p)
{
    kt_uplink_t *self = *self_p;
    if (!self)
        return;
    kt_buf_t *all[] = {&self->frame,  &self->started, &self->finished, &self->outcomes,
                       &self->stages, &self->held,    &self->unacked};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kt_buf_fini(all[i]);
    for (size_t i = 0; i < KT_COORDINATORS_MAX; i++)
        kt_buf_fini(&self->coordinators[i].models);
    kt_wire_arena_fini(&self->models.arena);
    kt_wire_arena_fini(&self->arena);
    free(self);
    *self_p = NULL;
}

bool
kt_uplink_is_welcome(const kt_uplink_t *self)
{
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            return true;
    return false;
}

void
kt_uplink_orphan(kt_uplink_t *self, size_t index)
{
    for (kt_task_t *task = self->work->tasks.first; task; task = task->next) {
        if (task->coordinator != index || task->orphan)
            continue;
        task->orphan  = true;
        self->beat_ms = 0;
        if (task->stage == KT_TASK_UNACKED)
            kt_buf_add(&self->finished, &task, sizeof task);
    }
}

void
kt_uplink_join(kt_uplink_t *self, size_t index, bool joining)
{
    kt_coordinator_view_t *view   = &self->coordinators[index];
    int64_t                now_ms = kt_clock_ms();
    view->joining                 = joining;
    view->reconnect_ms            = now_ms + JOIN_STEP_MS;
    view->join_after_ms           = now_ms + JOIN_AGAIN_MS;
    self->opts.port.use_key(self->opts.port.context, index, joining ? self->opts.join : self->opts.key);
}

// The coordinator does not accept the key of the connection: the node's own is tried again each second, that of the
// join token between two of these at most each JOIN_AGAIN_MS.
static void
uplink_on_refused(kt_uplink_t *self, size_t index, int64_t now_ms)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    view->reconnect_ms          = now_ms + RECONNECT_MS;
    if (view->joining) {
        if (!view->logged_join)
            kt_log_error("JOIN-REFUSED",
                         "coordinator=%s text=\"the join token has expired or is not known there: make "
                         "one with kithara keys token new\"",
                         view->address);
        view->logged_join = true;
        kt_uplink_join(self, index, false);
        return;
    }
    if (self->opts.join && now_ms >= view->join_after_ms) {
        kt_uplink_join(self, index, true);
        return;
    }
    if (!view->logged_refused)
        kt_log_warn("KEY-REFUSED", "coordinator=%s public_key=%s text=\"allow it with: kithara keys allow\"",
                    view->address, self->opts.key->public_key);
    view->logged_refused = true;
}

void
kt_uplink_state(kt_uplink_t *self, size_t index, kt_dealer_state_t state)
{
    kt_coordinator_view_t *view   = &self->coordinators[index];
    int64_t                now_ms = kt_clock_ms();
    switch (state) {
    case KT_DEALER_UP:
        self->live_ms      = now_ms;  // HELLO with the next tick
        view->reconnect_ms = 0;
        break;
    case KT_DEALER_REFUSED: uplink_on_refused(self, index, now_ms); break;
    case KT_DEALER_DOWN:
        if (view->welcomed) {
            kt_log_warn("COORDINATOR-AWAY", "address=%s in_hand=%zu kept=%zu", view->address,
                        kt_work_in_flight(self->work), self->work->tasks.n_unacked);
            view->since_ms = now_ms;
        }
        if (!view->reconnect_ms)
            view->reconnect_ms = now_ms + STUCK_MS;
        view->welcomed = view->twin = false;
        for (size_t i = 0; i < self->n_coordinators; i++)  // HELLO with the next tick
            self->coordinators[i].twin = self->coordinators[i].twin && self->coordinators[i].twin_of != index;
        kt_uplink_orphan(self, index);
        kt_uplink_models_choose(self);
    }
}

void
kt_uplink_tick(kt_uplink_t *self, int64_t now_ms)
{
    for (size_t i = 0; i < self->n_coordinators; i++) {
        kt_coordinator_view_t *view = &self->coordinators[i];
        if (!view->reconnect_ms || now_ms < view->reconnect_ms)
            continue;
        view->reconnect_ms = now_ms + STUCK_MS;
        self->opts.port.reconnect(self->opts.port.context, i);
    }
    if (now_ms >= self->live_ms) {
        self->live_ms = now_ms + LIVE_MS;
        if (now_ms < self->beat_ms && self->beat_ms - now_ms > LIVE_MS / 2)  // a BEAT proves life as well
            kt_send_live(self);
        for (size_t i = 0; i < self->n_coordinators; i++) {
            kt_coordinator_view_t *view = &self->coordinators[i];
            if (view->twin)
                continue;
            if (!view->welcomed && now_ms >= view->refused_until_ms)
                kt_send_hello(self, i);
            if (view->welcomed || view->logged_silent || now_ms - view->since_ms < SILENT_MS)
                continue;
            view->logged_silent = true;
            kt_log_warn("COORDINATOR-SILENT",
                        "address=%s public_key=%s text=\"no WELCOME: does it run, is ANALYZER_COORDINATOR_KEY its key, "
                        "does it allow ours?\"",
                        view->address, self->opts.key->public_key);
            kt_address_look_up(view->address);
        }
    }
    kt_uplink_models_tick(self, now_ms);
    if (now_ms >= self->beat_ms) {
        self->beat_ms = now_ms + BEAT_MS;
        kt_send_beats(self);
        kt_send_again(self, now_ms - RESEND_MS);
    }
}

// A task that starts and ends in one turn needs no STARTED: kt_send_flush checks its stage.
static void
task_changed(void *context, kt_task_t *task)
{
    kt_uplink_t *self = context;
    kt_buf_add(task->stage == KT_TASK_STARTED ? &self->started : &self->finished, &task, sizeof task);
}

void
kt_uplink_events(kt_uplink_t *self, int64_t now_ms)
{
    kt_work_events(self->work, now_ms, task_changed, self);
}

void
kt_uplink_drain(kt_uplink_t *self)
{
    self->draining = true;
    kt_send_beats(self);
}

void
kt_uplink_stop(kt_uplink_t *self)
{
    self->stopping = true;
}
