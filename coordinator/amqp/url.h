// amqp_url -- the address of the broker, AMQP_CONNECTION_STRING:
//     amqp://USER:PASSWORD@HOST:PORT,HOST:PORT/VHOST?heartbeat=SECONDS     amqps:// for TLS
// Several hosts are one broker's: the next one is tried when one is gone. User, password, host and virtual host may
// contain %XX; the default user is guest; an empty virtual host is "/"; an IPv6 address is in brackets. Pure; the
// texts of errors say which part is wrong and contain no password.
#pragma once

#include "common/err.h"
#include "coordinator/loop/amqp_stats.h"

enum { KT_AMQP_HOSTS = 8, KT_AMQP_PART = 256 };

typedef struct kt_amqp_url {
    bool tls;
    int  heartbeat_s;  // 0: not stated
    int  n_hosts;
    struct {
        int  port;
        char host[KT_AMQP_PART];
    } hosts[KT_AMQP_HOSTS];
    char user[KT_AMQP_PART], password[KT_AMQP_PART], vhost[KT_AMQP_PART];
    char ignored[KT_AMQP_PART];  // names of parameters that are of other clients, "a, b"
} kt_amqp_url_t;

KT_MUST_USE kt_err_t kt_amqp_url_parse(const char *text, kt_amqp_url_t *out, char why[KT_AMQP_WHY]);  // KT_ESETTING
