// Messages of the world's model on the wire: what a node sends becomes the frame that the receiver reads, and each
// frame of the dispatcher becomes the messages that a node takes.
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

enum { DOCUMENT = 96 };

const char SIM_KEYS[SIM_NODES][KT_CURVE_TEXT] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccccccccccccccccccccccccccccc", "dddddddddddddddddddddddddddddddddddddddd",
    "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "ffffffffffffffffffffffffffffffffffffffff"};

static kt_wire_arena_t arena;  // kept from world to world

static kt_bytes_t
credential_of(const sim_credential_t *credential)
{
    return (kt_bytes_t){(const char *)credential->bytes, sizeof credential->bytes};
}

// That of a file whose document cannot be stored is no UTF-8.
static kt_bytes_t
write_document(sim_t *sim, const sim_msg_t *msg, char text[DOCUMENT])
{
    bool bad = msg->type == SIM_MSG_RESULT && sim_file(sim, msg->id)->kind == SIM_BADDATA;
    snprintf(text, DOCUMENT, "{\"file\":%llu,\"run\":%u,\"err\":%d%s}", (unsigned long long)msg->id.job, msg->id.run,
             msg->err, bad ? "\xff" : "");
    return kt_bytes_of(text);
}

static void
encode_beat(const sim_msg_t *msg, kt_buf_t *out)
{
    kt_wire_held_t held[SIM_ITEMS];
    kt_wire_ref_t  kept[SIM_ITEMS];
    kt_msg_t       wire = {.type = KT_MSG_BEAT,
                           .beat = {.seen_batch = msg->number, .free = msg->free, .leaving = msg->leaving}};
    for (uint32_t i = 0; i < msg->n_held; i++)
        held[i] = (kt_wire_held_t){msg->held[i].id.job, msg->held[i].id.run, msg->held[i].attempt,
                                   msg->held[i].started ? 1 : 0, credential_of(&msg->credentials[i])};
    for (uint32_t i = 0; i < msg->n_kept; i++)
        kept[i] = (kt_wire_ref_t){msg->kept[i].job, msg->kept[i].run};
    wire.beat.held.at = held;
    wire.beat.held.n  = msg->n_held;
    wire.beat.kept.at = kept;
    wire.beat.kept.n  = msg->n_kept;
    if (kt_wire_encode(&wire, out))
        out->length = 0;
}

static void
encode_outcome(sim_t *sim, const sim_msg_t *msg, kt_buf_t *out)
{
    char              document[DOCUMENT];
    kt_wire_outcome_t outcome = {.job           = msg->id.job,
                                 .run           = msg->id.run,
                                 .attempt       = msg->attempt,
                                 .err           = msg->err,
                                 .processing_us = msg->err ? 0 : 1000 + sim_random(sim, 900000),
                                 .document      = write_document(sim, msg, document),
                                 .credential    = credential_of(&msg->credentials[0])};
    kt_msg_t          wire    = {.type = KT_MSG_RESULT};
    wire.result.items.at      = &outcome;
    wire.result.items.n       = 1;
    if (kt_wire_encode(&wire, out))
        out->length = 0;
}

void
sim_frame_make(sim_t *sim, const sim_msg_t *msg, kt_buf_t *out)
{
    kt_msg_t           wire     = {0};
    kt_wire_progress_t progress = {msg->number};
    kt_wire_held_t     started  = {msg->id.job, msg->id.run, msg->attempt, 1, credential_of(&msg->credentials[0])};
    kt_buf_clear(out);
    switch (msg->type) {
    case SIM_MSG_BEAT: encode_beat(msg, out); return;
    case SIM_MSG_RESULT:
    case SIM_MSG_FAILED: encode_outcome(sim, msg, out); return;
    case SIM_MSG_HELLO:
        wire = (kt_msg_t){.type  = KT_MSG_HELLO,
                          .hello = {.wire        = KT_WIRE_VERSION,
                                    .wire_least  = KT_WIRE_LEAST,
                                    .name        = kt_bytes_of(SIM_HOST_NAMES[msg->node]),
                                    .incarnation = msg->number,
                                    .device      = kt_bytes_of("cpu"),
                                    .slots       = sim->nodes[msg->node].slots}};
        break;
    case SIM_MSG_LIVE:
        wire.type            = KT_MSG_LIVE;
        wire.live.workers.at = &progress;
        wire.live.workers.n  = 1;
        break;
    case SIM_MSG_STARTED:
        wire.type             = KT_MSG_STARTED;
        wire.started.items.at = &started;
        wire.started.items.n  = 1;
        break;
    default: wire.type = KT_MSG_BYE; break;
    }
    if (kt_wire_encode(&wire, out))
        out->length = 0;
}

static void
frame_take_batch(sim_t *sim, kt_node_handle_t to, const kt_msg_batch_t *batch)
{
    sim_msg_t msg = {.type = SIM_MSG_BATCH, .number = batch->number, .memory = sim->me->memory};
    if (batch->items.n > SIM_ITEMS)
        sim_fail(sim, "a batch of %zu", batch->items.n);
    for (size_t i = 0; i < batch->items.n; i++) {
        const kt_wire_work_t *work = &batch->items.at[i];
        char                  id[32];
        int                   length = snprintf(id, sizeof id, "\"m%llu\"", (unsigned long long)work->job);
        if (!memmem(work->body.at, work->body.n, id, (size_t)length))
            sim_fail(sim, "file %llu was sent with the message of another", (unsigned long long)work->job);
        msg.isolated  = work->isolated;
        msg.exclusive = work->exclusive;
        if (work->credential.n != sizeof msg.credentials->bytes)
            sim_fail(sim, "file %llu was sent without a credential", (unsigned long long)work->job);
        memcpy(msg.credentials[msg.n_held].bytes, work->credential.at, work->credential.n);
        msg.held[msg.n_held++] =
            (kt_held_t){.id = {work->job, (uint32_t)work->run}, .attempt = (uint32_t)work->attempt};
    }
    sim_send_down(sim, to, &msg);
}

static void
frame_take_refs(sim_t *sim, kt_node_handle_t to, sim_msg_type_t type, const kt_wire_ref_t *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sim_msg_t   msg  = {.type = type, .id = {at[i].job, (uint32_t)at[i].run}};
        sim_file_t *file = sim_file(sim, msg.id);
        msg.of_failure   = type == SIM_MSG_ACK && file->failure_acked;
        if (type == SIM_MSG_ACK)
            file->failure_acked = false;
        sim_send_down(sim, to, &msg);
    }
}

void
sim_frame_take(sim_t *sim, kt_node_handle_t to, const void *bytes, size_t length)
{
    kt_msg_t  wire;
    sim_msg_t msg = {.type = SIM_MSG_WHO};
    if (kt_wire_decode(bytes, length, &arena, &wire))
        sim_fail(sim, "a frame that cannot be read");
    switch (wire.type) {
    case KT_MSG_WHO: sim_send_down(sim, to, &msg); break;
    case KT_MSG_WELCOME:
        msg.type   = SIM_MSG_WELCOME;
        msg.number = sim->me->coordinator;
        sim_send_down(sim, to, &msg);
        break;
    case KT_MSG_BATCH: frame_take_batch(sim, to, &wire.batch); break;
    case KT_MSG_ACK: frame_take_refs(sim, to, SIM_MSG_ACK, wire.ack.items.at, wire.ack.items.n); break;
    case KT_MSG_CANCEL: frame_take_refs(sim, to, SIM_MSG_CANCEL, wire.cancel.items.at, wire.cancel.items.n); break;
    case KT_MSG_NACK:
        for (size_t i = 0; i < wire.nack.items.n; i++) {
            const kt_wire_refusal_t *at = &wire.nack.items.at[i];
            msg = (sim_msg_t){.type = SIM_MSG_NACK, .id = {at->job, (uint32_t)at->run}, .err = (kt_err_t)at->err};
            sim_send_down(sim, to, &msg);
        }
        break;
    case KT_MSG_DRAIN: break;  // nodes of this world do not mind
    case KT_MSG_REFUSE:
        if (!sim->no_memory)
            sim_fail(sim, "a node was refused: %.*s", (int)wire.refuse.text.n, (const char *)wire.refuse.text.at);
        break;
    default: sim_fail(sim, "a node was sent %s", kt_msg_name(wire.type));
    }
}
