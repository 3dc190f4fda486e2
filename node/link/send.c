#include "node/link/send.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/process_stats.h"
#include "node/link/credit.h"
#include "node/link/models.h"
#include "node/link/state.h"
#include "node/run/gpus.h"

#include <string.h>

enum { FRAME_OUTCOMES = 256, FRAME_BYTES = 256 << 10, STARTED_ITEMS = 1024 };

static void
send_message(kt_uplink_t *self, size_t index, const kt_msg_t *msg)
{
    kt_buf_clear(&self->frame);
    kt_err_t err = kt_wire_encode(msg, &self->frame);
    if (!err)
        err = self->frame.err;
    if (!err)
        err = self->opts.port.send(self->opts.port.context, index, self->frame.bytes, self->frame.length);
    if (err && err != KT_EUNREACHABLE)
        kt_log_error("ENCODE-FAILED", "message=%s err=%s", kt_msg_name(msg->type), kt_err_name(err));
}

static void
send_to_all(kt_uplink_t *self, const kt_msg_t *msg)
{
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            send_message(self, i, msg);
}

static void
send_join(kt_uplink_t *self, size_t index)
{
    uint8_t  bytes[KT_CURVE_BYTES];
    kt_msg_t msg = {.type = KT_MSG_JOIN,
                    .join = {.key  = {(const char *)bytes, sizeof bytes},
                             .name = kt_bytes_of(self->opts.name),
                             .host = kt_bytes_of(self->opts.host)}};
    if (kt_curve_bytes(self->opts.key->public_key, bytes))
        send_message(self, index, &msg);
}

void
kt_send_hello(kt_uplink_t *self, size_t index)
{
    if (self->coordinators[index].joining) {
        send_join(self, index);
        return;
    }
    char        device[64];
    kt_digest_t digest;
    kt_msg_t    msg       = {.type = KT_MSG_HELLO};
    msg.hello.wire        = KT_WIRE_VERSION;
    msg.hello.wire_least  = KT_WIRE_LEAST;
    msg.hello.name        = kt_bytes_of(self->opts.name);
    msg.hello.incarnation = self->opts.incarnation;
    msg.hello.host        = kt_bytes_of(self->opts.host);
    msg.hello.version     = kt_bytes_of(KT_VERSION);
    msg.hello.analysis    = kt_bytes_of(KT_ANALYSIS_VERSION);
    msg.hello.device      = kt_bytes_of(kt_device_text(self->opts.settings, self->opts.gpus, device));
    msg.hello.slots       = (uint64_t)self->opts.settings->workers;
    msg.hello.models      = kt_uplink_models_digest(self, &digest);
    send_message(self, index, &msg);
}

void
kt_send_hellos(kt_uplink_t *self)
{
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            kt_send_hello(self, i);
}

void
kt_send_live(kt_uplink_t *self)
{
    uint64_t           counters[KT_THREADS_MAX];
    kt_wire_progress_t progress[KT_THREADS_MAX];
    size_t             n   = self->work->threads ? kt_threads_progress(self->work->threads, counters) : 0;
    kt_msg_t           msg = {.type = KT_MSG_LIVE, .live = {.workers = {progress, n}}};
    for (size_t i = 0; i < n; i++)
        progress[i].count = counters[i];
    send_to_all(self, &msg);
}

void
kt_send_fetch(kt_uplink_t *self, size_t index, const kt_model_want_t *want)
{
    kt_msg_t msg = {
        .type  = KT_MSG_FETCH,
        .fetch = {.digest = {(const char *)want->digest.bytes, sizeof want->digest.bytes}, .offset = want->offset}};
    if (self->coordinators[index].welcomed)
        send_message(self, index, &msg);
}

void
kt_send_bye(kt_uplink_t *self, const char *reason)
{
    kt_msg_t msg = {.type = KT_MSG_BYE, .bye = {.reason = kt_bytes_of(reason)}};
    send_to_all(self, &msg);
}

// common: what is the same for all coordinators. The lists have this coordinator's tasks and the orphans.
static void
send_beat(kt_uplink_t *self, size_t index, const kt_msg_beat_t *common)
{
    const kt_coordinator_view_t *view = &self->coordinators[index];
    kt_msg_t                     msg  = {.type = KT_MSG_BEAT, .beat = *common};
    kt_buf_clear(&self->held);
    kt_buf_clear(&self->unacked);
    for (const kt_task_t *task = self->work->tasks.first; task; task = task->next) {
        kt_wire_held_t held = {task->job, task->run, task->attempt, task->stage == KT_TASK_STARTED,
                               kt_task_credential(task)};
        kt_wire_ref_t  ref  = {task->job, task->run};
        if (task->coordinator != index && !task->orphan)
            continue;
        if (task->stage == KT_TASK_UNACKED)
            kt_buf_add(&self->unacked, &ref, sizeof ref);
        else
            kt_buf_add(&self->held, &held, sizeof held);
    }
    if (self->held.err || self->unacked.err)
        return;  // the coordinator would take missing tasks for lost
    msg.beat.seen_batch = view->seen_batch;
    msg.beat.free       = view->share;
    msg.beat.held.at    = (const kt_wire_held_t *)(void *)self->held.bytes;
    msg.beat.held.n     = self->held.length / sizeof(kt_wire_held_t);
    msg.beat.kept.at    = (const kt_wire_ref_t *)(void *)self->unacked.bytes;
    msg.beat.kept.n     = self->unacked.length / sizeof(kt_wire_ref_t);
    send_message(self, index, &msg);
}

void
kt_send_beats(kt_uplink_t *self)
{
    kt_gpus_info_t gpu;
    kt_digest_t    digest;
    kt_msg_beat_t  beat = {.memory_mb = kt_process_resident_bytes() >> 20,
                           .leaving   = self->draining,
                           .models    = kt_uplink_models_digest(self, &digest)};
    if (self->opts.gpus) {
        kt_gpus_info(self->opts.gpus, &gpu);
        beat.gpus                = gpu.opened - gpu.lost;
        beat.gpus_lost           = gpu.lost;
        beat.gpu_percent         = gpu.percent;
        beat.gpu_memory_mb       = gpu.memory_used_mb;
        beat.gpu_memory_total_mb = gpu.memory_total_mb;
        beat.gpu_celsius         = gpu.celsius;
        beat.gpu_files           = gpu.files;
        beat.cpu_files           = gpu.cpu_files;
    }

    const kt_settings_t *settings = self->opts.settings;
    const kt_work_t     *work     = self->work;
    size_t               have     = work->tasks.n + work->n_detached;
    size_t want = kt_credit_wanted((size_t)settings->workers, (size_t)settings->batch_size, work->mean_us);
    bool   open =
        have < want && !self->draining && !self->stopping && !work->tasks.n_exclusive && !self->models.wait_until_ms;
    size_t room = open ? want - have : 0;
    self->beats++;
    kt_credit_share(self->coordinators, self->n_coordinators, room, self->beats);
    self->limit_before = self->limit;
    self->limit        = have + room;
    for (size_t i = 0; i < self->n_coordinators; i++)
        if (self->coordinators[i].welcomed)
            send_beat(self, i, &beat);
}

static void
send_started(kt_uplink_t *self, size_t index)
{
    kt_task_t *const *tasks = (kt_task_t *const *)(void *)self->started.bytes;
    size_t            n     = self->started.length / sizeof *tasks;
    kt_wire_held_t    items[STARTED_ITEMS];
    kt_msg_t          msg   = {.type = KT_MSG_STARTED};
    size_t            count = 0;
    for (size_t i = 0; i < n; i++) {
        const kt_task_t *task = tasks[i];
        if (task->stage == KT_TASK_STARTED && (task->coordinator == index || task->orphan))
            items[count++] = (kt_wire_held_t){task->job, task->run, task->attempt, 1, kt_task_credential(task)};
        if (count == STARTED_ITEMS || (count && i + 1 == n)) {
            msg.started.items.at = items;
            msg.started.items.n  = count;
            send_message(self, index, &msg);
            count = 0;
        }
    }
}

// The stages of all outcomes are in one buffer, which moves while it grows: the pointers are set here, at the end.
static void
send_outcomes(kt_uplink_t *self, size_t index)
{
    kt_wire_outcome_t          *items  = (kt_wire_outcome_t *)(void *)self->outcomes.bytes;
    const kt_wire_stage_time_t *stages = (const kt_wire_stage_time_t *)(void *)self->stages.bytes;
    size_t                      n      = self->outcomes.length / sizeof *items;
    kt_msg_t                    msg    = {.type = KT_MSG_RESULT, .result = {.items = {items, n}}};
    for (size_t i = 0; i < n; i++) {
        items[i].stages.at = stages;
        if (items[i].stages.n)
            stages += items[i].stages.n;
    }
    if (n && !self->outcomes.err && !self->stages.err)
        send_message(self, index, &msg);
    kt_buf_clear(&self->outcomes);
    kt_buf_clear(&self->stages);
}

// An outcome is sent to the coordinator that gave the task, and to all others if that one is or was disconnected.
static void
send_finished(kt_uplink_t *self, size_t index, int64_t now_ms)
{
    kt_task_t *const *tasks = (kt_task_t *const *)(void *)self->finished.bytes;
    size_t            n = self->finished.length / sizeof *tasks, bytes = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        kt_task_t *task = tasks[i];
        bool wanted     = task->coordinator == index || task->orphan || !self->coordinators[task->coordinator].welcomed;
        if (!wanted || !task->outcome.document)
            continue;
        size_t more = task->outcome.document_bytes;
        if (count && (bytes + more > FRAME_BYTES || count == FRAME_OUTCOMES)) {
            send_outcomes(self, index);
            bytes = count = 0;
        }
        kt_wire_outcome_t    outcome;
        kt_wire_stage_time_t stages[KT_OUTCOME_STAGES];
        kt_task_to_wire(task, &outcome, stages);
        kt_buf_add(&self->stages, stages, outcome.stages.n * sizeof *stages);
        kt_buf_add(&self->outcomes, &outcome, sizeof outcome);
        task->sent_ms = now_ms;
        bytes += more;
        count++;
    }
    if (count)
        send_outcomes(self, index);
}

void
kt_send_flush(kt_uplink_t *self)
{
    int64_t now_ms = kt_clock_ms();
    for (size_t i = 0; i < self->n_coordinators; i++) {
        if (!self->coordinators[i].welcomed)
            continue;
        if (self->started.length)
            send_started(self, i);
        if (self->finished.length)
            send_finished(self, i, now_ms);
    }
    kt_buf_clear(&self->started);
    kt_buf_clear(&self->finished);
    if (self->work->tasks.n_exclusive)
        kt_work_unpark(self->work);
}

void
kt_send_again(kt_uplink_t *self, int64_t older_than_ms)
{
    for (kt_task_t *task = self->work->tasks.first; task; task = task->next)
        if (task->stage == KT_TASK_UNACKED && task->sent_ms < older_than_ms)
            kt_buf_add(&self->finished, &task, sizeof task);
}
