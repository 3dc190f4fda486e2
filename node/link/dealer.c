#include "node/link/dealer.h"

#include "common/loop.h"
#include "common/text.h"

#include <czmq.h>
#include <stdlib.h>

enum { FRAMES_PER_TURN = 16, ADDRESS_BYTES = 256 };
enum { MONITORED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED };

typedef struct dealer {
    kt_dealers_t *owner;
    zsock_t      *socket;
    size_t        index;
    char          address[ADDRESS_BYTES];
} dealer_t;

struct kt_dealers {
    const kt_dealers_ops_t *ops;
    void                   *context;
    kt_loop_t              *loop;
    dealer_t                dealers[KT_COORDINATORS_MAX];
    size_t                  n;
};

// One message of one part; a message of more parts is no message of the protocol and is dropped. False: none is there.
static bool
dealer_frame(void *context, void *socket)
{
    const dealer_t *dealer = context;
    zmq_msg_t       part;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
    if (got && !zmq_msg_more(&part))
        dealer->owner->ops->frame(dealer->owner->context, dealer->index, zmq_msg_data(&part), zmq_msg_size(&part));
    while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0)
        continue;
    zmq_msg_close(&part);
    return got;
}

static void
dealer_event(void *context, int event, int value)
{
    (void)value;
    const dealer_t *dealer = context;
    dealer->owner->ops->state(dealer->owner->context, dealer->index,
                              event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? KT_DEALER_UP
                              : event == ZMQ_EVENT_DISCONNECTED      ? KT_DEALER_DOWN
                                                                     : KT_DEALER_REFUSED);
}

kt_err_t
kt_dealers_new(kt_dealers_t **self_p, const kt_dealers_opts_t *opts)
{
    if (!opts->n || opts->n > KT_COORDINATORS_MAX)
        return KT_EINVAL;
    kt_dealers_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops                = opts->ops;
    self->context            = opts->context;
    kt_loop_opts_t loop_opts = {opts->ops->flush, opts->ops->tick, opts->context, opts->tick_ms};
    kt_err_t       err       = kt_loop_new(&self->loop, &loop_opts);
    for (size_t i = 0; i < opts->n && !err; i++) {
        dealer_t *dealer = &self->dealers[i];
        *dealer          = (dealer_t){.owner = self, .index = i};
        err = kt_text_copy(dealer->address, sizeof dealer->address, opts->addresses[i]) ? KT_OK : KT_EINVAL;
        if (!err)
            err = kt_socket_dealer(&dealer->socket, dealer->address, opts->server_publics[i], opts->key);
        if (err)
            break;
        self->n++;
        err = kt_loop_monitor(self->loop, dealer->socket, FRAMES_PER_TURN, MONITORED, dealer_event, dealer);
        if (!err)
            err = kt_loop_socket(self->loop, dealer->socket, FRAMES_PER_TURN, dealer_frame, dealer);
        if (!err)
            err = kt_socket_connect(dealer->socket, dealer->address);
    }
    if (err)
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_dealers_destroy(&self);
    return err;
}

void
kt_dealers_destroy(kt_dealers_t **self_p)
{
    kt_dealers_t *self = *self_p;
    if (!self)
        return;
    kt_loop_destroy(&self->loop);
    for (size_t i = 0; i < self->n; i++)
        zsock_destroy(&self->dealers[i].socket);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_dealers_watch(kt_dealers_t *self, int fd, void (*handler)(void *context))
{
    return kt_loop_watch(self->loop, fd, handler);
}

void
kt_dealers_run(kt_dealers_t *self)
{
    kt_loop_run(self->loop);
}

void
kt_dealers_stop(kt_dealers_t *self)
{
    kt_loop_stop(self->loop);
}

kt_err_t
kt_dealers_send(kt_dealers_t *self, size_t coordinator, const void *bytes, size_t length)
{
    void *socket = zsock_resolve(self->dealers[coordinator].socket);
    return zmq_send(socket, bytes, length, ZMQ_DONTWAIT) < 0 ? KT_EUNREACHABLE : KT_OK;
}

// Disconnecting may fail: libzmq drops an endpoint that has refused the connection.
void
kt_dealers_reconnect(kt_dealers_t *self, size_t coordinator)
{
    const dealer_t *dealer = &self->dealers[coordinator];
    void           *socket = zsock_resolve(dealer->socket);
    (void)zmq_disconnect(socket, dealer->address);
    (void)zmq_connect(socket, dealer->address);
}

void
kt_dealers_use_key(kt_dealers_t *self, size_t coordinator, const kt_curve_t *key)
{
    void *socket = zsock_resolve(self->dealers[coordinator].socket);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key->public_key, KT_CURVE_TEXT);
    (void)zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key->secret_key, KT_CURVE_TEXT);
}
