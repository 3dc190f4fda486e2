#include "node/link/models.h"

#include "common/clock.h"
#include "common/log.h"
#include "node/link/send.h"
#include "node/link/state.h"

#include <string.h>

enum { REPEAT_MS = 2000, FIRST_SET_MS = 30000 };

static bool
waiting(const kt_uplink_t *self)
{
    return self->models.wait_until_ms != 0;
}

// A node that has no set of a coordinator yet asks for no files until it has one, so that the first documents are
// complete; at most FIRST_SET_MS after the last part.
static void
wait_for_set(kt_uplink_t *self)
{
    kt_digest_t digest;
    if (!kt_model_sync_digest(self->opts.models, &digest))
        self->models.wait_until_ms = kt_clock_ms() + FIRST_SET_MS;
}

void
kt_uplink_models_choose(kt_uplink_t *self)
{
    kt_msg_t none    = {.type = KT_MSG_MODELS}, msg;
    bool     welcome = false;
    if (!self->opts.models)
        return;
    for (size_t i = 0; i < self->n_coordinators; i++) {
        const kt_coordinator_view_t *view = &self->coordinators[i];
        welcome |= view->welcomed;
        if (!view->welcomed || !view->models.length ||
            kt_wire_decode(view->models.bytes, view->models.length, &self->models.arena, &msg))
            continue;
        self->models.from = i;
        kt_model_sync_models(self->opts.models, &msg.models);
        return;
    }
    if (welcome && !self->models.expected)  // connected, and none has a catalogue
        kt_model_sync_models(self->opts.models, &none.models);
}

void
kt_uplink_models_welcome(kt_uplink_t *self, size_t index, const kt_msg_welcome_t *msg)
{
    if (!self->opts.models)
        return;
    kt_buf_clear(&self->coordinators[index].models);
    self->models.expected = msg->models.n > 0;
    if (self->models.expected)  // MODELS follows
        wait_for_set(self);
    kt_uplink_models_choose(self);
}

void
kt_uplink_models_take(kt_uplink_t *self, size_t index, const kt_msg_models_t *msg, const void *frame, size_t length)
{
    kt_coordinator_view_t *view = &self->coordinators[index];
    if (!self->opts.models)
        return;
    self->models.expected = false;
    kt_buf_clear(&view->models);
    if (msg->digest.n)
        kt_buf_add(&view->models, frame, length);
    kt_uplink_models_choose(self);
}

void
kt_uplink_models_part(kt_uplink_t *self, size_t index, const kt_msg_part_t *msg)
{
    if (!self->opts.models || index != self->models.from)
        return;
    if (waiting(self))
        wait_for_set(self);
    kt_model_sync_part(self->opts.models, msg);
}

static void
send_fetch(kt_uplink_t *self, const kt_model_want_t *want)
{
    self->models.asked_ms = kt_clock_ms();
    kt_send_fetch(self, self->models.from, want);
}

// Sends the FETCH that is new, or (repeat) due again.
static void
look(kt_uplink_t *self, bool repeat)
{
    kt_model_want_t want;
    kt_digest_t     digest;
    bool            news, wanted = kt_model_sync_wants(self->opts.models, &want, &news);
    if (wanted && (news || repeat))
        send_fetch(self, &want);
    if (wanted || !news)
        return;
    // The set has changed, or cannot be had: files may come.
    bool complete = kt_model_sync_digest(self->opts.models, &digest);
    if (waiting(self) && !complete)
        kt_log_warn("MODELS-WITHOUT", "text=\"files are analysed without the coordinator's models\"");
    self->models.wait_until_ms = 0;
    kt_send_beats(self);
}

void
kt_uplink_models(kt_uplink_t *self)
{
    look(self, false);
}

void
kt_uplink_models_tick(kt_uplink_t *self, int64_t now_ms)
{
    if (!self->opts.models)
        return;
    if (now_ms - self->models.asked_ms >= REPEAT_MS)
        look(self, true);
    if (waiting(self) && now_ms >= self->models.wait_until_ms) {
        kt_log_warn("MODELS-WITHOUT", "text=\"no part of a model came for a while: files are analysed without\"");
        self->models.wait_until_ms = 0;
        kt_send_beats(self);
    }
}

kt_bytes_t
kt_uplink_models_digest(const kt_uplink_t *self, kt_digest_t *out)
{
    if (!self->opts.models)
        return (kt_bytes_t){NULL, 0};
    (void)kt_model_sync_digest(self->opts.models, out);
    return (kt_bytes_t){(const char *)out->bytes, sizeof out->bytes};
}
