// amqp_load -- load generator and sink of `ops/bench durable` and `celery`: what Python's clients are too slow for.
//
//   amqp_load publish URL QUEUE COUNT [BYTES]        input messages of that size into a queue, by confirms
//   amqp_load sink URL EXCHANGE KEY COUNT QUIET_S    a queue of its own behind the exchange, until COUNT different
//                                                    message_ids have come or nothing came for QUIET_S seconds
//
// sink prints READY when it is bound, then: messages, different ones, seconds from the first to the last, bytes.
#include "common/clock.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { CHANNEL = 1, WINDOW = 1000, PREFETCH = 2000, ACK_EACH = 200, BODY = 64 << 10 };

static void
die(const char *what)
{
    fprintf(stderr, "amqp_load: %s\n", what);
    exit(EXIT_FAILURE);
}

static void
check(amqp_connection_state_t state, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(state);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        die(what);
}

static amqp_connection_state_t
open_broker(char *url)
{
    struct amqp_connection_info info;
    struct timeval              within = {.tv_sec = 10};
    amqp_connection_state_t     state  = amqp_new_connection();
    amqp_socket_t              *socket = amqp_tcp_socket_new(state);
    amqp_default_connection_info(&info);
    if (!socket || amqp_parse_url(url, &info) || amqp_socket_open_noblock(socket, info.host, info.port, &within))
        die("no broker");
    amqp_rpc_reply_t reply = amqp_login(state, *info.vhost ? info.vhost : "/", 0, 131072, 60, AMQP_SASL_METHOD_PLAIN,
                                        info.user, info.password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        die("login");
    amqp_channel_open(state, CHANNEL);
    check(state, "channel");
    return state;
}

// One frame, if it comes in time.
static bool
next_frame(amqp_connection_state_t state, amqp_frame_t *frame, int seconds)
{
    struct timeval within = {.tv_sec = seconds};
    amqp_maybe_release_buffers(state);
    int status = amqp_simple_wait_frame_noblock(state, frame, &within);
    if (status != AMQP_STATUS_OK && status != AMQP_STATUS_TIMEOUT)
        die(amqp_error_string2(status));
    return status == AMQP_STATUS_OK;
}

static uint64_t
confirmed_by(const amqp_frame_t *frame)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    if (frame->payload.method.id != AMQP_BASIC_ACK_METHOD)
        die("the broker refused a message");
    return ((const amqp_basic_ack_t *)frame->payload.method.decoded)->delivery_tag;
}

static size_t
make_body(char *body, uint64_t number, size_t bytes)
{
    int    n  = snprintf(body, BODY,
                         "{\"message_id\":\"load-%" PRIu64 "\",\"file_path\":\"/music/artist/album/%" PRIu64
                         ".mp3\",\"file_format\":\"mp3\",\"file_size\":4194304,\"padding\":\"",
                         number, number);
    size_t at = (size_t)n;
    while (at + 2 < bytes && at + 3 < BODY)
        body[at++] = 'x';
    memcpy(body + at, "\"}", 3);
    return at + 2;
}

// Multiple confirms come in order, so the highest number bounds how many are open; the last is waited for.
static void
publish(amqp_connection_state_t state, const char *queue, uint64_t count, size_t bytes)
{
    char                    body[BODY];
    uint64_t                confirmed  = 0;
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    amqp_confirm_select(state, CHANNEL);
    check(state, "confirms");
    for (uint64_t i = 1; i <= count; i++) {
        amqp_bytes_t text = {make_body(body, i, bytes), body};
        if (amqp_basic_publish(state, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &properties, text))
            die("publish");
        while (i - confirmed >= WINDOW || (i == count && confirmed < count)) {
            amqp_frame_t frame;
            uint64_t     tag = next_frame(state, &frame, 60) ? confirmed_by(&frame) : 0;
            if (!tag)
                die("no confirm within a minute");
            confirmed = tag > confirmed ? tag : confirmed;
        }
    }
    printf("%" PRIu64 " published\n", count);
}

static void
bind_own_queue(amqp_connection_state_t state, const char *exchange, const char *key)
{
    amqp_exchange_declare(state, CHANNEL, amqp_cstring_bytes(exchange), amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    check(state, "exchange");
    amqp_queue_declare_ok_t *queue = amqp_queue_declare(state, CHANNEL, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    check(state, "queue");
    char         name[256];
    amqp_bytes_t own = {queue->queue.len, name};
    memcpy(name, queue->queue.bytes, queue->queue.len < sizeof name ? queue->queue.len : sizeof name);
    amqp_queue_bind(state, CHANNEL, own, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key), amqp_empty_table);
    check(state, "bind");
    amqp_basic_qos(state, CHANNEL, 0, PREFETCH, 0);
    check(state, "qos");
    amqp_basic_consume(state, CHANNEL, own, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check(state, "consume");
}

typedef struct sink {
    uint64_t count, messages, different, bytes, tag, acked;
    uint8_t *seen;
    int64_t  first_us, last_us;
} sink_t;

// Ours are "load-NUMBER"; anything else counts as a message alone.
static void
note(sink_t *self, const amqp_basic_properties_t *properties)
{
    char         text[64] = "";
    amqp_bytes_t id       = properties->message_id;
    if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG && id.len < sizeof text)
        memcpy(text, id.bytes, id.len);
    uint64_t number = strncmp(text, "load-", 5) ? 0 : strtoull(text + 5, NULL, 10);
    self->messages++;
    self->last_us = kt_clock_us();
    if (!self->first_us)
        self->first_us = self->last_us;
    if (number && number <= self->count && !self->seen[number]) {
        self->seen[number] = 1;
        self->different++;
    }
}

static void
sink(amqp_connection_state_t state, sink_t *self, int quiet_s)
{
    amqp_frame_t frame;
    while (self->different < self->count && next_frame(state, &frame, quiet_s)) {
        if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD)
            self->tag = ((const amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
        if (frame.frame_type != AMQP_FRAME_HEADER)
            continue;
        self->bytes += frame.payload.properties.body_size;
        note(self, frame.payload.properties.decoded);
        if (self->tag - self->acked >= ACK_EACH) {
            amqp_basic_ack(state, CHANNEL, self->tag, 1);
            self->acked = self->tag;
        }
    }
    printf("%" PRIu64 " %" PRIu64 " %.6f %" PRIu64 "\n", self->messages, self->different,
           (double)(self->last_us - self->first_us) * 1e-6, self->bytes);
}

int
main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[1], "publish") == 0) {
        amqp_connection_state_t state = open_broker(argv[2]);
        publish(state, argv[3], strtoull(argv[4], NULL, 10), argc > 5 ? strtoul(argv[5], NULL, 10) : 300);
        amqp_connection_close(state, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(state);
        return 0;
    }
    if (argc != 7 || strcmp(argv[1], "sink"))
        die("publish URL QUEUE COUNT [BYTES] | sink URL EXCHANGE KEY COUNT QUIET_S");
    amqp_connection_state_t state = open_broker(argv[2]);
    sink_t                  self  = {.count = strtoull(argv[5], NULL, 10)};
    self.seen                     = calloc(self.count + 1, 1);
    bind_own_queue(state, argv[3], argv[4]);
    puts("READY");
    fflush(stdout);
    if (self.seen)
        sink(state, &self, atoi(argv[6]));
    free(self.seen);
    amqp_destroy_connection(state);
    return 0;
}
