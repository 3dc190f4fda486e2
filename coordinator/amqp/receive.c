#include "coordinator/amqp/receive.h"

#include "common/buf.h"
#include "common/log.h"
#include "coordinator/amqp/actor.h"
#include "coordinator/amqp/delivery_tags.h"
#include "coordinator/amqp/properties.h"

#include <amqp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// KEPT_BYTES: limit of the bodies of all open deliveries together; at it nothing is read until some are settled. A body
// beyond the limit of a job is kept for its dead letter.
enum { POP = 256, SPAN = 4, KEPT_BYTES = KT_AMQP_BODY_MAX + (32 << 20) };

struct kt_amqp_in {
    const kt_settings_t *settings;
    kt_delivery_read_fn *read;
    kt_queue_t          *deliveries, *settled;
    kt_amqp_actor_t     *actor;
    atomic_bool          cancelled;
    // the actor's thread
    kt_tags_t      tags;
    size_t         out;        // unsettled deliveries
    size_t         kept;       // bytes of bodies of unsettled deliveries and of the one that comes
    bool           consuming;  // subscribed on this connection
    bool           ending;     // basic.cancel was sent
    kt_delivery_t *coming;     // is being received
    uint64_t       missing;    // bytes of its body; UINT64_MAX until its header arrives
    size_t         wanted;     // bytes that are kept of its body; 0: they have their place
};

static const char CONSUMER[] = "kithara";

static kt_err_t
receive_fail(kt_amqp_connection_t *connection, const char *text)
{
    snprintf(connection->why, sizeof connection->why, "%s", text);
    return KT_EIO;
}

static kt_err_t
receive_begin(void *context, kt_amqp_connection_t *connection)
{
    kt_amqp_in_t *self = context;
    int           code;
    kt_tags_begin(&self->tags);
    kt_err_t err = kt_amqp_declare_queue(connection);
    if (err)
        return err;
    amqp_basic_qos(connection->state, connection->channel, 0, (uint16_t)self->settings->prefetch_count, 0);
    return kt_amqp_last_reply(connection, &code);
}

static void
receive_forget(kt_amqp_in_t *self, kt_delivery_t **delivery_p)
{
    self->kept -= *delivery_p ? (*delivery_p)->room : 0;
    kt_delivery_destroy(delivery_p);
}

static void
receive_on_lost(void *context, const kt_amqp_connection_t *connection)
{
    kt_amqp_in_t *self = context;
    (void)connection;
    receive_forget(self, &self->coming);
    self->wanted    = 0;
    self->consuming = self->ending = false;
    kt_tags_begin(&self->tags);  // open deliveries of the old connection are void
}

static kt_err_t
receive_start_message(kt_amqp_in_t *self, kt_amqp_connection_t *connection, const amqp_basic_deliver_t *method)
{
    if (self->coming || kt_tags_deliver(&self->tags, method->delivery_tag))
        return receive_fail(connection, "the broker delivers out of turn");
    self->coming = calloc(1, sizeof *self->coming);
    if (!self->coming)
        return receive_fail(connection, "out of memory for a message");
    self->coming->epoch = self->tags.epoch;
    self->coming->tag   = method->delivery_tag;
    self->missing       = UINT64_MAX;
    self->wanted        = 0;
    return KT_OK;
}

static kt_err_t
receive_finish_message(kt_amqp_in_t *self, kt_amqp_connection_t *connection)
{
    kt_delivery_t *delivery              = self->coming;
    delivery->body[delivery->body_bytes] = '\0';
    if (self->read(delivery))
        return receive_fail(connection, "out of memory for a message");
    if (kt_queue_push(self->deliveries, &self->coming))
        return receive_fail(connection, "the broker delivers more than the prefetch count");
    self->coming = NULL;
    self->out++;
    return KT_OK;
}

static kt_err_t
receive_make_room(kt_amqp_in_t *self, kt_amqp_connection_t *connection)
{
    kt_delivery_t *delivery = self->coming;
    delivery->body          = malloc(self->wanted + 1);
    if (!delivery->body)
        return receive_fail(connection, "out of memory for a message");
    delivery->room = self->wanted;
    self->kept += delivery->room;
    self->wanted = 0;
    return KT_OK;
}

static bool
receive_is_full(void *context)
{
    const kt_amqp_in_t *self = context;
    return self->kept && self->kept + self->wanted > KEPT_BYTES;
}

static kt_err_t
receive_take_header(kt_amqp_in_t *self, kt_amqp_connection_t *connection, const amqp_frame_t *frame)
{
    uint64_t       bytes    = frame->payload.properties.body_size;
    kt_delivery_t *delivery = self->coming;
    if (!delivery || self->missing != UINT64_MAX)
        return KT_OK;
    const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
    if (kt_amqp_properties_of_stream(properties))
        return kt_amqp_refuse_stream(connection, connection->settings->queue_name);
    self->wanted        = bytes <= KT_AMQP_BODY_MAX ? (size_t)bytes : KT_JOB_MAX_BYTES;
    self->missing       = bytes;
    delivery->all_bytes = bytes;
    if (kt_amqp_properties_read(delivery, properties, frame->payload.properties.raw.bytes,
                                frame->payload.properties.raw.len))
        return receive_fail(connection, "out of memory for a message");
    if (bytes)
        return KT_OK;
    kt_err_t err = receive_make_room(self, connection);
    return err ? err : receive_finish_message(self, connection);
}

static kt_err_t
receive_take_body(kt_amqp_in_t *self, kt_amqp_connection_t *connection, amqp_bytes_t piece)
{
    kt_delivery_t *delivery = self->coming;
    if (!delivery || self->missing == UINT64_MAX)
        return KT_OK;
    if (piece.len > self->missing)
        return receive_fail(connection, "a message is longer than its header states");
    kt_err_t err = delivery->body ? KT_OK : receive_make_room(self, connection);
    if (err)
        return err;
    size_t fits = delivery->room - delivery->body_bytes;
    fits        = piece.len < fits ? piece.len : fits;
    memcpy(delivery->body + delivery->body_bytes, piece.bytes, fits);
    delivery->body_bytes += fits;
    self->missing -= piece.len;
    return self->missing ? KT_OK : receive_finish_message(self, connection);
}

static kt_err_t
receive_take_frame(void *context, kt_amqp_connection_t *connection, const struct amqp_frame_t_ *frame)
{
    kt_amqp_in_t        *self   = context;
    const amqp_method_t *method = &frame->payload.method;
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        if (method->id == AMQP_BASIC_DELIVER_METHOD)
            return receive_start_message(self, connection, method->decoded);
        if (method->id == AMQP_BASIC_CANCEL_METHOD)
            return receive_fail(connection, "the broker cancelled the subscription: the queue is gone");
        if (method->id == AMQP_BASIC_CANCEL_OK_METHOD)
            self->consuming = false;
        return KT_OK;
    case AMQP_FRAME_HEADER: return receive_take_header(self, connection, frame);
    case AMQP_FRAME_BODY: return receive_take_body(self, connection, frame->payload.body_fragment);
    default: return KT_OK;
    }
}

static kt_err_t
receive_acknowledge(void *context, uint64_t tag, bool multiple)
{
    kt_amqp_connection_t *connection = context;
    return kt_amqp_status(connection, amqp_basic_ack(connection->state, connection->channel, tag, multiple));
}

static kt_err_t
receive_work(void *context, kt_amqp_connection_t *connection, bool *more)
{
    kt_amqp_in_t *self = context;
    void         *items[POP];
    size_t        n = 0;
    int           code;
    (void)more;
    while (!kt_queue_pop(self->settled, items, POP, &n, 0))
        for (size_t i = 0; i < n; i++) {
            kt_delivery_t *delivery = items[i];
            kt_tags_settle(&self->tags, delivery->epoch, delivery->tag);
            receive_forget(self, &delivery);
            self->out--;
        }
    if (!connection)
        return KT_OK;
    kt_err_t err = kt_tags_flush(&self->tags, receive_acknowledge, connection);
    if (err)
        return err;

    if (self->cancelled && self->consuming && !self->ending) {
        amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(CONSUMER)};
        self->ending               = true;
        return kt_amqp_status(
            connection, amqp_send_method(connection->state, connection->channel, AMQP_BASIC_CANCEL_METHOD, &cancel));
    }
    if (!self->cancelled && !self->consuming && !self->out) {
        amqp_basic_consume(connection->state, connection->channel, amqp_cstring_bytes(self->settings->queue_name),
                           amqp_cstring_bytes(CONSUMER), 0, 0, 0, amqp_empty_table);
        err             = kt_amqp_last_reply(connection, &code);
        self->consuming = !err;
    }
    return err;
}

static const kt_amqp_ops_t OPS = {.begin   = receive_begin,
                                  .frame   = receive_take_frame,
                                  .is_full = receive_is_full,
                                  .work    = receive_work,
                                  .lost    = receive_on_lost};

kt_err_t
kt_amqp_in_new(kt_amqp_in_t **self_p, const kt_settings_t *settings, kt_delivery_read_fn *read, char why[KT_AMQP_WHY])
{
    size_t        window = (size_t)settings->prefetch_count;
    kt_amqp_in_t *self   = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->settings = settings;
    self->read     = read;
    kt_err_t err   = kt_queue_new(&self->deliveries, window);
    if (!err)
        err = kt_queue_new(&self->settled, window + 1);
    if (!err)
        err = kt_tags_init(&self->tags, SPAN * window);
    if (!err) {
        kt_amqp_actor_opts_t opts = {settings, "in", &OPS, self, kt_queue_fd(self->settled)};
        err                       = kt_amqp_actor_new(&self->actor, &opts, why);
    }
    if (err)
        kt_amqp_in_destroy(&self);
    else
        *self_p = self;
    return err;
}

static void
receive_empty_queue(kt_queue_t *queue)
{
    void  *item;
    size_t n;
    while (queue && !kt_queue_pop(queue, &item, 1, &n, 0)) {
        kt_delivery_t *delivery = item;
        kt_delivery_destroy(&delivery);
    }
}

void
kt_amqp_in_destroy(kt_amqp_in_t **self_p)
{
    kt_amqp_in_t *self = *self_p;
    if (!self)
        return;
    kt_amqp_actor_destroy(&self->actor);
    receive_empty_queue(self->deliveries);
    receive_empty_queue(self->settled);
    kt_delivery_destroy(&self->coming);
    kt_queue_destroy(&self->deliveries);
    kt_queue_destroy(&self->settled);
    kt_tags_fini(&self->tags);
    free(self);
    *self_p = NULL;
}

kt_queue_t *
kt_amqp_in_deliveries(kt_amqp_in_t *self)
{
    return self->deliveries;
}

// The queue has room for all that the loop can hold.
void
kt_amqp_in_settle(kt_amqp_in_t *self, kt_delivery_t **delivery_p)
{
    if (kt_queue_push(self->settled, delivery_p))
        kt_delivery_destroy(delivery_p);
}

void
kt_amqp_in_cancel(kt_amqp_in_t *self)
{
    self->cancelled = true;
}

void
kt_amqp_in_watch(kt_amqp_in_t *self, int64_t now_ms)
{
    kt_amqp_actor_watch(self->actor, now_ms);
}

void
kt_amqp_in_health(kt_amqp_in_t *self, kt_amqp_health_t *out)
{
    kt_amqp_actor_health(self->actor, out);
}
