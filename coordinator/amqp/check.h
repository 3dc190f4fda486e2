// kt_broker_check -- whether a coordinator with these settings can work with its broker: each host's answer, user,
// password, virtual host, and on the first host that answers queue and exchanges with the user's rights. Declares
// nothing that is not there, publishes nothing and takes no message. Blocks; every request has a deadline of 4 s, and a
// host that misses one is given up. Any thread.
#pragma once

#include "common/check/checked.h"
#include "common/settings.h"

// NONE: no broker is set. WARN: it works without what the text names.
kt_checked_t kt_broker_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT]);
