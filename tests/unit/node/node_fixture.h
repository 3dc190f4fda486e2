// A whole node that analyses nothing, on a thread of its own, for tests that play its coordinators by hand. Use with
// peer_fixture.h: px_settings are its settings.
#pragma once

#include "common/socket.h"
#include "common/zap.h"
#include "tests/unit/peer_fixture.h"

extern kt_zap_t  *nx_zap;
extern kt_curve_t nx_key;  // of the node

void nx_open(void);         // signals, folder, settings, the node's key, and a ZAP handler that allows it
void nx_allow(bool allow);  // the node's key
void nx_start(void);
void nx_close(void);  // ends the node, if it was started, and checks that it ends without an error
