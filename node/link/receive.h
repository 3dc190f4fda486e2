// The handlers of a coordinator's messages. A message may arrive twice, late, or for a task that was removed. Link
// thread.
#pragma once

#include "node/link/uplink.h"

// One frame from that coordinator; bytes that are no message are logged and dropped.
void kt_uplink_receive(kt_uplink_t *self, size_t coordinator, const void *bytes, size_t length);
