#include "coordinator/amqp/send.h"

#include "common/clock.h"
#include "coordinator/amqp/actor.h"
#include "coordinator/amqp/confirms.h"
#include "coordinator/amqp/properties.h"

#include <amqp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Frames are read between bursts: if both sides only send, neither is read.
enum { POP = 256, BURST = 32, BURST_BYTES = 256 << 10, COPIES = 2, FORBIDDEN = 403, FORBIDDEN_MS = 60000 };

struct kt_amqp_out {
    const kt_settings_t *settings;
    kt_queue_t          *given, *answers;
    kt_amqp_actor_t     *actor;
    // the actor's thread
    kt_window_t        window;
    kt_amqp_message_t *first, **last;                        // to be published, in order
    bool               warm;                                 // something was confirmed on this connection
    int64_t            no_dead_until_ms, no_reply_until_ms;  // the broker refused the right to write there
};

// The queue has room for all messages of this thread.
static void
send_return(kt_amqp_out_t *self, kt_amqp_message_t *message, kt_published_t how)
{
    message->how = how;
    if (kt_queue_push(self->answers, &message))
        kt_amqp_message_destroy(&message);
}

// A message is settled with its last copy. The queue that its sender named may be full or gone: that decides nothing.
static void
send_settle_copy(kt_amqp_out_t *self, const kt_amqp_copy_t *copy, kt_published_t how)
{
    kt_amqp_message_t *message = copy->message;
    if (!copy->reply || how == KT_PUBLISHED_LOST)
        message->how = message->how == KT_PUBLISHED_LOST ? message->how : how;
    if (--message->open == 0)
        send_return(self, message, message->how);
}

static void
send_on_settled(void *context, void *item, bool acked, bool returned)
{
    kt_amqp_out_t *self = context;
    self->warm          = true;
    send_settle_copy(self, item,
                     !acked     ? KT_PUBLISHED_REFUSED
                     : returned ? KT_PUBLISHED_RETURNED
                                : KT_PUBLISHED_CONFIRMED);
}

static void
send_on_gone(void *context, void *item, bool acked, bool returned)
{
    (void)acked, (void)returned;
    send_settle_copy(context, item, KT_PUBLISHED_LOST);
}

static kt_err_t
send_begin(void *context, kt_amqp_connection_t *connection)
{
    kt_amqp_out_t *self = context;
    int            code;
    self->warm   = false;
    kt_err_t err = kt_amqp_declare_dead(connection);
    if (!err)
        err = kt_amqp_declare_exchange(connection);
    if (err)
        return err;
    amqp_confirm_select(connection->state, connection->channel);
    return kt_amqp_last_reply(connection, &code);
}

// A right that the broker's user has not got closes the channel: what needs it is left out for a while.
static void
send_note_forbidden(kt_amqp_out_t *self, const kt_amqp_connection_t *connection)
{
    char name[KT_AMQP_NAME], quoted[KT_AMQP_NAME + 2];
    if (connection->code != FORBIDDEN || !*connection->why)
        return;
    snprintf(quoted, sizeof quoted, "'%s'", kt_amqp_dead_name(self->settings, name));
    if (strstr(connection->why, quoted))
        self->no_dead_until_ms = kt_clock_ms() + FORBIDDEN_MS;
    else if (strstr(connection->why, "'amq.default'"))
        self->no_reply_until_ms = kt_clock_ms() + FORBIDDEN_MS;
}

static void
send_on_lost(void *context, const kt_amqp_connection_t *connection)
{
    kt_amqp_out_t *self = context;
    send_note_forbidden(self, connection);
    kt_window_begin(&self->window, send_on_gone, self);
}

static kt_err_t
send_settle(kt_amqp_out_t *self, kt_amqp_connection_t *connection, uint64_t tag, bool multiple, bool acked)
{
    kt_err_t err = kt_window_settle(&self->window, tag, multiple, acked, send_on_settled, self);
    if (err)
        snprintf(connection->why, sizeof connection->why, "the broker confirms what was never published");
    return err;
}

// Only returned messages have content on this channel.
static kt_err_t
send_take_frame(void *context, kt_amqp_connection_t *connection, const struct amqp_frame_t_ *frame)
{
    kt_amqp_out_t *self = context;
    if (frame->frame_type == AMQP_FRAME_HEADER) {
        const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
        for (int i = 0; i < properties->headers.num_entries; i++) {
            const amqp_table_entry_t *entry = &properties->headers.entries[i];
            if (entry->value.kind == AMQP_FIELD_KIND_I64 && entry->key.len == strlen(KT_AMQP_ROW_HEADER) &&
                memcmp(entry->key.bytes, KT_AMQP_ROW_HEADER, entry->key.len) == 0)
                kt_window_return(&self->window, (uint64_t)entry->value.value.i64);
        }
    }
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return KT_OK;
    const amqp_method_t *method = &frame->payload.method;
    if (method->id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = method->decoded;
        return send_settle(self, connection, ack->delivery_tag, ack->multiple, true);
    }
    if (method->id == AMQP_BASIC_NACK_METHOD) {
        const amqp_basic_nack_t *nack = method->decoded;
        return send_settle(self, connection, nack->delivery_tag, nack->multiple, false);
    }
    return KT_OK;
}

static kt_err_t
send_copy(kt_amqp_out_t *self, kt_amqp_connection_t *connection, kt_amqp_message_t *message,
          const kt_amqp_properties_t *properties, bool reply)
{
    char                   dead_name[KT_AMQP_NAME];
    const kt_outbox_row_t *row      = &message->row;
    bool                   dead     = row->kind == KT_OUTBOX_DEAD;
    const char            *exchange = reply  ? ""
                                      : dead ? kt_amqp_dead_name(self->settings, dead_name)
                                             : self->settings->exchange_name;
    const char     *key  = reply ? kt_amqp_properties_reply_to(properties) : dead ? "" : self->settings->routing_key;
    kt_amqp_copy_t *copy = &message->copies[reply];
    amqp_bytes_t    body = {row->n_bytes, row->bytes};
    *copy                = (kt_amqp_copy_t){message, reply};
    kt_window_add(&self->window, copy, reply ? 0 : row->id);
    message->open++;
    return kt_amqp_status(connection, amqp_basic_publish(connection->state, connection->channel,
                                                         amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), !reply,
                                                         0, kt_amqp_properties_all(properties), body));
}

// Takes the message: it is in the window, or returned.
static kt_err_t
send_message(kt_amqp_out_t *self, kt_amqp_connection_t *connection, kt_amqp_message_t *message)
{
    kt_amqp_properties_t *properties = NULL;
    int64_t               now_ms     = kt_clock_ms();
    message->how                     = KT_PUBLISHED_CONFIRMED;
    if (message->row.kind == KT_OUTBOX_DEAD && (connection->no_dead || now_ms < self->no_dead_until_ms)) {
        send_return(self, message, KT_PUBLISHED_FORBIDDEN);
        return KT_OK;
    }
    if (kt_amqp_properties_new(&properties, &message->row)) {
        send_return(self, message, KT_PUBLISHED_LOST);
        return KT_OK;
    }
    const char *name  = kt_amqp_properties_reply_to(properties);
    bool        reply = *name && now_ms >= self->no_reply_until_ms && strcmp(name, self->settings->queue_name) != 0;
    kt_err_t    err   = send_copy(self, connection, message, properties, false);
    if (!err && reply)
        err = send_copy(self, connection, message, properties, true);
    kt_amqp_properties_destroy(&properties);
    return err;
}

static kt_amqp_message_t *
send_take_first(kt_amqp_out_t *self)
{
    kt_amqp_message_t *message = self->first;
    self->first                = message->next;
    if (!self->first)
        self->last = &self->first;
    return message;
}

// The first message of a connection goes alone: a broker that is out of memory or disk blocks only after it, and
// further messages would be stuck in the socket.
static bool
send_may_publish(const kt_amqp_out_t *self, const kt_amqp_connection_t *connection)
{
    return self->first && !connection->blocked && kt_window_has_room(&self->window, COPIES) &&
           (self->warm || self->window.open == 0);
}

static kt_err_t
send_work(void *context, kt_amqp_connection_t *connection, bool *more)
{
    kt_amqp_out_t *self  = context;
    size_t         bytes = 0, n = 0;
    kt_err_t       err = KT_OK;
    void          *items[POP];
    while (!kt_queue_pop(self->given, items, POP, &n, 0))
        for (size_t i = 0; i < n; i++) {
            *self->last = items[i];
            self->last  = &(*self->last)->next;
            *self->last = NULL;
        }
    if (!connection)
        return KT_OK;
    for (int i = 0; i < BURST && bytes < BURST_BYTES && !err && send_may_publish(self, connection); i++) {
        kt_amqp_message_t *message = send_take_first(self);
        bytes += message->row.n_bytes;
        err = send_message(self, connection, message);
    }
    *more = *more || send_may_publish(self, connection);
    return err;
}

static const kt_amqp_ops_t OPS = {
    .begin = send_begin, .frame = send_take_frame, .work = send_work, .lost = send_on_lost};

kt_err_t
kt_amqp_out_new(kt_amqp_out_t **self_p, const kt_settings_t *settings, char why[KT_AMQP_WHY])
{
    kt_amqp_out_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings = settings;
    self->last     = &self->first;
    kt_err_t err   = kt_queue_new(&self->given, KT_AMQP_OUT_MAX);
    if (!err)
        err = kt_queue_new(&self->answers, KT_AMQP_OUT_MAX);
    if (!err)
        err = kt_window_init(&self->window, COPIES * KT_AMQP_OUT_MAX);
    if (!err) {
        kt_amqp_actor_opts_t opts = {settings, "out", &OPS, self, kt_queue_fd(self->given)};
        err                       = kt_amqp_actor_new(&self->actor, &opts, why);
    }
    if (err)
        kt_amqp_out_destroy(&self);
    else
        *self_p = self;
    return err;
}

static void
send_empty_queue(kt_queue_t *queue)
{
    void  *item;
    size_t n;
    while (queue && !kt_queue_pop(queue, &item, 1, &n, 0)) {
        kt_amqp_message_t *message = item;
        kt_amqp_message_destroy(&message);
    }
}

void
kt_amqp_out_destroy(kt_amqp_out_t **self_p)
{
    kt_amqp_out_t *self = *self_p;
    if (!self)
        return;
    kt_amqp_actor_destroy(&self->actor);  // joins the thread; unconfirmed messages are returned as LOST
    send_empty_queue(self->given);
    send_empty_queue(self->answers);
    while (self->first) {
        kt_amqp_message_t *message = send_take_first(self);
        kt_amqp_message_destroy(&message);
    }
    kt_queue_destroy(&self->given);
    kt_queue_destroy(&self->answers);
    kt_window_fini(&self->window);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_amqp_out_give(kt_amqp_out_t *self, kt_amqp_message_t **message_p)
{
    return kt_queue_push(self->given, message_p);
}

kt_queue_t *
kt_amqp_out_answers(kt_amqp_out_t *self)
{
    return self->answers;
}

void
kt_amqp_out_watch(kt_amqp_out_t *self, int64_t now_ms)
{
    kt_amqp_actor_watch(self->actor, now_ms);
}

void
kt_amqp_out_health(kt_amqp_out_t *self, kt_amqp_health_t *out)
{
    kt_amqp_actor_health(self->actor, out);
}
