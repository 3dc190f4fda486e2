// The node's messages. STARTED and RESULT are collected during a turn of the loop and sent in few frames at its end;
// the others are sent at once. Nothing is sent to a coordinator that has not welcomed the node, except HELLO. A message
// that cannot be sent is dropped: BEAT repeats the state, and an outcome is sent again until it is acknowledged. Link
// thread.
#pragma once

#include "node/link/uplink.h"

void kt_send_hello(kt_uplink_t *self, size_t coordinator);  // JOIN on a connection with the key of a join token
void kt_send_hellos(kt_uplink_t *self);                     // to those that have welcomed us: our device has changed
void kt_send_live(kt_uplink_t *self);                       // a counter per worker thread
void kt_send_beats(kt_uplink_t *self);                      // credit, load, the tasks that the node holds
void kt_send_fetch(kt_uplink_t *self, size_t coordinator, const kt_model_want_t *want);
void kt_send_bye(kt_uplink_t *self, const char *reason);
void kt_send_flush(kt_uplink_t *self);                         // the end of the turn
void kt_send_again(kt_uplink_t *self, int64_t older_than_ms);  // collects outcomes that were sent before then
