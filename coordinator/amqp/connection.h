// amqp_connection -- one connection to the broker with one channel: address, TLS, login, and the words of its errors,
// none of which holds the password. Private to amqp_*.c. One thread; each call has a deadline, but a send to a broker
// that no longer reads ends only when the actor's watchdog shuts the socket.
#pragma once

#include "common/settings.h"
#include "coordinator/amqp/url.h"

#include <stdint.h>

typedef struct amqp_connection_state_t_ *amqp_connection_state_t;
struct amqp_frame_t_;
struct amqp_rpc_reply_t_;
struct amqp_table_entry_t_;

typedef struct kt_amqp_connection {
    const kt_settings_t    *settings;
    const char             *role;  // "in", "out": seen in the broker's list of connections
    kt_amqp_url_t           url;
    int                     host, tried;  // of url.hosts: the current one, and failures since the last success
    int64_t                 heartbeat_s;
    amqp_connection_state_t state;  // NULL: closed
    int                     fd;     // -1: closed
    uint16_t                channel;
    int                     code;     // of the last close by the broker, 0 none
    bool                    blocked;  // connection.blocked received: no publishing
    bool                    no_dead;  // the dead-letter exchange does not exist, and this user may not declare it
    char                    why[KT_AMQP_WHY];  // of the last failure
} kt_amqp_connection_t;

// The address is parsed here: KT_ESETTING.
KT_MUST_USE kt_err_t kt_amqp_connection_init(kt_amqp_connection_t *self, const kt_settings_t *settings,
                                             const char *role);
void                 kt_amqp_connection_fini(kt_amqp_connection_t *self);
// Socket (and TLS), then login and channel; between the two the actor makes fd known to its watchdog. KT_EIO, KT_EAUTH.
KT_MUST_USE kt_err_t kt_amqp_connect(kt_amqp_connection_t *self);
KT_MUST_USE kt_err_t kt_amqp_login(kt_amqp_connection_t *self);
bool kt_amqp_next_host(kt_amqp_connection_t *self);    // after a failure; false: all have been tried, pause first
void kt_amqp_settle_host(kt_amqp_connection_t *self);  // it is up
void kt_amqp_goodbye(kt_amqp_connection_t *self);      // closes the connection; waits at most 1 s for close-ok
void kt_amqp_close(kt_amqp_connection_t *self);

// Another channel, after the broker closed the last one over a request.
KT_MUST_USE kt_err_t kt_amqp_next_channel(kt_amqp_connection_t *self);
// KT_OK, or what went wrong, with the broker's words in why; *code: its number (404, 406, ...), 0 without one. After a
// code below 500 the connection remains open: call next_channel.
KT_MUST_USE kt_err_t kt_amqp_last_reply(kt_amqp_connection_t *self, int *code);
KT_MUST_USE kt_err_t kt_amqp_status(kt_amqp_connection_t *self, int status);  // of calls that return one
// A frame in which the broker closes the channel or the connection: answers it. KT_EIO with why.
KT_MUST_USE kt_err_t kt_amqp_closed_by_broker(kt_amqp_connection_t *self, const struct amqp_frame_t_ *frame);

// An entry of a table (properties, arguments, headers) with a text; both are borrowed.
struct amqp_table_entry_t_ kt_amqp_text_entry(const char *key, const char *text);

// declare.c: the input queue with its dead-letter exchange and queue; the output exchange. What exists with
// other properties is used unchanged, which is logged once.
KT_MUST_USE kt_err_t kt_amqp_declare_queue(kt_amqp_connection_t *self);
KT_MUST_USE kt_err_t kt_amqp_refuse_stream(kt_amqp_connection_t *self, const char *queue);  // KT_ESETTING with why
KT_MUST_USE kt_err_t kt_amqp_declare_dead(kt_amqp_connection_t *self);
KT_MUST_USE kt_err_t kt_amqp_declare_exchange(kt_amqp_connection_t *self);

enum { KT_AMQP_NAME = 256 };
const char *kt_amqp_dead_name(const kt_settings_t *settings, char out[KT_AMQP_NAME]);  // QUEUE.dead
