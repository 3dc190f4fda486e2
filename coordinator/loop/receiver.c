#include "coordinator/loop/receiver.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_TEXT = 256, BAD_FRAMES_MS = 1000, ENDED_MS = 10000, LIST_BYTES = 64 << 20 };

void
kt_receiver_init(kt_receiver_t *self, kt_dispatcher_t *dispatcher, kt_admission_t *admission)
{
    *self = (kt_receiver_t){.dispatcher = dispatcher,
                            .admission  = admission,
                            .peers      = dispatcher->opts.peers,
                            .counters   = dispatcher->opts.counters};
    kt_buf_init(&self->held, LIST_BYTES);
    kt_buf_init(&self->kept, LIST_BYTES);
}

void
kt_receiver_fini(kt_receiver_t *self)
{
    kt_wire_arena_fini(&self->arena);
    kt_buf_fini(&self->held);
    kt_buf_fini(&self->kept);
}

static void
receiver_ask_who(kt_receiver_t *self, kt_node_handle_t to)
{
    size_t  slot   = to % KT_WHO_PEERS;
    int64_t now_ms = kt_clock_ms();
    if (self->asked[slot].node == to && now_ms < self->asked[slot].at_ms + KT_WHO_MS)
        return;
    self->asked[slot].node  = to;
    self->asked[slot].at_ms = now_ms;
    kt_msg_t msg            = {.type = KT_MSG_WHO, .who = {.wire = KT_WIRE_VERSION}};
    kt_dispatcher_send(self->dispatcher, to, &msg);
}

static void
receiver_on_live(kt_receiver_t *self, kt_peer_t *peer, const kt_msg_live_t *live)
{
    kt_event_t event = {.type = KT_EV_LIVE, .node = peer->handle};
    for (size_t i = 0; i < live->workers.n; i++)
        event.live.progress += live->workers.at[i].count;
    kt_dispatcher_step_or_fail(self->dispatcher, &event);
}

static kt_run_id_t
run_of(uint64_t job, uint64_t run)
{
    return (kt_run_id_t){.job = job, .run = run > UINT32_MAX ? 0 : (uint32_t)run};
}

// 0 is never a valid attempt, so an out-of-range value matches no job.
static uint32_t
attempt_of(uint64_t attempt)
{
    return attempt > UINT32_MAX ? 0 : (uint32_t)attempt;
}

// Anything but a digest is none.
static void
receiver_take_digest(kt_peer_t *peer, kt_bytes_t models)
{
    peer->has_models = models.n == sizeof peer->models.bytes;
    if (peer->has_models)
        memcpy(peer->models.bytes, models.at, sizeof peer->models.bytes);
}

// At most one line per second, as of bad frames.
static void
receiver_refuse_credential(kt_receiver_t *self, kt_peer_t *peer, const char *what, uint64_t job, uint64_t attempt)
{
    const kt_refused_credentials_t *refused = &self->counters->refused_credentials;
    int64_t                         now_ms  = kt_clock_ms();
    if (now_ms - peer->refused_since_ms >= KT_REFUSED_MS) {
        peer->refused_since_ms = now_ms;
        peer->refused          = 0;
    }
    peer->refused++;
    if (self->credential_last_logged_ms && now_ms - self->credential_last_logged_ms < BAD_FRAMES_MS)
        return;
    self->credential_last_logged_ms = now_ms;
    kt_log_warn("CREDENTIAL-BAD", "node=%s what=%s job=%llu attempt=%llu refused=%llu", peer->name, what,
                (unsigned long long)job, (unsigned long long)attempt,
                (unsigned long long)(refused->started + refused->held + refused->outcome));
}

static bool
receiver_knows_held(kt_receiver_t *self, kt_peer_t *peer, const kt_wire_held_t *at, const char *what, uint64_t *refused)
{
    if (kt_dispatcher_knows(self->dispatcher, peer, run_of(at->job, at->run), attempt_of(at->attempt), at->credential))
        return true;
    ++*refused;
    receiver_refuse_credential(self, peer, what, at->job, at->attempt);
    return false;
}

static void
receiver_on_beat(kt_receiver_t *self, kt_peer_t *peer, const kt_msg_beat_t *beat)
{
    kt_buf_clear(&self->held);
    kt_buf_clear(&self->kept);
    for (size_t i = 0; i < beat->held.n; i++) {
        const kt_wire_held_t *at   = &beat->held.at[i];
        kt_held_t             held = {run_of(at->job, at->run), attempt_of(at->attempt), at->stage != 0};
        if (receiver_knows_held(self, peer, at, "held", &self->counters->refused_credentials.held))
            kt_buf_add(&self->held, &held, sizeof held);
    }
    for (size_t i = 0; i < beat->kept.n; i++) {
        kt_run_id_t id = run_of(beat->kept.at[i].job, beat->kept.at[i].run);
        kt_buf_add(&self->kept, &id, sizeof id);
    }
    if (self->held.err || self->kept.err)
        return;  // the next BEAT holds it again
    kt_event_t event      = {.type = KT_EV_BEAT, .node = peer->handle};
    event.beat.seen_batch = beat->seen_batch;
    event.beat.free       = (uint32_t)(beat->free > UINT32_MAX ? UINT32_MAX : beat->free);
    event.beat.leaving    = beat->leaving;
    event.beat.held       = (const kt_held_t *)(void *)self->held.bytes;
    event.beat.n_held     = self->held.length / sizeof(kt_held_t);
    event.beat.kept       = (const kt_run_id_t *)(void *)self->kept.bytes;
    event.beat.n_kept     = beat->kept.n;
    peer->memory_mb       = beat->memory_mb;
    receiver_take_digest(peer, beat->models);
    peer->gpu = (kt_gpu_view_t){.gpus            = beat->gpus,
                                .lost            = beat->gpus_lost,
                                .memory_mb       = beat->gpu_memory_mb,
                                .memory_total_mb = beat->gpu_memory_total_mb,
                                .percent         = beat->gpu_percent,
                                .celsius         = beat->gpu_celsius,
                                .files           = beat->gpu_files,
                                .cpu_files       = beat->cpu_files};
    kt_dispatcher_step_or_fail(self->dispatcher, &event);
}

static void
receiver_on_started(kt_receiver_t *self, kt_peer_t *peer, const kt_msg_started_t *started)
{
    for (size_t i = 0; i < started->items.n && !self->dispatcher->failed; i++) {
        const kt_wire_held_t *at    = &started->items.at[i];
        kt_event_t            event = {.type    = KT_EV_STARTED,
                                       .node    = peer->handle,
                                       .id      = run_of(at->job, at->run),
                                       .attempt = attempt_of(at->attempt)};
        if (receiver_knows_held(self, peer, at, "started", &self->counters->refused_credentials.started))
            kt_dispatcher_step_or_fail(self->dispatcher, &event);
    }
}

static int64_t
bounded_us(uint64_t us)
{
    return us > INT64_MAX / 1024 ? 0 : (int64_t)us;
}

static kt_payload_t *
receiver_new_payload(const kt_peer_t *peer, const kt_wire_outcome_t *outcome)
{
    kt_payload_t        *payload = calloc(1, sizeof *payload);
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_STORE, payload);
    char                *bytes   = malloc(outcome->document.n + 1);
    if (!payload || !request || !bytes) {
        free(payload);
        free(bytes);
        kt_ledger_request_destroy(&request);
        return NULL;
    }
    memcpy(bytes, outcome->document.at, outcome->document.n);
    bytes[outcome->document.n] = '\0';
    request->store.document    = bytes;
    kt_bytes_copy(request->store.detail, sizeof request->store.detail, outcome->detail);
    snprintf(request->store.node_name, sizeof request->store.node_name, "%s", peer->name);

    kt_result_t *result    = &request->store.result;
    result->document       = bytes;
    result->document_bytes = outcome->document.n;
    result->detail         = request->store.detail;
    result->node_name      = request->store.node_name;
    result->id             = run_of(outcome->job, outcome->run);
    result->attempt        = attempt_of(outcome->attempt);
    result->err            = (kt_err_t)outcome->err;
    result->processing_us  = bounded_us(outcome->processing_us);
    result->wall_ms        = kt_clock_wall_ms();
    result->n_stages       = outcome->stages.n < KT_RESULT_STAGES ? outcome->stages.n : KT_RESULT_STAGES;
    for (size_t i = 0; i < result->n_stages; i++) {
        kt_bytes_copy(result->stages[i].name, sizeof result->stages[i].name, outcome->stages.at[i].name);
        result->stages[i].us = bounded_us(outcome->stages.at[i].us);
    }
    if (outcome->content_digest.n == sizeof result->content_digest.bytes)
        memcpy(result->content_digest.bytes, outcome->content_digest.at, outcome->content_digest.n);

    payload->tag.kind = KT_TAG_PAYLOAD;
    payload->request  = request;
    return payload;
}

static void
receiver_on_outcome(kt_receiver_t *self, kt_peer_t *peer, const kt_wire_outcome_t *outcome)
{
    uint64_t   ms    = outcome->processing_us / 1000;
    kt_event_t event = {.type    = outcome->err ? KT_EV_FAILED : KT_EV_RESULT,
                        .node    = peer->handle,
                        .id      = run_of(outcome->job, outcome->run),
                        .attempt = attempt_of(outcome->attempt),
                        .err     = (kt_err_t)outcome->err,
                        .took_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms};
    // The sender alone is told, so that it does not keep what nobody takes.
    if (!kt_dispatcher_knows(self->dispatcher, peer, event.id, event.attempt, outcome->credential)) {
        self->counters->refused_credentials.outcome++;
        receiver_refuse_credential(self, peer, "outcome", outcome->job, outcome->attempt);
        kt_peer_cancel(self->peers, peer, event.id);
        return;
    }
    if (!ms && outcome->processing_us)
        event.took_ms = 1;  // 0 is an unknown time
    if (!outcome->document.n) {
        kt_log_warn("RESULT-EMPTY", "node=%s job=%llu", peer->name, (unsigned long long)outcome->job);
        kt_peer_nack(self->peers, peer, event.id, KT_EDOCUMENT);
        return;
    }
    kt_payload_t *payload = receiver_new_payload(peer, outcome);
    event.tag             = payload;
    // No memory is treated as a lost frame: the node sends the outcome again.
    if (payload && kt_dispatcher_step(self->dispatcher, &event))
        kt_tag_destroy(payload);
}

static void
receiver_on_bye(kt_receiver_t *self, kt_peer_t *peer, const kt_msg_bye_t *bye)
{
    char       reason[LOG_TEXT], quoted[LOG_TEXT];
    kt_event_t event = {.type = KT_EV_GONE, .node = peer->handle};
    kt_bytes_copy(reason, sizeof reason, bye->reason);
    kt_log_info("NODE-BYE", "node=%s reason=\"%s\"", peer->name, kt_log_quote(quoted, sizeof quoted, reason));
    kt_peers_remove(self->peers, event.node);
    kt_dispatcher_step_or_fail(self->dispatcher, &event);
}

// At most one line per second: a peer may send nothing but garbage.
static void
receiver_log_bad_frame(kt_receiver_t *self, const char *key, size_t length, kt_err_t err)
{
    int64_t now_ms = kt_clock_ms();
    self->counters->bad_frames++;
    if (self->bad_last_logged_ms && now_ms - self->bad_last_logged_ms < BAD_FRAMES_MS)
        return;
    self->bad_last_logged_ms = now_ms;
    kt_log_warn("FRAME-BAD", "key=%s bytes=%zu err=%s frames=%llu", key, length, kt_err_name(err),
                (unsigned long long)self->counters->bad_frames);
}

// A lost frame, to the peer.
static bool
receiver_drops(kt_receiver_t *self, const kt_peer_t *peer)
{
    const bool drops =
        peer && peer->refused >= KT_REFUSED_MOST && kt_clock_ms() - peer->refused_since_ms < KT_REFUSED_MS;
    self->counters->refused_credentials.frames += drops;
    return drops;
}

void
kt_receiver_frame(kt_receiver_t *self, kt_node_handle_t from, const char *key, const void *bytes, size_t length)
{
    kt_msg_t   msg;
    kt_peer_t *peer = kt_peers_find(self->peers, from);
    if (receiver_drops(self, peer))
        return;
    if (!peer && from && length > KT_HELLO_BYTES) {  // its lists are not worth the time of reading them
        receiver_ask_who(self, from);
        return;
    }
    kt_err_t err = kt_wire_decode(bytes, length, &self->arena, &msg);
    if (err) {
        receiver_log_bad_frame(self, key, length, err);
        return;
    }
    if (msg.type == KT_MSG_HELLO) {
        kt_admission_hello(self->admission, from, key, &msg.hello);
        return;
    }
    if (msg.type == KT_MSG_JOIN) {
        kt_admission_join(self->admission, from, key, &msg.join);
        return;
    }
    if (!peer || strcmp(peer->key, key) != 0) {
        if (peer)
            kt_log_warn("AUTH-KEY-CHANGED", "node=%s key=%s holder=%s", peer->name, key, peer->key);
        receiver_ask_who(self, from);
        return;
    }
    peer->heard_ms = kt_clock_ms();
    switch (msg.type) {
    case KT_MSG_LIVE: receiver_on_live(self, peer, &msg.live); break;
    case KT_MSG_BEAT: receiver_on_beat(self, peer, &msg.beat); break;
    case KT_MSG_STARTED: receiver_on_started(self, peer, &msg.started); break;
    case KT_MSG_RESULT:
        for (size_t i = 0; i < msg.result.items.n && !self->dispatcher->failed; i++)
            receiver_on_outcome(self, peer, &msg.result.items.at[i]);
        break;
    case KT_MSG_FETCH: kt_model_link_fetch(self->admission->opts.models, from, &msg.fetch); break;
    case KT_MSG_BYE: receiver_on_bye(self, peer, &msg.bye); break;
    default: kt_log_warn("FRAME-UNEXPECTED", "node=%s message=%s", peer->name, kt_msg_name(msg.type));
    }
}

// Logged at most once per ten seconds: a flood of unknown peers must not fill the log.
void
kt_receiver_ended(kt_receiver_t *self, bool handshake)
{
    int64_t now_ms = kt_clock_ms();
    self->counters->connections_ended += !handshake;
    self->counters->handshakes_failed += handshake;
    if (self->ended_last_logged_ms && now_ms - self->ended_last_logged_ms < ENDED_MS)
        return;
    self->ended_last_logged_ms = now_ms;
    kt_log_info(handshake ? "LINK-NO-HANDSHAKE" : "LINK-ENDED", "ended=%llu no_handshake=%llu text=\"%s\"",
                (unsigned long long)self->counters->connections_ended,
                (unsigned long long)self->counters->handshakes_failed,
                handshake ? "something that is no node came to the nodes' port"
                          : "a node left or crashed, the network failed, or a frame was larger than permitted");
}
