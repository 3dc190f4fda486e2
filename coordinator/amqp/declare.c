// Declaring queues and exchanges. The broker closes the channel over a declaration that differs from what exists, or
// that is not permitted; the next channel then declares passively, to use what exists.
#include "common/log.h"
#include "coordinator/amqp/connection.h"

#include <amqp.h>
#include <stdio.h>
#include <string.h>

enum { FORBIDDEN = 403, NOT_FOUND = 404, CODE_CONNECTION = 500 };

const char *
kt_amqp_dead_name(const kt_settings_t *settings, char out[KT_AMQP_NAME])
{
    snprintf(out, KT_AMQP_NAME, "%.*s.dead", KT_AMQP_NAME - 6, settings->queue_name);
    return out;
}

static bool
is_passed_over(int code)
{
    return code && code < CODE_CONNECTION;
}

// A quorum queue; an existing queue of another kind is used as it is.
static kt_err_t
declare_queue(kt_amqp_connection_t *self, const char *name, const char *dead_exchange)
{
    amqp_table_entry_t entries[] = {kt_amqp_text_entry("x-queue-type", "quorum"),
                                    kt_amqp_text_entry("x-dead-letter-exchange", dead_exchange ? dead_exchange : "")};
    amqp_table_t       arguments = {dead_exchange ? 2 : 1, entries};
    int                code      = 0;
    char               why[KT_AMQP_WHY], quoted[2 * KT_AMQP_WHY];
    amqp_queue_declare(self->state, self->channel, amqp_cstring_bytes(name), 0, 1, 0, 0, arguments);
    kt_err_t err = kt_amqp_last_reply(self, &code);
    if (!err || !is_passed_over(code))
        return err;
    snprintf(why, sizeof why, "%s", self->why);
    if ((err = kt_amqp_next_channel(self)))
        return err;
    if (strstr(why, "is 'stream'"))
        return kt_amqp_refuse_stream(self, name);
    amqp_queue_declare(self->state, self->channel, amqp_cstring_bytes(name), 1, 0, 0, 0, amqp_empty_table);
    if ((err = kt_amqp_last_reply(self, &code)))
        return err;
    kt_log_info("AMQP-AS-FOUND", "queue=%s text=\"%s\"", name, kt_log_quote(quoted, sizeof quoted, why));
    return KT_OK;
}

kt_err_t
kt_amqp_refuse_stream(kt_amqp_connection_t *self, const char *queue)
{
    snprintf(self->why, sizeof self->why,
             "the queue %.100s is a stream, which keeps what was acknowledged: name a queue in ANALYZER_QUEUE_NAME",
             queue);
    return KT_ESETTING;
}

static kt_err_t
ask_exchange(kt_amqp_connection_t *self, const char *name, const char *type, bool passive, int *code)
{
    amqp_exchange_declare(self->state, self->channel, amqp_cstring_bytes(name), amqp_cstring_bytes(type), passive,
                          !passive, 0, 0, amqp_empty_table);
    return kt_amqp_last_reply(self, code);
}

// Passively first: an existing exchange is used whatever its type. The default exchange always exists.
static kt_err_t
declare_exchange(kt_amqp_connection_t *self, const char *name, const char *type)
{
    int      code = 0;
    kt_err_t err  = *name ? ask_exchange(self, name, type, true, &code) : KT_OK;
    if (!err || code != NOT_FOUND)
        return err;
    if ((err = kt_amqp_next_channel(self)))
        return err;
    return ask_exchange(self, name, type, false, &code);
}

kt_err_t
kt_amqp_declare_exchange(kt_amqp_connection_t *self)
{
    return declare_exchange(self, self->settings->exchange_name, self->settings->exchange_type);
}

// A user that may only read the queue and write to the exchange: what an administrator has declared is used. Where
// that is missing, or cannot hold dead letters (usable: false), they wait, and results do not.
static kt_err_t
pass_over_dead(kt_amqp_connection_t *self, const char *name, bool usable)
{
    char why[KT_AMQP_WHY], quoted[2 * KT_AMQP_WHY];
    int  code = 0;
    snprintf(why, sizeof why, "%s", self->why);
    kt_err_t err  = kt_amqp_next_channel(self);
    self->no_dead = !usable;
    if (!err && usable) {
        err           = ask_exchange(self, name, "fanout", true, &code);
        self->no_dead = err && code == NOT_FOUND;
        if (self->no_dead)
            err = kt_amqp_next_channel(self);
    }
    if (!err)
        kt_log_info("AMQP-AS-FOUND", "exchange=%s missing=%d text=\"%s\"", name, self->no_dead,
                    kt_log_quote(quoted, sizeof quoted, why));
    return err;
}

kt_err_t
kt_amqp_declare_dead(kt_amqp_connection_t *self)
{
    char name[KT_AMQP_NAME];
    int  code;
    self->no_dead = false;
    kt_err_t err  = declare_exchange(self, kt_amqp_dead_name(self->settings, name), "fanout");
    if (!err)
        err = declare_queue(self, name, NULL);
    if (!err) {
        amqp_queue_bind(self->state, self->channel, amqp_cstring_bytes(name), amqp_cstring_bytes(name),
                        amqp_empty_bytes, amqp_empty_table);
        err = kt_amqp_last_reply(self, &code);
    }
    const bool usable = self->code == FORBIDDEN || self->code == NOT_FOUND;
    return err == KT_ESETTING || (err && is_passed_over(self->code)) ? pass_over_dead(self, name, usable) : err;
}

kt_err_t
kt_amqp_declare_queue(kt_amqp_connection_t *self)
{
    char     dead[KT_AMQP_NAME];
    kt_err_t err = kt_amqp_declare_dead(self);
    if (err)
        return err;
    return declare_queue(self, self->settings->queue_name, kt_amqp_dead_name(self->settings, dead));
}
