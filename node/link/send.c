// What coordinators are told: who we are, that we live, what we hold, what begins, what became of it. References gather
// during a turn of the loop and leave as few frames at its end.
#include "common/clock.h"
#include "common/log.h"
#include "node/core.h"
#include "node/run/gpus.h"
#include "node/work/isolated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKETS_A_TURN = 1024, FRAME_ITEMS = 256, FRAME_BYTES = 256 << 10, STARTED_ITEMS = 1024 };
enum { LEAST_WORK_MS = 1000, BATCHES_AHEAD = 4 };

static void
node_send(kt_node_t *self, size_t index, const kt_msg_t *msg)
{
    kt_buf_clear(&self->frame);
    kt_err_t err = kt_wire_encode(msg, &self->frame);
    if (!err)
        err = self->frame.err;
    if (!err)
        err = kt_dealers_send(self->dealers, index, self->frame.bytes, self->frame.length);
    if (err && err != KT_EUNREACHABLE)
        kt_log_error("ENCODE-FAILED", "message=%s err=%s", kt_msg_name(msg->type), kt_err_name(err));
}

void
kt_node_hello(kt_node_t *self, size_t index)
{
    char     device[64];
    kt_msg_t msg          = {.type = KT_MSG_HELLO};
    msg.hello.wire        = KT_WIRE_VERSION;
    msg.hello.wire_least  = KT_WIRE_LEAST;
    msg.hello.name        = kt_bytes_of(self->name);
    msg.hello.incarnation = self->incarnation;
    msg.hello.host        = kt_bytes_of(self->host);
    msg.hello.version     = kt_bytes_of(KT_VERSION);
    msg.hello.analysis    = kt_bytes_of(KT_ANALYSIS_VERSION);
    msg.hello.device      = kt_bytes_of(kt_device_text(&self->settings, self->gpus, device));
    msg.hello.slots       = (uint64_t)self->settings.workers;
    node_send(self, index, &msg);
}

void
kt_node_live(kt_node_t *self)
{
    kt_wire_progress_t progress[KT_NODE_WORKERS];
    kt_msg_t           msg = {.type = KT_MSG_LIVE};
    for (size_t i = 0; i < self->n_workers; i++)
        progress[i].count = self->workers[i].progress;
    msg.live.workers.at = progress;
    msg.live.workers.n  = self->n_workers;
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            node_send(self, i, &msg);
}

size_t
kt_node_in_hand(const kt_node_t *self)
{
    return self->tasks.n - self->tasks.n_kept + self->n_detached;
}

// How many files we want to have here: a second's work beyond one a slot, so that no worker waits for a frame, but no
// more than a few batches, so that the last files of a run are not all here.
static size_t
wanted(const kt_node_t *self)
{
    size_t slots = (size_t)self->settings.workers, batch = (size_t)self->settings.batch_size;
    double ahead = self->mean_us > 0 ? (double)slots * LEAST_WORK_MS * 1000 / self->mean_us : (double)batch;
    double most  = (double)(batch * BATCHES_AHEAD);
    if (ahead > most)
        ahead = most;
    return slots + (ahead < (double)slots ? slots : (size_t)ahead);
}

static bool
takes_part(const kt_node_t *self, size_t index)
{
    return self->coordinators[index].welcomed && !self->coordinators[index].drained;
}

static bool
is_idle(const kt_coordinator_view_t *view)
{
    return view->idle_beats >= KT_NODE_IDLE_BEATS;
}

// Parts of `room` for those who take part and are idle, or not; what is left over goes to another one each time.
static size_t
share_among(kt_node_t *self, size_t room, size_t each, bool idle)
{
    size_t given = 0;
    for (size_t k = 0; k < self->n_coordinators && given < room; k++) {
        size_t                 i    = (self->beats + k) % self->n_coordinators;
        kt_coordinator_view_t *view = &self->coordinators[i];
        if (!takes_part(self, i) || is_idle(view) != idle)
            continue;
        size_t part = room - given < each ? room - given : each;
        view->share += part;
        given += part;
    }
    return given;
}

// Together the coordinators get what we can take, never more. One that has had no work for some beats is left a
// single file, so that it can begin again, and the others have the rest.
static void
share_credit(kt_node_t *self)
{
    size_t want = wanted(self), have = self->tasks.n + self->n_detached, idle = 0, busy = 0;
    for (size_t i = 0; i < self->n_coordinators; i++) {
        kt_coordinator_view_t *view = &self->coordinators[i];
        view->idle_beats            = view->used ? 0 : view->idle_beats + 1;
        view->used                  = false;
        view->share                 = 0;
        if (takes_part(self, i))
            *(is_idle(view) ? &idle : &busy) += 1;
    }
    bool   takes = have < want && !self->draining && !self->stopping && !self->tasks.n_exclusive;
    size_t room  = takes ? want - have : 0;
    size_t left  = busy && idle ? room - share_among(self, room, 1, true) : room;
    size_t n     = busy ? busy : idle;
    if (n)
        left -= share_among(self, left, left / n, !busy);
    if (n && left)
        (void)share_among(self, left, 1, !busy);
    self->limit_before = self->limit;
    self->limit        = have + room;
}

static uint64_t
resident_mb(void)
{
    unsigned long pages = 0;
    FILE         *file  = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*s %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
}

static void
gather(kt_node_t *self, size_t index)
{
    kt_buf_clear(&self->held);
    kt_buf_clear(&self->kept);
    for (const kt_task_t *task = self->tasks.first; task; task = task->next) {
        kt_wire_held_t held = {task->job, task->run, task->attempt, task->stage == KT_TASK_STARTED};
        kt_wire_ref_t  ref  = {task->job, task->run};
        if (task->coordinator != index && !task->orphan)
            continue;
        if (task->stage == KT_TASK_KEPT)
            kt_buf_add(&self->kept, &ref, sizeof ref);
        else
            kt_buf_add(&self->held, &held, sizeof held);
    }
}

static void
add_gpus(const kt_node_t *self, kt_msg_beat_t *beat)
{
    kt_gpus_info_t facts;
    if (!self->gpus)
        return;
    kt_gpus_info(self->gpus, &facts);
    beat->gpus                = facts.opened - facts.lost;
    beat->gpus_lost           = facts.lost;
    beat->gpu_percent         = facts.percent;
    beat->gpu_memory_mb       = facts.memory_used_mb;
    beat->gpu_memory_total_mb = facts.memory_total_mb;
    beat->gpu_celsius         = facts.celsius;
}

static void
beat_to(kt_node_t *self, size_t index)
{
    const kt_coordinator_view_t *view = &self->coordinators[index];
    kt_msg_t                     msg  = {.type = KT_MSG_BEAT};
    gather(self, index);
    if (self->held.err || self->kept.err)
        return;  // half an inventory would be a lie
    msg.beat.seen_batch = view->seen_batch;
    msg.beat.free       = view->share;
    msg.beat.memory_mb  = resident_mb();
    msg.beat.leaving    = self->draining;
    add_gpus(self, &msg.beat);
    msg.beat.held.at = (const kt_wire_held_t *)(void *)self->held.bytes;
    msg.beat.held.n  = self->held.length / sizeof(kt_wire_held_t);
    msg.beat.kept.at = (const kt_wire_ref_t *)(void *)self->kept.bytes;
    msg.beat.kept.n  = self->kept.length / sizeof(kt_wire_ref_t);
    node_send(self, index, &msg);
}

void
kt_node_beat(kt_node_t *self)
{
    self->beats++;
    share_credit(self);
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            beat_to(self, i);
}

void
kt_node_bye(kt_node_t *self, const char *reason)
{
    kt_msg_t msg = {.type = KT_MSG_BYE, .bye = {.reason = kt_bytes_of(reason)}};
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            node_send(self, i, &msg);
}

static void
take_outcome(kt_node_t *self, kt_task_t *task)
{
    if (task->detached) {
        self->n_detached--;
        kt_task_destroy(&task);
        return;
    }
    double took_us = (double)task->outcome.processing_us + 1;
    if (task->cancelled && !task->outcome.document)
        kt_outcome_fail(&task->outcome, task->body, task->body_bytes, KT_ECANCELLED, "cancelled while it waited");
    else
        self->mean_us = self->mean_us > 0 ? self->mean_us + (took_us - self->mean_us) / 16 : took_us;
    kt_tasks_keep(&self->tasks, task);
    kt_buf_add(&self->outgoing, &task, sizeof task);
}

// a task's first event comes before its second. What begins and ends in one turn needs no STARTED.
void
kt_node_tickets(void *context)
{
    kt_node_t *self = context;
    void      *events[TICKETS_A_TURN];
    size_t     n   = 0;
    int64_t    now = kt_clock_ms();
    if (kt_queue_pop(self->events, events, TICKETS_A_TURN, &n, 0))
        return;
    for (size_t i = 0; i < n; i++) {
        kt_task_event_t *event = events[i];
        kt_task_t       *task  = event->task;
        if (event->finished) {
            take_outcome(self, task);
            continue;
        }
        task->stage      = KT_TASK_STARTED;
        task->started_ms = now;
        if (!task->detached)
            kt_buf_add(&self->started, &task, sizeof task);
    }
}

static void
flush_started(kt_node_t *self, size_t index)
{
    kt_task_t *const *tasks = (kt_task_t *const *)(void *)self->started.bytes;
    size_t            n     = self->started.length / sizeof *tasks;
    kt_wire_held_t    told[STARTED_ITEMS];
    kt_msg_t          msg   = {.type = KT_MSG_STARTED};
    size_t            count = 0;
    for (size_t i = 0; i < n; i++) {
        const kt_task_t *task = tasks[i];
        if (task->stage == KT_TASK_STARTED && (task->coordinator == index || task->orphan))
            told[count++] = (kt_wire_held_t){task->job, task->run, task->attempt, 1};
        if (count == STARTED_ITEMS || (count && i + 1 == n)) {
            msg.started.items.at = told;
            msg.started.items.n  = count;
            node_send(self, index, &msg);
            count = 0;
        }
    }
}

// a task's outcome goes to who gave it; to all others of that ledger if that one is or was away.
static bool
is_for(const kt_node_t *self, const kt_task_t *task, size_t index)
{
    return task->coordinator == index || task->orphan || !self->coordinators[task->coordinator].welcomed;
}

static void
add_outcome(kt_node_t *self, const kt_task_t *task)
{
    static const kt_digest_t nothing;
    const kt_outcome_t      *outcome = &task->outcome;
    kt_wire_outcome_t        told    = {.job           = task->job,
                                        .run           = task->run,
                                        .attempt       = task->attempt,
                                        .err           = outcome->err,
                                        .detail        = kt_bytes_of(outcome->detail),
                                        .processing_us = (uint64_t)outcome->processing_us,
                                        .document      = {outcome->document, outcome->document_bytes}};
    if (memcmp(&outcome->content_digest, &nothing, sizeof nothing) != 0)
        told.content_digest = (kt_bytes_t){(const char *)outcome->content_digest.bytes, KT_DIGEST_BYTES};
    for (size_t i = 0; i < outcome->n_stages; i++) {
        kt_wire_stage_time_t stage = {kt_bytes_of(outcome->stages[i].name), (uint64_t)outcome->stages[i].us};
        kt_buf_add(&self->stages, &stage, sizeof stage);
    }
    told.stages.n = outcome->n_stages;
    kt_buf_add(&self->outcomes, &told, sizeof told);
}

// The stages of all outcomes stand in one buffer, which moves while it grows: the pointers are set at the end.
static void
send_outcomes(kt_node_t *self, size_t index)
{
    kt_wire_outcome_t          *told   = (kt_wire_outcome_t *)(void *)self->outcomes.bytes;
    const kt_wire_stage_time_t *stages = (const kt_wire_stage_time_t *)(void *)self->stages.bytes;
    size_t                      n      = self->outcomes.length / sizeof *told;
    kt_msg_t                    msg    = {.type = KT_MSG_RESULT};
    for (size_t i = 0; i < n; i++) {
        told[i].stages.at = stages;
        if (told[i].stages.n)
            stages += told[i].stages.n;
    }
    msg.result.items.at = told;
    msg.result.items.n  = n;
    if (n && !self->outcomes.err && !self->stages.err)
        node_send(self, index, &msg);
    kt_buf_clear(&self->outcomes);
    kt_buf_clear(&self->stages);
}

static void
flush_outgoing(kt_node_t *self, size_t index, int64_t now_ms)
{
    kt_task_t *const *tasks = (kt_task_t *const *)(void *)self->outgoing.bytes;
    size_t            n = self->outgoing.length / sizeof *tasks, bytes = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        kt_task_t *task = tasks[i];
        if (!is_for(self, task, index) || !task->outcome.document)
            continue;
        size_t more = task->outcome.document_bytes;
        if (count && (bytes + more > FRAME_BYTES || count == FRAME_ITEMS)) {
            send_outcomes(self, index);
            bytes = count = 0;
        }
        add_outcome(self, task);
        task->sent_ms = now_ms;
        bytes += more;
        count++;
    }
    if (count)
        send_outcomes(self, index);
}

void
kt_node_flush(void *context)
{
    kt_node_t *self   = context;
    int64_t    now_ms = kt_clock_ms();
    for (size_t i = 0; i < self->n_coordinators; i++) {
        if (!self->coordinators[i].welcomed)
            continue;
        if (self->started.length)
            flush_started(self, i);
        if (self->outgoing.length)
            flush_outgoing(self, i, now_ms);
    }
    kt_buf_clear(&self->started);
    kt_buf_clear(&self->outgoing);
    if (self->tasks.n_exclusive)
        kt_node_unpark(self);
}

void
kt_node_resend(kt_node_t *self, int64_t older_than_ms)
{
    for (kt_task_t *task = self->tasks.first; task; task = task->next)
        if (task->stage == KT_TASK_KEPT && task->sent_ms < older_than_ms)
            kt_buf_add(&self->outgoing, &task, sizeof task);
}
