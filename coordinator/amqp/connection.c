#include "coordinator/amqp/connection.h"

#include "common/text.h"

#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

// Within the five seconds in which a thread has to end.
static const struct timeval OPEN_WITHIN = {.tv_sec = 4};
static const struct timeval RPC_WITHIN  = {.tv_sec = 4};
static const struct timeval END_WITHIN  = {.tv_sec = 1};

enum { FRAME_BYTES = 131072, CODE_CONNECTION = 500, CODE_REFUSED = 403 };

static const char SYSTEM_CAS[] = "/etc/ssl/certs/ca-certificates.crt";

kt_err_t
kt_amqp_connection_init(kt_amqp_connection_t *self, const kt_settings_t *settings, const char *role)
{
    *self             = (kt_amqp_connection_t){.settings = settings, .role = role, .fd = -1};
    kt_err_t err      = kt_amqp_url_parse(settings->amqp_url, &self->url, self->why);
    self->heartbeat_s = self->url.heartbeat_s ? self->url.heartbeat_s : settings->amqp_heartbeat_s;
    return err;
}

bool
kt_amqp_next_host(kt_amqp_connection_t *self)
{
    self->host = (self->host + 1) % self->url.n_hosts;
    self->tried++;
    return self->tried % self->url.n_hosts != 0;
}

void
kt_amqp_settle_host(kt_amqp_connection_t *self)
{
    self->tried = 0;
}

void
kt_amqp_connection_fini(kt_amqp_connection_t *self)
{
    kt_amqp_close(self);
    explicit_bzero(&self->url, sizeof self->url);
}

static void
connection_fail(kt_amqp_connection_t *self, const char *what, const char *text)
{
    snprintf(self->why, sizeof self->why, "%s: %.180s", what, text);
}

kt_err_t
kt_amqp_status(kt_amqp_connection_t *self, int status)
{
    if (status >= 0)
        return KT_OK;
    if (status == AMQP_STATUS_HEARTBEAT_TIMEOUT)
        connection_fail(self, "the broker was silent", "no heartbeat came for twice its interval");
    else
        connection_fail(self, "the connection failed", amqp_error_string2(status));
    return status == AMQP_STATUS_NO_MEMORY ? KT_ENOMEM : KT_EIO;
}

static amqp_socket_t *
new_socket(kt_amqp_connection_t *self)
{
    const char    *cas    = self->settings->amqp_ca;
    amqp_socket_t *socket = self->url.tls ? amqp_ssl_socket_new(self->state) : amqp_tcp_socket_new(self->state);
    if (!socket || !self->url.tls)
        return socket;
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) ||
        amqp_ssl_socket_set_cacert(socket, *cas ? cas : SYSTEM_CAS)) {
        connection_fail(self, "the certificate authorities cannot be read", *cas ? cas : SYSTEM_CAS);
        return NULL;
    }
    return socket;
}

kt_err_t
kt_amqp_connect(kt_amqp_connection_t *self)
{
    struct timeval within = OPEN_WITHIN;
    self->why[0]          = '\0';
    self->code            = 0;
    self->state           = amqp_new_connection();
    amqp_socket_t *socket = self->state ? new_socket(self) : NULL;
    if (!socket) {
        if (!*self->why)
            connection_fail(self, "no connection", "out of memory, or TLS does not start");
        kt_amqp_close(self);
        return KT_EIO;
    }
    const char *host   = self->url.hosts[self->host].host;
    int         port   = self->url.hosts[self->host].port;
    int         status = amqp_socket_open_noblock(socket, host, port, &within);
    if (status != AMQP_STATUS_OK) {
        snprintf(self->why, sizeof self->why, "%.100s port %d: %.100s", host, port,
                 status == AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED ? "the name does not resolve"
                                                                  : amqp_error_string2(status));
        kt_amqp_close(self);
        return KT_EIO;
    }
    self->fd = amqp_get_sockfd(self->state);
    return KT_OK;
}

static amqp_table_entry_t
flag_entry(const char *key)
{
    return (amqp_table_entry_t){.key   = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

amqp_table_entry_t
kt_amqp_text_entry(const char *key, const char *text)
{
    return (amqp_table_entry_t){.key   = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(text)}};
}

static kt_err_t reply_check(kt_amqp_connection_t *self, const amqp_rpc_reply_t *reply, int *code);

kt_err_t
kt_amqp_login(kt_amqp_connection_t *self)
{
    char               name[64];
    struct timeval     handshake = RPC_WITHIN, rpc = RPC_WITHIN;
    amqp_table_entry_t abilities[] = {flag_entry("consumer_cancel_notify"), flag_entry("connection.blocked"),
                                      flag_entry("publisher_confirms"), flag_entry("basic.nack")};
    amqp_table_entry_t capability  = {
         .key   = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {sizeof abilities / sizeof *abilities, abilities}}};
    amqp_table_entry_t   entries[]  = {capability, kt_amqp_text_entry("product", "kithara"),
                                       kt_amqp_text_entry("version", KT_VERSION),
                                       kt_amqp_text_entry("connection_name", name)};
    const amqp_table_t   properties = {sizeof entries / sizeof *entries, entries};
    const kt_amqp_url_t *url        = &self->url;
    int                  code;
    snprintf(name, sizeof name, "kithara %s", self->role);
    entries[3] = kt_amqp_text_entry("connection_name", name);
    amqp_set_handshake_timeout(self->state, &handshake);
    amqp_set_rpc_timeout(self->state, &rpc);
    amqp_rpc_reply_t reply = amqp_login_with_properties(self->state, url->vhost, 0, FRAME_BYTES, (int)self->heartbeat_s,
                                                        &properties, AMQP_SASL_METHOD_PLAIN, url->user, url->password);
    kt_err_t         err   = reply_check(self, &reply, &code);
    if (err)
        return code == CODE_REFUSED ? KT_EAUTH : err;
    self->channel = 0;
    return kt_amqp_next_channel(self);
}

kt_err_t
kt_amqp_next_channel(kt_amqp_connection_t *self)
{
    int code;
    amqp_channel_open(self->state, ++self->channel);
    return kt_amqp_last_reply(self, &code);
}

void
kt_amqp_goodbye(kt_amqp_connection_t *self)
{
    struct timeval within = END_WITHIN;
    amqp_set_rpc_timeout(self->state, &within);
    amqp_connection_close(self->state, AMQP_REPLY_SUCCESS);
}

void
kt_amqp_close(kt_amqp_connection_t *self)
{
    if (!self->state)
        return;
    amqp_destroy_connection(self->state);
    self->state   = NULL;
    self->fd      = -1;
    self->blocked = false;
}

static int
log_close(kt_amqp_connection_t *self, const char *what, int code, amqp_bytes_t text)
{
    char words[160];
    kt_text_sanitize(words, sizeof words, text.bytes, text.len);
    snprintf(self->why, sizeof self->why, "%s: %d %s", what, code, words);
    self->code = code;
    return code;
}

// Handles a close from the broker and answers it. Returns its code, 0 if it is no close.
static int
answer_close(kt_amqp_connection_t *self, const amqp_method_t *method, amqp_channel_t channel)
{
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = method->decoded;
        amqp_channel_close_ok_t     ok    = {0};
        amqp_send_method(self->state, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        return log_close(self, "the broker closed the channel", close->reply_code, close->reply_text);
    }
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method->decoded;
        amqp_connection_close_ok_t     ok    = {0};
        amqp_send_method(self->state, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        log_close(self, "the broker closed the connection", close->reply_code, close->reply_text);
        return close->reply_code;
    }
    return 0;
}

static kt_err_t
reply_check(kt_amqp_connection_t *self, const amqp_rpc_reply_t *reply, int *code)
{
    *code = 0;
    if (reply->reply_type == AMQP_RESPONSE_NORMAL)
        return KT_OK;
    if (reply->reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return kt_amqp_status(self, reply->library_error < 0 ? reply->library_error : AMQP_STATUS_UNEXPECTED_STATE);
    if (reply->reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return kt_amqp_status(self, AMQP_STATUS_UNEXPECTED_STATE);
    *code = answer_close(self, &reply->reply, self->channel);
    if (!*code)
        connection_fail(self, "the broker answered with another method", amqp_method_name(reply->reply.id));
    return KT_EIO;
}

kt_err_t
kt_amqp_last_reply(kt_amqp_connection_t *self, int *code)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(self->state);
    return reply_check(self, &reply, code);
}

kt_err_t
kt_amqp_closed_by_broker(kt_amqp_connection_t *self, const struct amqp_frame_t_ *frame)
{
    if (frame->frame_type != AMQP_FRAME_METHOD || !answer_close(self, &frame->payload.method, frame->channel))
        return KT_OK;
    return KT_EIO;
}
