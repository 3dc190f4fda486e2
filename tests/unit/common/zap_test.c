#include "common/log.h"
#include "common/socket.h"
#include "common/zap.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE_MS = 10000, KEYS = 1000, THREADS = 4, ROUNDS = 50 };

static kt_zap_t *zap;
static void     *asker;

static void
open_zap(void)
{
    int timeout_ms = PATIENCE_MS;
    cr_assert_eq(kt_zap_new(&zap), KT_OK);
    asker = zmq_socket(zsys_init(), ZMQ_REQ);
    cr_assert_eq(zmq_setsockopt(asker, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms), 0);
    cr_assert_eq(zmq_connect(asker, "inproc://zeromq.zap.01"), 0);
}

static void
close_zap(void)
{
    zmq_close(asker);
    kt_zap_destroy(&zap);
}

TestSuite(zap, .init = open_zap, .fini = close_zap);

typedef struct reply {
    char frames[6][64];
    int  count;
} reply_t;

static void
receive(reply_t *reply)
{
    int    more = 1;
    size_t size = sizeof more;
    for (reply->count = 0; more; reply->count++) {
        char frame[64] = "";
        cr_assert_geq(zmq_recv(asker, frame, sizeof frame - 1, 0), 0);
        if (reply->count < 6)
            memcpy(reply->frames[reply->count], frame, sizeof frame);
        cr_assert_eq(zmq_getsockopt(asker, ZMQ_RCVMORE, &more, &size), 0);
    }
}

// Requests as libzmq does, with a credential of any length, and returns the status.
static const char *
ask(const char *mechanism, const void *credential, size_t length, reply_t *reply)
{
    const char *texts[] = {"1.0", "7", "kithara", "127.0.0.1", "", mechanism};
    for (int i = 0; i < 6; i++)
        cr_assert_geq(zmq_send(asker, texts[i], strlen(texts[i]), ZMQ_SNDMORE), 0);
    cr_assert_geq(zmq_send(asker, credential, length, 0), 0);
    receive(reply);
    cr_assert_eq(reply->count, 6);
    cr_assert_str_eq(reply->frames[0], "1.0");
    cr_assert_str_eq(reply->frames[1], "7");
    return reply->frames[2];
}

static const char *
ask_key(const char *key, reply_t *reply)
{
    uint8_t bytes[32];
    cr_assert_not_null(zmq_z85_decode(bytes, key));
    return ask("CURVE", bytes, sizeof bytes, reply);
}

static void
make_keys(char (*keys)[41], size_t n)
{
    kt_curve_t pair;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(kt_curve_new(&pair), KT_OK);
        memcpy(keys[i], pair.public_key, KT_CURVE_TEXT);
    }
}

Test(zap, no_key_is_allowed_at_first)
{
    reply_t reply;
    char    keys[1][41];
    make_keys(keys, 1);
    cr_assert_str_eq(ask_key(keys[0], &reply), "400");
    cr_assert_str_eq(reply.frames[4], "");
}

Test(zap, every_allowed_key_is_found_and_named_and_others_are_not)
{
    static char keys[KEYS][41];
    reply_t     reply;
    make_keys(keys, KEYS);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, KEYS - 1), KT_OK);
    for (int i = 0; i < KEYS - 1; i++) {
        cr_assert_str_eq(ask_key(keys[i], &reply), "200");
        cr_assert_str_eq(reply.frames[4], keys[i]);
    }
    cr_assert_str_eq(ask_key(keys[KEYS - 1], &reply), "400");
}

Test(zap, a_key_that_connects_too_often_waits_and_others_do_not)
{
    char    keys[2][41];
    reply_t reply;
    int     allowed = 0;
    make_keys(keys, 2);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 2), KT_OK);
    for (int i = 0; i < 4 * KT_ZAP_BURST; i++)
        allowed += strcmp(ask_key(keys[0], &reply), "200") == 0;
    cr_expect_geq(allowed, KT_ZAP_BURST);
    cr_expect_lt(allowed, 2 * KT_ZAP_BURST);
    cr_expect_str_eq(ask_key(keys[1], &reply), "200");
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 2), KT_OK);  // as when any key is added
    allowed = 0;
    for (int i = 0; i < KT_ZAP_BURST; i++)
        allowed += strcmp(ask_key(keys[0], &reply), "200") == 0;
    cr_expect_lt(allowed, KT_ZAP_BURST / 2);
}

Test(zap, a_new_set_replaces_the_old_one)
{
    char    keys[2][41];
    reply_t reply;
    make_keys(keys, 2);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 1), KT_OK);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys + 1, 1), KT_OK);
    cr_assert_str_eq(ask_key(keys[0], &reply), "400");
    cr_assert_str_eq(ask_key(keys[1], &reply), "200");
    cr_assert_eq(kt_zap_allow(zap, NULL, 0), KT_OK);
    cr_assert_str_eq(ask_key(keys[1], &reply), "400");
}

Test(zap, malformed_requests_are_refused_and_do_no_harm)
{
    reply_t     reply;
    static char large[5000];
    char        keys[1][41];
    uint8_t     bytes[32];
    make_keys(keys, 1);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 1), KT_OK);
    zmq_z85_decode(bytes, keys[0]);
    cr_assert_str_eq(ask("PLAIN", bytes, 32, &reply), "400");
    cr_assert_str_eq(ask("CURVE", bytes, 31, &reply), "400");
    cr_assert_str_eq(ask("CURVE", large, sizeof large, &reply), "400");
    zmq_send(asker, "1.0", 3, 0);  // one frame alone
    receive(&reply);
    cr_assert_str_eq(reply.frames[2], "400");
    for (int i = 0; i < 40; i++)
        zmq_send(asker, large, sizeof large, i < 39 ? ZMQ_SNDMORE : 0);
    receive(&reply);
    cr_assert_str_eq(reply.frames[2], "400");
    cr_assert_str_eq(ask_key(keys[0], &reply), "200");
}

Test(zap, a_set_with_a_bad_key_changes_nothing)
{
    char    keys[2][41];
    reply_t reply;
    make_keys(keys, 2);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 1), KT_OK);
    memset(keys[1], 'x', 41);  // not terminated
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])keys, 2), KT_EINVAL);
    cr_assert_str_eq(ask_key(keys[0], &reply), "200");
}

Test(zap, there_is_one_handler_in_a_process)
{
    kt_zap_t *second = NULL;
    cr_assert(kt_zap_is_running());
    cr_assert_eq(kt_zap_new(&second), KT_ESTATE);
    cr_assert_null(second);
    cr_assert(kt_zap_is_running());
    for (int i = 0; i < 20; i++) {
        kt_zap_destroy(&zap);
        cr_assert_not(kt_zap_is_running());
        cr_assert_eq(kt_zap_new(&zap), KT_OK);
    }
}

static char shared_keys[64][41];

static void *
allow_often(void *failed)
{
    for (size_t i = 0; i < ROUNDS; i++)
        *(int *)failed |= kt_zap_allow(zap, (const char(*)[41])shared_keys, 1 + i % 64) != KT_OK;
    return NULL;
}

Test(zap, the_set_may_change_during_lookups)
{
    pthread_t threads[THREADS];
    int       failed[THREADS] = {0};
    reply_t   reply;
    make_keys(shared_keys, 64);
    cr_assert_eq(kt_zap_allow(zap, (const char(*)[41])shared_keys, 64), KT_OK);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, allow_often, &failed[i]), 0);
    for (int i = 0; i < 200; i++)
        cr_assert_str_eq(ask_key(shared_keys[0], &reply), "200");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(failed[i], 0);
    }
}
