#include "node/link/receive.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/settings_pass.h"
#include "common/settings_shared.h"
#include "node/link/models.h"
#include "node/link/send.h"
#include "node/link/state.h"

#include <string.h>

enum { REFUSED_MS = 1500, NAME_BYTES = KT_COORDINATOR_NAME, VALUE_BYTES = 4097, TEXT_BYTES = 257 };

// The coordinator's shared settings replace this node's before the first file; later, different ones need a restart.
// Other settings in a WELCOME are ignored.
static kt_err_t
share_settings(kt_uplink_t *self, const kt_msg_welcome_t *msg)
{
    char           name[NAME_BYTES], value[VALUE_BYTES], why[KT_SETTINGS_WHY] = "";
    kt_settings_t *own = self->opts.settings;
    kt_settings_t  wanted;
    kt_err_t       err = kt_settings_copy(own, &wanted);
    if (err)
        return err;
    for (size_t i = 0; i < msg->settings.n && !err; i++) {
        kt_bytes_copy(name, sizeof name, msg->settings.at[i].name);
        kt_bytes_copy(value, sizeof value, msg->settings.at[i].value);
        if (kt_settings_is_shared(name))
            err = kt_settings_set(&wanted, name, value, why);
    }
    if (!err)
        err = kt_settings_check(&wanted, why);
    if (err)
        kt_log_error("SETTINGS-BAD", "err=%s text=\"%s\"", kt_err_name(err), why);

    bool same = !err && kt_settings_same_shared(&wanted, own);
    if (!err && !same && !self->work->threads) {
        kt_settings_t replaced = *own;
        *own                   = wanted;
        wanted                 = replaced;
    } else if (!err && !same) {
        kt_log_error("SETTINGS-CHANGED",
                     "text=\"the coordinator's shared settings differ: restart the node to use them\"");
        err = KT_ESETTING;
    }
    kt_settings_fini(&wanted);
    return err;
}

// The process is known by its instance; one that does not state it, by its lease.
static bool
is_same_coordinator(const kt_coordinator_view_t *a, const kt_coordinator_view_t *b)
{
    bool process = a->instance || b->instance ? a->instance == b->instance : a->epoch == b->epoch;
    return process && strcmp(a->name, b->name) == 0;
}

// Another address of this coordinator that is in use; n_coordinators: none.
static size_t
find_used_address(const kt_uplink_t *self, size_t index)
{
    const kt_coordinator_view_t *views = self->coordinators;
    size_t                       used  = 0;
    while (used < self->n_coordinators &&
           (used == index || !views[used].welcomed || !is_same_coordinator(&views[used], &views[index])))
        used++;
    return used;
}

// The coordinator has moved the node to this connection: a HELLO moves it back, and nothing more is sent here. What was
// given here belongs to the address in use.
static void
become_twin(kt_uplink_t *self, size_t index, size_t used)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    for (kt_task_t *task = self->work->tasks.first; task; task = task->next)
        if (task->coordinator == index)
            task->coordinator = used;
    if (!view->logged_twin)
        kt_log_warn("COORDINATOR-TWICE",
                    "coordinator=%s address=%s used=%s text=\"both lead to one coordinator: the first is left out "
                    "while the other one works\"",
                    view->name, view->address, self->coordinators[used].address);
    view->logged_twin = view->twin = true;
    view->twin_of                  = used;
    view->welcomed = view->logged_silent = view->logged_refused = false;
    kt_send_hello(self, used);
}

static void
on_welcome(kt_uplink_t *self, size_t index, const kt_msg_welcome_t *msg)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (msg->wire < KT_WIRE_LEAST || msg->wire > KT_WIRE_VERSION)
        return;
    kt_bytes_copy(view->name, sizeof view->name, msg->coordinator);
    view->epoch    = msg->epoch;
    view->instance = msg->instance;
    size_t used    = find_used_address(self, index);
    if (used < self->n_coordinators) {
        become_twin(self, index, used);
        return;
    }
    view->twin = view->logged_twin = false;
    view->drained                  = false;  // DRAIN follows while it is in force
    view->welcomed                 = true;
    kt_err_t err                   = share_settings(self, msg);
    if (!err)
        err = kt_work_start(self->work, self->opts.settings, self->opts.gpus);
    if (err) {
        self->opts.port.unable(self->opts.port.context, err);
        return;
    }
    kt_log_info("NODE-WELCOME", "coordinator=%s address=%s epoch=%llu kept=%zu", view->name, view->address,
                (unsigned long long)msg->epoch, self->work->tasks.n_unacked);
    view->logged_silent = view->logged_refused = false;
    view->seen_batch                           = 0;
    view->idle_beats                           = 0;
    kt_uplink_models_welcome(self, index, msg);
    kt_send_beats(self);
    kt_send_again(self, INT64_MAX);
}

static void
on_batch(kt_uplink_t *self, size_t index, const kt_msg_batch_t *msg)
{
    if (!self->work->threads || self->stopping)
        return;
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (msg->number > view->seen_batch)
        view->seen_batch = msg->number;
    view->used = true;
    if (view->idle_beats >= KT_IDLE_BEATS)  // it gets its full share again
        self->beat_ms = 0;
    // Several coordinators may use old credit at once: what exceeds the limit is dropped, and missing in the next BEAT.
    size_t limit = self->limit > self->limit_before ? self->limit : self->limit_before;
    // One set for the whole batch, whatever arrives while its files are analysed.
    kt_model_set_t *models = self->opts.models ? kt_model_sync_set(self->opts.models) : NULL;
    for (size_t i = 0; i < msg->items.n; i++) {
        const kt_wire_work_t *work = &msg->items.at[i];
        kt_task_t            *task = kt_tasks_find(&self->work->tasks, work->job, work->run);
        if (!task) {
            if (!self->work->tasks.n_exclusive && kt_work_in_flight(self->work) < limit)
                (void)!kt_work_add(self->work, work, index, models);  // when it fails: dropped, as above
            continue;
        }
        // A job that is here already continues under the newer attempt's number. A finished one keeps its own:
        // renumbered, an old failure would count once more.
        task->coordinator = index;
        task->orphan      = false;
        if (task->stage != KT_TASK_UNACKED && work->attempt >= task->attempt)
            kt_task_renew(task, work);
        if (task->stage == KT_TASK_UNACKED)
            kt_buf_add(&self->finished, &task, sizeof task);
        else if (task->stage == KT_TASK_STARTED)
            kt_buf_add(&self->started, &task, sizeof task);
    }
    kt_model_set_release(&models);
}

// ACK (stored): the task is removed; another node may have finished it while this one is still at work. CANCEL (not
// stored): removed too, but a task of another coordinator that is connected only stops: that one gets its outcome, as
// of any other task.
static void
release_tasks(kt_uplink_t *self, size_t index, const kt_wire_ref_t *refs, size_t n, bool stored)
{
    kt_send_flush(self);  // the tasks that are removed here may be in its lists
    for (size_t i = 0; i < n; i++) {
        kt_task_t *task = kt_tasks_find(&self->work->tasks, refs[i].job, refs[i].run);
        if (!task)
            continue;
        bool foreign = task->coordinator != index && !task->orphan && self->coordinators[task->coordinator].welcomed;
        if (foreign && !stored)
            task->cancelled = true;
        else
            kt_work_cancel(self->work, task);
    }
}

static void
on_nack(kt_uplink_t *self, const kt_msg_nack_t *msg)
{
    for (size_t i = 0; i < msg->items.n; i++) {
        const kt_wire_refusal_t *refusal = &msg->items.at[i];
        kt_task_t               *task    = kt_tasks_find(&self->work->tasks, refusal->job, refusal->run);
        if (!task || task->stage != KT_TASK_UNACKED)
            continue;
        kt_err_t err = refusal->err < 0 ? (kt_err_t)refusal->err : KT_EBADDATA;
        char     fields[KT_JOB_LOG];
        kt_log_warn("RESULT-REFUSED", "job=%llu run=%u err=%s %s", (unsigned long long)task->job, task->run,
                    kt_err_name(err), kt_job_log_fields(task->body, task->body_bytes, fields));
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, err, "the result could not be stored");
        kt_buf_add(&self->finished, &task, sizeof task);
    }
}

static void
on_drain(kt_uplink_t *self, size_t index, const kt_msg_drain_t *msg)
{
    char reason[TEXT_BYTES], quoted[TEXT_BYTES];
    kt_bytes_copy(reason, sizeof reason, msg->reason);
    kt_log_info("NODE-DRAIN", "on=%d reason=\"%s\"", msg->on, kt_log_quote(quoted, sizeof quoted, reason));
    self->coordinators[index].drained = msg->on;
    kt_send_beats(self);
}

static void
on_refuse(kt_uplink_t *self, size_t index, const kt_msg_refuse_t *msg)
{
    char                   text[TEXT_BYTES], quoted[TEXT_BYTES];
    kt_coordinator_view_t *view   = &self->coordinators[index];
    int64_t                now_ms = kt_clock_ms();
    kt_bytes_copy(text, sizeof text, msg->text);
    if (!view->logged_refused)
        kt_log_error("NODE-REFUSED", "coordinator=%s err=%s text=\"%s\" public_key=%s", view->address,
                     kt_err_name((kt_err_t)msg->err), kt_log_quote(quoted, sizeof quoted, text),
                     self->opts.key->public_key);
    if (view->joining && msg->err == KT_EAUTH)
        kt_uplink_join(self, index, false);
    kt_uplink_orphan(self, index);
    view->logged_refused   = true;
    view->welcomed         = false;
    view->since_ms         = now_ms;
    view->refused_until_ms = now_ms + REFUSED_MS;
}

static void
on_joined(kt_uplink_t *self, size_t index)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (!view->joining)
        return;
    kt_log_info("NODE-JOINED", "coordinator=%s node=%s", view->address, self->opts.name);
    view->logged_join = view->logged_refused = false;
    kt_uplink_join(self, index, false);
}

static void
on_who(kt_uplink_t *self, size_t index)
{
    kt_coordinator_view_t *view   = &self->coordinators[index];
    int64_t                now_ms = kt_clock_ms();
    if (view->twin)
        return;
    if (view->welcomed)
        view->since_ms = now_ms;
    view->welcomed = false;
    if (now_ms >= view->refused_until_ms)
        kt_send_hello(self, index);
}

void
kt_uplink_receive(kt_uplink_t *self, size_t index, const void *bytes, size_t length)
{
    kt_msg_t msg;
    kt_err_t err = kt_wire_decode(bytes, length, &self->arena, &msg);
    if (err) {
        kt_log_warn("FRAME-BAD", "coordinator=%s bytes=%zu err=%s", self->coordinators[index].address, length,
                    kt_err_name(err));
        return;
    }
    const kt_coordinator_view_t *view = &self->coordinators[index];
    if (view->twin && msg.type != KT_MSG_WHO && msg.type != KT_MSG_WELCOME && msg.type != KT_MSG_REFUSE)
        index = view->twin_of;  // sent before the coordinator had moved the node back
    switch (msg.type) {
    case KT_MSG_WHO: on_who(self, index); break;
    case KT_MSG_WELCOME: on_welcome(self, index, &msg.welcome); break;
    case KT_MSG_BATCH: on_batch(self, index, &msg.batch); break;
    case KT_MSG_ACK: release_tasks(self, index, msg.ack.items.at, msg.ack.items.n, true); break;
    case KT_MSG_CANCEL: release_tasks(self, index, msg.cancel.items.at, msg.cancel.items.n, false); break;
    case KT_MSG_NACK: on_nack(self, &msg.nack); break;
    case KT_MSG_DRAIN: on_drain(self, index, &msg.drain); break;
    case KT_MSG_MODELS: kt_uplink_models_take(self, index, &msg.models, bytes, length); break;
    case KT_MSG_PART: kt_uplink_models_part(self, index, &msg.part); break;
    case KT_MSG_JOINED: on_joined(self, index); break;
    case KT_MSG_REFUSE: on_refuse(self, index, &msg.refuse); break;
    default: kt_log_warn("FRAME-UNEXPECTED", "message=%s", kt_msg_name(msg.type));
    }
}
