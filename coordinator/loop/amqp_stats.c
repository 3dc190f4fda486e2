#include "coordinator/loop/amqp_stats.h"

const char *
kt_amqp_state_name(kt_amqp_state_t state)
{
    static const char *const NAMES[] = {[KT_AMQP_OFF]        = "off",
                                        [KT_AMQP_DOWN]       = "down",
                                        [KT_AMQP_CONNECTING] = "connecting",
                                        [KT_AMQP_UP]         = "up",
                                        [KT_AMQP_BLOCKED]    = "blocked"};
    return (unsigned)state < sizeof NAMES / sizeof *NAMES ? NAMES[state] : "unknown";
}
