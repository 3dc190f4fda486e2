// What coordinators say. Every order may come twice, late, or for something that is not here any more.
#include "common/clock.h"
#include "common/log.h"
#include "node/core.h"
#include "node/work/isolated.h"

#include <stdio.h>
#include <string.h>

enum { REFUSED_MS = 1500, NAME_BYTES = 65, VALUE_BYTES = 4097, TEXT_BYTES = 257 };

// What changes a document's bytes: nothing else is taken over from a coordinator.
static const struct {
    const char *name;
    size_t      offset;  // of an int64_t in kt_settings_t
} SHARED[] = {
    {"ANALYZER_SAMPLE_RATE", offsetof(kt_settings_t, sample_rate_hz)},
    {"ANALYZER_HOP_LENGTH", offsetof(kt_settings_t, hop_length)},
    {"ANALYZER_N_FFT", offsetof(kt_settings_t, n_fft)},
    {"ANALYZER_N_MFCC", offsetof(kt_settings_t, n_mfcc)},
    {"ANALYZER_N_CHROMA", offsetof(kt_settings_t, n_chroma)},
    {"ANALYZER_MAX_DURATION", offsetof(kt_settings_t, max_duration_s)},
};
enum { N_SHARED = sizeof SHARED / sizeof *SHARED };

static bool
is_shared(const char *name)
{
    for (size_t i = 0; i < N_SHARED; i++)
        if (strcmp(SHARED[i].name, name) == 0)
            return true;
    return false;
}

static bool
is_same(const kt_settings_t *a, const kt_settings_t *b)
{
    for (size_t i = 0; i < N_SHARED; i++)
        if (memcmp((const char *)a + SHARED[i].offset, (const char *)b + SHARED[i].offset, sizeof(int64_t)) != 0)
            return false;
    return true;
}

static kt_err_t
put_all(kt_settings_t *settings, const kt_msg_welcome_t *msg)
{
    char     name[NAME_BYTES], value[VALUE_BYTES], why[KT_SETTINGS_WHY] = "";
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < msg->settings.n && !err; i++) {
        kt_bytes_copy(name, sizeof name, msg->settings.at[i].name);
        kt_bytes_copy(value, sizeof value, msg->settings.at[i].value);
        if (is_shared(name))
            err = kt_settings_set(settings, name, value, why);
    }
    if (!err)
        err = kt_settings_check(settings, why);
    if (err)
        kt_log_error("SETTINGS-BAD", "err=%s text=\"%s\"", kt_err_name(err), why);
    return err;
}

// The coordinator's shared settings become ours before the first file; afterwards only a fresh start takes them over.
static kt_err_t
share_settings(kt_node_t *self, const kt_msg_welcome_t *msg)
{
    kt_settings_t wanted;
    kt_err_t      err = kt_settings_copy(&self->settings, &wanted);
    if (err)
        return err;
    err       = put_all(&wanted, msg);
    bool same = !err && is_same(&wanted, &self->settings);
    if (!err && !same && !self->n_workers) {
        kt_settings_t ours = self->settings;
        self->settings     = wanted;
        wanted             = ours;
    } else if (!err && !same) {
        kt_log_error("SETTINGS-CHANGED", "text=\"%s\"", "the coordinator has others now: a new start takes them over");
        err = KT_ESETTING;
    }
    kt_settings_fini(&wanted);
    return err;
}

static void
on_welcome(kt_node_t *self, size_t index, const kt_msg_welcome_t *msg)
{
    char                   name[KT_NODE_TEXT + 1];
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (msg->wire < KT_WIRE_LEAST || msg->wire > KT_WIRE_VERSION)
        return;
    view->welcomed = true;
    kt_err_t err   = share_settings(self, msg);
    if (!err)
        err = kt_node_start_workers(self);
    if (err) {
        kt_log_error("NODE-UNABLE", "err=%s text=\"%s\"", kt_err_name(err), kt_err_text(err));
        self->failed = true;
        kt_dealers_stop(self->dealers);
        return;
    }
    kt_bytes_copy(name, sizeof name, msg->coordinator);
    kt_log_info("NODE-WELCOME", "coordinator=%s address=%s epoch=%llu kept=%zu", name, view->address,
                (unsigned long long)msg->epoch, self->tasks.n_kept);
    view->said_silent = view->said_refused = false;
    view->seen_batch                       = 0;
    view->idle_beats                       = 0;
    kt_node_beat(self);
    kt_node_resend(self, INT64_MAX);
}

// A job that is here already: what is still to come will carry the newer attempt's number. An outcome that is kept
// belongs to the attempt that made it: renumbered, an old failure would count once more.
static void
take_again(kt_node_t *self, kt_task_t *task, const kt_wire_work_t *work, size_t index)
{
    task->coordinator = index;
    task->orphan      = false;
    if (task->stage != KT_TASK_KEPT && work->attempt > task->attempt)
        task->attempt = (uint32_t)work->attempt;
    if (task->stage == KT_TASK_KEPT)
        kt_buf_add(&self->outgoing, &task, sizeof task);
    else if (task->stage == KT_TASK_STARTED)
        kt_buf_add(&self->started, &task, sizeof task);
}

static void
take(kt_node_t *self, const kt_wire_work_t *work, size_t index)
{
    kt_task_t *task = kt_tasks_find(&self->tasks, work->job, work->run);
    if (task) {
        take_again(self, task, work, index);
        return;
    }
    // Beyond what was offered: several coordinators may use old credit at once. They miss it in our beats.
    size_t limit = self->limit > self->limit_before ? self->limit : self->limit_before;
    if (self->tasks.n_exclusive || kt_node_in_hand(self) >= limit || kt_tasks_add(&self->tasks, work, index, &task))
        return;
    if (task->parked)
        return;
    kt_task_t *pushed = task;
    if (kt_queue_push(self->work, &pushed))
        kt_tasks_forget(&self->tasks, &task);
}

void
kt_node_unpark(kt_node_t *self)
{
    kt_task_t *parked = NULL;
    size_t     others = self->n_detached;
    for (kt_task_t *task = self->tasks.first; task && self->tasks.n_exclusive; task = task->next) {
        parked = task->parked ? task : parked;
        others += !task->parked && task->stage != KT_TASK_KEPT;
    }
    if (!parked || others)
        return;
    parked->parked    = false;
    kt_task_t *pushed = parked;
    if (kt_queue_push(self->work, &pushed))
        kt_tasks_forget(&self->tasks, &parked);
}

static void
on_batch(kt_node_t *self, size_t index, const kt_msg_batch_t *msg)
{
    if (!self->n_workers || self->stopping)
        return;
    kt_coordinator_view_t *view = &self->coordinators[index];
    view->seen_batch            = msg->number;
    view->used                  = true;
    if (view->idle_beats >= KT_NODE_IDLE_BEATS)  // it gets its full share again
        self->beat_ms = 0;
    for (size_t i = 0; i < msg->items.n; i++)
        take(self, &msg->items.at[i], index);
}

void
kt_node_cancel(kt_node_t *self, kt_task_t *task)
{
    task->cancelled = true;
    if (task->stage == KT_TASK_KEPT || task->parked) {
        kt_tasks_forget(&self->tasks, &task);
        return;
    }
    kt_tasks_detach(&self->tasks, task);
    self->n_detached++;
}

// Somebody has to take over what a coordinator that is away gave us: all others learn what we have of it, and get its
// outcomes. Who comes first stores them.
void
kt_node_away(kt_node_t *self, size_t index)
{
    for (kt_task_t *task = self->tasks.first; task; task = task->next) {
        if (task->coordinator != index || task->orphan)
            continue;
        task->orphan  = true;
        self->beat_ms = 0;
        if (task->stage == KT_TASK_KEPT)
            kt_buf_add(&self->outgoing, &task, sizeof task);
    }
}

// Acknowledged: stored, perhaps by another node's work while ours still goes on.
static void
on_ack(kt_node_t *self, const kt_msg_ack_t *msg)
{
    kt_node_flush(self);  // nothing that waits to be told may point to what is forgotten here
    for (size_t i = 0; i < msg->items.n; i++) {
        kt_task_t *task = kt_tasks_find(&self->tasks, msg->items.at[i].job, msg->items.at[i].run);
        if (task)
            kt_node_cancel(self, task);
    }
}

// An operator asked one coordinator to cancel what another one has given us: the work stops, and who gave it hears of
// that as of any other outcome.
static bool
is_of_another(const kt_node_t *self, const kt_task_t *task, size_t index)
{
    return task->coordinator != index && !task->orphan && self->coordinators[task->coordinator].welcomed;
}

static void
on_cancel(kt_node_t *self, size_t index, const kt_msg_cancel_t *msg)
{
    kt_node_flush(self);
    for (size_t i = 0; i < msg->items.n; i++) {
        kt_task_t *task = kt_tasks_find(&self->tasks, msg->items.at[i].job, msg->items.at[i].run);
        if (task && is_of_another(self, task, index))
            task->cancelled = true;
        else if (task)
            kt_node_cancel(self, task);
    }
}

static void
on_nack(kt_node_t *self, const kt_msg_nack_t *msg)
{
    for (size_t i = 0; i < msg->items.n; i++) {
        const kt_wire_refusal_t *refusal = &msg->items.at[i];
        kt_task_t               *task    = kt_tasks_find(&self->tasks, refusal->job, refusal->run);
        if (!task || task->stage != KT_TASK_KEPT)
            continue;
        kt_err_t err = refusal->err < 0 ? (kt_err_t)refusal->err : KT_EBADDATA;
        kt_log_warn("RESULT-REFUSED", "job=%llu run=%u err=%s", (unsigned long long)task->job, task->run,
                    kt_err_name(err));
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, err, "the result could not be stored");
        kt_buf_add(&self->outgoing, &task, sizeof task);
    }
}

static void
on_drain(kt_node_t *self, size_t index, const kt_msg_drain_t *msg)
{
    char reason[TEXT_BYTES], quoted[TEXT_BYTES];
    kt_bytes_copy(reason, sizeof reason, msg->reason);
    kt_log_info("NODE-DRAIN", "on=%d reason=\"%s\"", msg->on, kt_log_quote(quoted, sizeof quoted, reason));
    self->coordinators[index].drained = msg->on;
    kt_node_beat(self);
}

static void
on_refuse(kt_node_t *self, size_t index, const kt_msg_refuse_t *msg)
{
    char                   text[TEXT_BYTES], quoted[TEXT_BYTES];
    kt_coordinator_view_t *view = &self->coordinators[index];
    kt_bytes_copy(text, sizeof text, msg->text);
    if (!view->said_refused)
        kt_log_error("NODE-REFUSED", "coordinator=%s err=%s text=\"%s\" public_key=%s", view->address,
                     kt_err_name((kt_err_t)msg->err), kt_log_quote(quoted, sizeof quoted, text), self->key.public_key);
    kt_node_away(self, index);
    view->said_refused     = true;
    view->welcomed         = false;
    view->since_ms         = kt_clock_ms();
    view->refused_until_ms = kt_clock_ms() + REFUSED_MS;
}

static void
on_who(kt_node_t *self, size_t index)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (view->welcomed)
        view->since_ms = kt_clock_ms();
    view->welcomed = false;
    if (kt_clock_ms() >= view->refused_until_ms)
        kt_node_hello(self, index);
}

void
kt_node_order(void *context, size_t index, const void *bytes, size_t length)
{
    kt_node_t *self = context;
    kt_msg_t   msg;
    kt_err_t   err = kt_wire_decode(bytes, length, &self->arena, &msg);
    if (err) {
        kt_log_warn("FRAME-BAD", "coordinator=%s bytes=%zu err=%s", self->coordinators[index].address, length,
                    kt_err_name(err));
        return;
    }
    switch (msg.type) {
    case KT_MSG_WHO: on_who(self, index); break;
    case KT_MSG_WELCOME: on_welcome(self, index, &msg.welcome); break;
    case KT_MSG_BATCH: on_batch(self, index, &msg.batch); break;
    case KT_MSG_ACK: on_ack(self, &msg.ack); break;
    case KT_MSG_CANCEL: on_cancel(self, index, &msg.cancel); break;
    case KT_MSG_NACK: on_nack(self, &msg.nack); break;
    case KT_MSG_DRAIN: on_drain(self, index, &msg.drain); break;
    case KT_MSG_REFUSE: on_refuse(self, index, &msg.refuse); break;
    default: kt_log_warn("FRAME-UNEXPECTED", "message=%s", kt_msg_name(msg.type));
    }
}
