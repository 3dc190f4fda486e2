// The broker in /v1/status.
#include "coordinator/api/amqp.h"

#include "common/clock.h"
#include "common/json.h"

static json_t *
connection_object(const kt_amqp_health_t *health)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "state", kt_json_text(kt_amqp_state_name(health->state)));
    kt_json_set(json, "for_s", kt_json_real((double)(kt_clock_ms() - health->since_ms) / 1000));
    kt_json_set(json, "connects", kt_json_int((int64_t)health->connects));
    kt_json_set(json, "losses", kt_json_int((int64_t)health->losses));
    kt_json_set(json, "error", *health->error ? kt_json_text(health->error) : kt_json_null());
    return json;
}

const char *
kt_api_amqp_trouble(const kt_amqp_stats_t *stats)
{
    if (!stats->configured)
        return NULL;
    if (stats->in.state != KT_AMQP_UP && *stats->in.error)
        return stats->in.error;
    if (stats->out.state != KT_AMQP_UP && *stats->out.error)
        return stats->out.error;
    if (stats->in.state == KT_AMQP_BLOCKED || stats->out.state == KT_AMQP_BLOCKED)
        return "the broker takes no messages: its memory or disk alarm is on";
    static const char *const WAITS[] = {
        [KT_AMQP_WAITS_FOR_NOTHING] = NULL,
        [KT_AMQP_WAITS_FOR_BINDING] = "output messages wait: no queue that takes them is bound to the exchange",
        [KT_AMQP_WAITS_FOR_ROOM]    = "output messages wait: a queue that is bound to the exchange is full",
        [KT_AMQP_WAITS_FOR_RIGHTS] =
            "dead letters wait: the broker's user may not write to the dead-letter exchange, or its queue cannot be "
            "declared (AMQP-AS-FOUND in the log)",
    };
    return stats->unroutable ? WAITS[stats->waits] : NULL;
}

json_t *
kt_api_amqp(const kt_amqp_stats_t *stats)
{
    if (!stats->configured)
        return kt_json_null();
    const struct {
        const char *name;
        uint64_t    value;
    } counts[]                                = {{"delivered", stats->delivered}, {"accepted", stats->accepted},
                                                 {"known", stats->known},         {"rejected", stats->rejected},
                                                 {"settled", stats->settled},     {"unsettled", stats->unsettled},
                                                 {"confirmed", stats->confirmed}, {"returned", stats->returned},
                                                 {"refused", stats->refused},     {"replayed", stats->replayed},
                                                 {"lost", stats->lost},           {"damaged", stats->damaged},
                                                 {"in_flight", stats->in_flight}, {"in_flight_bytes", stats->in_flight_bytes}};
    static const kt_amqp_state_t BEST_FIRST[] = {KT_AMQP_UP, KT_AMQP_BLOCKED, KT_AMQP_CONNECTING, KT_AMQP_DOWN};
    kt_amqp_state_t              worse        = KT_AMQP_UP;  // of the two connections
    for (size_t i = 0; i < sizeof BEST_FIRST / sizeof *BEST_FIRST; i++)
        if (stats->in.state == BEST_FIRST[i] || stats->out.state == BEST_FIRST[i])
            worse = BEST_FIRST[i];
    json_t *json = kt_json_object();
    kt_json_set(json, "state", kt_json_text(kt_amqp_state_name(worse)));
    kt_json_set(json, "trouble", kt_json_text(kt_api_amqp_trouble(stats)));
    kt_json_set(json, "in", connection_object(&stats->in));
    kt_json_set(json, "out", connection_object(&stats->out));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        kt_json_set(json, counts[i].name, kt_json_int((int64_t)counts[i].value));
    kt_json_set(json, "unroutable", kt_json_bool(stats->unroutable));
    const uint64_t dated = kt_histogram_count(&stats->queue_times);
    kt_json_set(json, "time_in_queue_s",
                dated ? kt_json_real((double)stats->queue_times.us * 1e-6 / (double)dated) : kt_json_null());
    return json;
}
