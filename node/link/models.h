// The node's side of MODELS, FETCH and PART: which coordinator's set is used, and one FETCH at a time to it. Does
// nothing without a kt_model_sync_t. Link thread.
#pragma once

#include "node/link/uplink.h"
#include "proto/wire.h"

// A coordinator's WELCOME or MODELS: what it says replaces what it said before.
void kt_uplink_models_welcome(kt_uplink_t *self, size_t coordinator, const kt_msg_welcome_t *msg);
void kt_uplink_models_take(kt_uplink_t *self, size_t coordinator, const kt_msg_models_t *msg, const void *frame,
                           size_t length);
void kt_uplink_models_part(kt_uplink_t *self, size_t coordinator, const kt_msg_part_t *msg);
// A coordinator was connected or lost: the first one of the list that is connected and has a catalogue decides.
void kt_uplink_models_choose(kt_uplink_t *self);
void kt_uplink_models_tick(kt_uplink_t *self, int64_t now_ms);  // repeats FETCH; ends the wait for the first set
// The digest of the present set for HELLO and BEAT, in out; empty: there is no kt_model_sync_t.
kt_bytes_t kt_uplink_models_digest(const kt_uplink_t *self, kt_digest_t *out);
