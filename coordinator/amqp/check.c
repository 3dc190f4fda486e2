// A right is tried by a request that the broker refuses for another reason once it has seen the right: it answers 403
// without the right and 406 with it.
// - configure: a declaration with an argument of a wrong type; only of what is missing.
// - read: a subscription with an x-priority that is no number. A broker that takes it would deliver one message, which
//   goes back when the channel closes.
// - write: an empty message in a transaction that is rolled back, which succeeds with the right.
#include "coordinator/amqp/check.h"

#include "common/text.h"
#include "coordinator/amqp/connection.h"

#include <amqp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REFUSED = 403, NOT_FOUND = 404, NOT_ALLOWED = 530, CODE_CONNECTION = 500 };

typedef struct checker {
    kt_amqp_connection_t connection;
    kt_checked_t         state;
    char                *text;
    size_t               length;
} checker_t;

static void add_text(checker_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
add_text(checker_t *self, const char *format, ...)
{
    va_list args;
    size_t  room = KT_CHECKED_TEXT - self->length;
    if (self->length && room > 2) {
        self->length += (size_t)snprintf(self->text + self->length, room, "; ");
        room = KT_CHECKED_TEXT - self->length;
    }
    va_start(args, format);
    const int n = vsnprintf(self->text + self->length, room, format, args);
    va_end(args);
    self->length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

// OK stays only as long as nothing is found; WRONG stays for good.
static void
lower_state(checker_t *self, kt_checked_t state)
{
    if (self->state != KT_CHECKED_WRONG)
        self->state = state;
}

// Why the broker refused the last request, without its own words about the channel.
static const char *
refusal(const checker_t *self)
{
    const char *colon = strstr(self->connection.why, ": ");
    return colon ? colon + 2 : self->connection.why;
}

// *code: 0, or the number with which the broker closed the channel; another one is open then.
static kt_err_t
take_reply(checker_t *self, int *code)
{
    kt_err_t err = kt_amqp_last_reply(&self->connection, code);
    return err && *code && *code < CODE_CONNECTION ? kt_amqp_next_channel(&self->connection) : err;
}

static kt_err_t
find_queue(checker_t *self, const char *name, int *code)
{
    kt_amqp_connection_t *at = &self->connection;
    amqp_queue_declare(at->state, at->channel, amqp_cstring_bytes(name), 1, 0, 0, 0, amqp_empty_table);
    return take_reply(self, code);
}

static kt_err_t
find_exchange(checker_t *self, const char *name, int *code)
{
    kt_amqp_connection_t *at = &self->connection;
    *code                    = 0;
    if (!*name)
        return KT_OK;  // the default exchange
    amqp_exchange_declare(at->state, at->channel, amqp_cstring_bytes(name), amqp_cstring_bytes("fanout"), 1, 0, 0, 0,
                          amqp_empty_table);
    return take_reply(self, code);
}

static kt_err_t
try_new_queue(checker_t *self, const char *name, const char *dead_exchange, int *code)
{
    kt_amqp_connection_t *at        = &self->connection;
    amqp_table_entry_t    entries[] = {kt_amqp_text_entry("x-queue-type", "quorum"),
                                       kt_amqp_text_entry("x-dead-letter-exchange", dead_exchange),
                                       kt_amqp_text_entry("x-expires", "no number")};
    amqp_queue_declare(at->state, at->channel, amqp_cstring_bytes(name), 0, 1, 0, 0,
                       (amqp_table_t){sizeof entries / sizeof *entries, entries});
    return take_reply(self, code);
}

static kt_err_t
try_new_exchange(checker_t *self, const char *name, const char *type, int *code)
{
    kt_amqp_connection_t *at    = &self->connection;
    amqp_table_entry_t    entry = {.key   = amqp_cstring_bytes("alternate-exchange"),
                                   .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
    amqp_exchange_declare(at->state, at->channel, amqp_cstring_bytes(name), amqp_cstring_bytes(type), 0, 1, 0, 0,
                          (amqp_table_t){1, &entry});
    return take_reply(self, code);
}

static kt_err_t
try_read(checker_t *self, const char *queue, int *code)
{
    kt_amqp_connection_t *at    = &self->connection;
    amqp_table_entry_t    entry = kt_amqp_text_entry("x-priority", "no number");
    amqp_basic_qos(at->state, at->channel, 0, 1, 0);
    kt_err_t err = take_reply(self, code);
    if (err || *code)
        return err;
    amqp_basic_consume(at->state, at->channel, amqp_cstring_bytes(queue), amqp_cstring_bytes("kithara-check"), 0, 0, 0,
                       (amqp_table_t){1, &entry});
    err = take_reply(self, code);
    if (err || *code)
        return err;
    amqp_channel_close(at->state, at->channel, AMQP_REPLY_SUCCESS);
    return kt_amqp_next_channel(at);
}

static kt_err_t
try_write(checker_t *self, const char *exchange, const char *key, int *code)
{
    kt_amqp_connection_t *at = &self->connection;
    amqp_tx_select(at->state, at->channel);
    kt_err_t err = take_reply(self, code);
    if (err || *code)
        return err;
    err = kt_amqp_status(at, amqp_basic_publish(at->state, at->channel, amqp_cstring_bytes(exchange),
                                                amqp_cstring_bytes(key), 0, 0, NULL, amqp_empty_bytes));
    if (err)
        return err;
    amqp_tx_rollback(at->state, at->channel);
    return take_reply(self, code);
}

// A coordinator declares an existing queue again, which changes nothing.
static kt_err_t
check_stream(checker_t *self, const char *queue)
{
    kt_amqp_connection_t *at    = &self->connection;
    amqp_table_entry_t    entry = kt_amqp_text_entry("x-queue-type", "quorum");
    int                   code;
    amqp_queue_declare(at->state, at->channel, amqp_cstring_bytes(queue), 0, 1, 0, 0, (amqp_table_t){1, &entry});
    kt_err_t err = take_reply(self, &code);
    if (err || !code || !strstr(at->why, "is 'stream'"))
        return err;
    if (kt_amqp_refuse_stream(at, queue)) {
        add_text(self, "%s", at->why);
        lower_state(self, KT_CHECKED_WRONG);
    }
    return KT_OK;
}

static kt_err_t
check_queue(checker_t *self)
{
    char        dead[KT_AMQP_NAME];
    const char *queue = self->connection.settings->queue_name;
    int         found, code = 0;
    kt_err_t    err = find_queue(self, queue, &found);
    if (!err && !found)
        err = check_stream(self, queue);
    if (!err && found)
        err = try_new_queue(self, queue, kt_amqp_dead_name(self->connection.settings, dead), &code);
    if (err)
        return err;
    const bool made = found && code != REFUSED;
    add_text(self, "queue %.100s %s", queue,
             !found ? "is there"
             : made ? "is missing and will be declared"
                    : "is missing, and this user may not declare it");
    if (found && !made) {
        add_text(self, "%s", refusal(self));
        lower_state(self, KT_CHECKED_WRONG);
    }
    err = try_read(self, queue, &code);
    if (!err && code == REFUSED) {
        add_text(self, "no right to read it: %s", refusal(self));
        lower_state(self, KT_CHECKED_WRONG);
    }
    return err;
}

// lack: what follows when it is missing and may not be declared, or may not be written to.
static kt_err_t
check_exchange(checker_t *self, const char *name, const char *type, kt_checked_t worst, const char *lack)
{
    int      found, code = 0;
    kt_err_t err = find_exchange(self, name, &found);
    if (!err && found)
        err = try_new_exchange(self, name, type, &code);
    if (err)
        return err;
    const bool made = found && code != REFUSED;
    add_text(self, "exchange %.100s %s", *name ? name : "amq.default",
             !found ? "is there"
             : made ? "is missing and will be declared"
                    : "is missing, and this user may not declare it");
    if (found && !made) {
        add_text(self, "%s%s", lack, refusal(self));
        lower_state(self, worst);
    }
    err = try_write(self, name, self->connection.settings->routing_key, &code);
    if (!err && code == REFUSED) {
        add_text(self, "no right to write to it, %s%s", lack, refusal(self));
        lower_state(self, worst);
    }
    return err;
}

static kt_err_t
check_reply(checker_t *self)
{
    int      code;
    kt_err_t err = try_write(self, "", "kithara-check", &code);
    if (!err && code == REFUSED)
        add_text(self, "no right to write to amq.default, so that reply_to has no effect");
    return err;
}

static kt_err_t
check_rights(checker_t *self)
{
    char                 dead[KT_AMQP_NAME];
    const kt_settings_t *settings = self->connection.settings;
    kt_err_t             err      = check_queue(self);
    if (!err)
        err = check_exchange(self, settings->exchange_name, settings->exchange_type, KT_CHECKED_WRONG, "");
    if (!err)
        err = check_exchange(self, kt_amqp_dead_name(settings, dead), "fanout", KT_CHECKED_WARN,
                             "so that dead letters are held: ");
    return err ? err : check_reply(self);
}

static void
note_failure(checker_t *self, const char *host, int port)
{
    const int code = self->connection.code;
    add_text(self, "%.100s:%d fails: %s%s", host, port, self->connection.why,
             code == REFUSED       ? ": look at user and password in AMQP_CONNECTION_STRING"
             : code == NOT_ALLOWED ? ": look at the virtual host in AMQP_CONNECTION_STRING and the user's rights on it"
                                   : "");
}

// Whether the host lets this user in; of the first one that does, the rights.
static bool
check_host(checker_t *self, bool first)
{
    kt_amqp_connection_t *at   = &self->connection;
    const char           *host = at->url.hosts[at->host].host;
    const int             port = at->url.hosts[at->host].port;
    kt_err_t              err  = kt_amqp_connect(at);
    if (!err)
        err = kt_amqp_login(at);
    if (!err)
        add_text(self, "%.100s:%d lets %.100s in", host, port, at->url.user);
    if (!err && first)
        err = check_rights(self);
    if (err)
        note_failure(self, host, port);
    else
        kt_amqp_goodbye(at);
    kt_amqp_close(at);
    return !err;
}

kt_checked_t
kt_broker_check(const kt_settings_t *settings, char text[KT_CHECKED_TEXT])
{
    checker_t self    = {.state = KT_CHECKED_OK, .text = text};
    int       answers = 0;
    text[0]           = '\0';
    if (!*settings->amqp_url)
        return KT_CHECKED_NONE;
    if (kt_amqp_connection_init(&self.connection, settings, "check")) {
        add_text(&self, "%s", self.connection.why);
        return KT_CHECKED_WRONG;
    }
    const int hosts = self.connection.url.n_hosts;
    for (int i = 0; i < hosts; i++) {
        self.connection.host = i;
        answers += check_host(&self, answers == 0);
    }
    kt_amqp_connection_fini(&self.connection);
    lower_state(&self, answers == 0 ? KT_CHECKED_WRONG : answers < hosts ? KT_CHECKED_WARN : self.state);
    return self.state;
}
