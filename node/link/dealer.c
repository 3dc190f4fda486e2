#include "node/link/dealer.h"

#include "common/text.h"

#include <czmq.h>
#include <stdlib.h>

enum { FRAMES_A_TURN = 16, MAX_WATCHES = 4, ADDRESS_BYTES = 256 };
enum { MONITORED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED };

typedef struct dealer {
    kt_dealers_t *self;
    zsock_t      *socket;
    zsock_t      *monitor;  // libzmq's words about the connection
    size_t        index;
    char          address[ADDRESS_BYTES];
} dealer_t;

typedef struct watch {
    kt_dealers_t *self;
    void (*handler)(void *context);
} watch_t;

struct kt_dealers {
    const kt_dealers_ops_t *ops;
    void                   *context;
    zloop_t                *loop;
    dealer_t                dealers[KT_COORDINATORS_MAX];
    size_t                  n;
    watch_t                 watches[MAX_WATCHES];
    size_t                  n_watches;
    bool                    stopped;
};

static int
end_turn(kt_dealers_t *self)
{
    self->ops->flush(self->context);
    return self->stopped ? -1 : 0;
}

// One message of one part; more parts than that are not ours and are skipped. False when nothing is there.
static bool
receive(dealer_t *dealer, void *socket)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
    if (got && !zmq_msg_more(&part))
        dealer->self->ops->frame(dealer->self->context, dealer->index, zmq_msg_data(&part), zmq_msg_size(&part));
    while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0)
        continue;
    zmq_msg_close(&part);
    return got;
}

static int
on_dealer(zloop_t *loop, zsock_t *socket, void *argument)
{
    (void)loop;
    dealer_t *dealer = argument;
    for (int i = 0; i < FRAMES_A_TURN && receive(dealer, zsock_resolve(socket)); i++)
        continue;
    return end_turn(dealer->self);
}

// One event of two parts: its number and a value, then an address. False when nothing is there.
static bool
receive_event(dealer_t *dealer, void *monitor)
{
    zmq_msg_t part;
    uint16_t  event = 0;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT) >= 0;
    if (got && zmq_msg_size(&part) >= sizeof event)
        memcpy(&event, zmq_msg_data(&part), sizeof event);
    while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT) >= 0)
        continue;
    zmq_msg_close(&part);
    if (event)
        dealer->self->ops->state(dealer->self->context, dealer->index,
                                 event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? KT_DEALER_UP
                                 : event == ZMQ_EVENT_DISCONNECTED      ? KT_DEALER_DOWN
                                                                        : KT_DEALER_REFUSED);
    return got;
}

static int
on_monitor(zloop_t *loop, zsock_t *monitor, void *argument)
{
    (void)loop;
    dealer_t *dealer = argument;
    for (int i = 0; i < FRAMES_A_TURN && receive_event(dealer, zsock_resolve(monitor)); i++)
        continue;
    return end_turn(dealer->self);
}

static int
on_watch(zloop_t *loop, zmq_pollitem_t *task, void *argument)
{
    (void)loop, (void)task;
    watch_t *watch = argument;
    watch->handler(watch->self->context);
    return end_turn(watch->self);
}

static int
on_tick(zloop_t *loop, int timer, void *argument)
{
    (void)loop, (void)timer;
    kt_dealers_t *self = argument;
    self->ops->tick(self->context);
    return end_turn(self);
}

static kt_err_t
watch_dealer(kt_dealers_t *self, dealer_t *dealer)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://kithara-dealer-%p", (void *)dealer);
    dealer->monitor = zsock_new(ZMQ_PAIR);
    if (!dealer->monitor || zmq_socket_monitor(zsock_resolve(dealer->socket), endpoint, MONITORED) ||
        zmq_connect(zsock_resolve(dealer->monitor), endpoint))
        return KT_ENOMEM;
    return zloop_reader(self->loop, dealer->monitor, on_monitor, dealer) ||
                   zloop_reader(self->loop, dealer->socket, on_dealer, dealer)
               ? KT_ENOMEM
               : KT_OK;
}

static kt_err_t
open_dealers(kt_dealers_t *self, const kt_dealers_opts_t *opts)
{
    for (size_t i = 0; i < opts->n; i++) {
        dealer_t *dealer = &self->dealers[i];
        *dealer          = (dealer_t){.self = self, .index = i};
        if (!kt_text_copy(dealer->address, sizeof dealer->address, opts->addresses[i]))
            return KT_EINVAL;
        kt_err_t err = kt_socket_dealer(&dealer->socket, dealer->address, opts->server_publics[i], opts->key);
        if (err)
            return err;
        self->n++;
        if ((err = watch_dealer(self, dealer)))
            return err;
    }
    return KT_OK;
}

kt_err_t
kt_dealers_new(kt_dealers_t **self_p, const kt_dealers_opts_t *opts)
{
    if (!opts->n || opts->n > KT_COORDINATORS_MAX)
        return KT_EINVAL;
    kt_dealers_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops     = opts->ops;
    self->context = opts->context;
    self->loop    = zloop_new();
    kt_err_t err  = self->loop ? open_dealers(self, opts) : KT_ENOMEM;
    if (!err && zloop_timer(self->loop, (size_t)opts->tick_ms, 0, on_tick, self) < 0)
        err = KT_ENOMEM;
    if (err)
        goto fail;
    zloop_set_nonstop(self->loop, true);
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
    zloop_destroy(&self->loop);
    for (size_t i = 0; i < self->n; i++) {
        zmq_socket_monitor(zsock_resolve(self->dealers[i].socket), NULL, 0);
        zsock_destroy(&self->dealers[i].monitor);
        zsock_destroy(&self->dealers[i].socket);
    }
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_dealers_watch(kt_dealers_t *self, int fd, void (*handler)(void *context))
{
    if (self->n_watches == MAX_WATCHES)
        return KT_ENOMEM;
    watch_t       *watch = &self->watches[self->n_watches++];
    zmq_pollitem_t task  = {.fd = fd, .events = ZMQ_POLLIN};
    *watch               = (watch_t){self, handler};
    return zloop_poller(self->loop, &task, on_watch, watch) ? KT_ENOMEM : KT_OK;
}

void
kt_dealers_run(kt_dealers_t *self)
{
    zloop_start(self->loop);
}

void
kt_dealers_stop(kt_dealers_t *self)
{
    self->stopped = true;
}

kt_err_t
kt_dealers_send(kt_dealers_t *self, size_t coordinator, const void *bytes, size_t length)
{
    void *socket = zsock_resolve(self->dealers[coordinator].socket);
    return zmq_send(socket, bytes, length, ZMQ_DONTWAIT) < 0 ? KT_EUNREACHABLE : KT_OK;
}

// The old one may be gone already: libzmq forgets an endpoint that refused us.
void
kt_dealers_reconnect(kt_dealers_t *self, size_t coordinator)
{
    const dealer_t *dealer = &self->dealers[coordinator];
    void           *socket = zsock_resolve(dealer->socket);
    (void)zmq_disconnect(socket, dealer->address);
    (void)zmq_connect(socket, dealer->address);
}
