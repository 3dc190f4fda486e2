// The coordinator as a whole, over a ledger in memory, against a node that the test plays by hand.
#include "common/clock.h"
#include "common/log.h"
#include "common/program.h"
#include "common/socket.h"
#include "coordinator/access/credential.h"
#include "coordinator/access/keys.h"
#include "coordinator/coordinator.h"
#include "coordinator/http/server.h"
#include "coordinator/loop/calls.h"
#include "proto/wire.h"
#include "tests/unit/coordinator/ledger/gate.h"
#include "tests/unit/peer_fixture.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUIET_MS = 300, JOBS = 3 };

static kt_coordinator_t *coordinator;
static pthread_t         thread;
static int               signal_fd;
static kt_curve_t        key;
static px_peer_t         peer;  // plays a node

static void
fill(kt_ledger_t *ledger)
{
    char why[KT_JOB_WHY];
    for (int i = 0; i < JOBS; i++) {
        char          body[128];
        kt_job_t      job;
        kt_inserted_t how;
        uint64_t      id;
        int           length = snprintf(body, sizeof body, "{\"message_id\":\"m%d\",\"file_path\":\"/%d.mp3\"}", i, i);
        cr_assert_eq(kt_job_parse(body, (size_t)length, &job, why), KT_OK);
        kt_new_job_t row = {.job = &job, .body = body, .body_bytes = (size_t)length, .wall_ms = kt_clock_wall_ms()};
        cr_assert_eq(ledger->ops->insert_jobs(ledger, &row, 1, &how, &id), KT_OK);
    }
}

static void *
run_coordinator(void *context)
{
    kt_err_t err = kt_coordinator_run(coordinator, signal_fd);
    return err ? context : NULL;
}

static void
connect_as(const kt_curve_t *pair)
{
    cr_assert_eq(kt_socket_dealer(&peer.socket, kt_coordinator_router(coordinator),
                                  kt_coordinator_public_key(coordinator), pair),
                 KT_OK);
    cr_assert_eq(kt_socket_connect(peer.socket, kt_coordinator_router(coordinator)), KT_OK);
    zsock_set_sndtimeo(peer.socket, PX_WAIT_MS);  // IMMEDIATE: a send waits for the connection
}

static void
start(void)
{
    char         why[KT_LEDGER_WHY];
    kt_ledger_t *ledger = &gate.base;
    signal_fd           = kt_program_signals();
    px_open();
    px_peer_init(&peer, false);
    px_set("ANALYZER_ROUTER_BIND", "tcp://127.0.0.1:0");
    px_set("ANALYZER_HTTP_BIND", "127.0.0.1:0");
    px_set("ANALYZER_NODE_SILENCE", "60000");
    cr_assert_eq(kt_ledger_memory_open(&gate.real), KT_OK);
    gate.base.ops = &GATE_OPS;
    fill(gate.real);
    cr_assert_eq(kt_curve_new(&key), KT_OK);
    cr_assert_eq(kt_keys_allow(px_folder, key.public_key, "by-hand"), KT_OK);
    cr_assert_eq(kt_coordinator_new(&coordinator, &px_settings, &ledger, why), KT_OK, "%s", why);
    cr_assert_eq(pthread_create(&thread, NULL, run_coordinator, px_folder), 0);
    connect_as(&key);
}

static void
stop(void)
{
    void *failed;
    px_peer_fini(&peer);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);  // a second one: what is out is handed back at once
    pthread_join(thread, &failed);
    cr_assert_null(failed);
    kt_coordinator_destroy(&coordinator);
    kt_ledger_close(&gate.real);
    px_close();
}

TestSuite(coordinator, .init = start, .fini = stop, .timeout = 60);

static void
send_hello(const char *name, uint64_t wire_least)
{
    kt_msg_t msg          = {.type = KT_MSG_HELLO};
    msg.hello.wire        = wire_least > KT_WIRE_VERSION ? wire_least : KT_WIRE_VERSION;
    msg.hello.wire_least  = wire_least;
    msg.hello.name        = kt_bytes_of(name);
    msg.hello.incarnation = 1;
    msg.hello.slots       = 2;
    px_send(&peer, &msg);
}

static void
send_beat(uint64_t free)
{
    kt_msg_t msg  = {.type = KT_MSG_BEAT};
    msg.beat.free = free;
    px_send(&peer, &msg);
}

static void
send_result(const kt_wire_work_t *work, kt_err_t err, const char *document)
{
    kt_wire_outcome_t outcome = {.job        = work->job,
                                 .run        = work->run,
                                 .attempt    = work->attempt,
                                 .err        = err,
                                 .document   = kt_bytes_of(document),
                                 .credential = work->credential};
    kt_msg_t          msg     = {.type = KT_MSG_RESULT};
    msg.result.items.at       = &outcome;
    msg.result.items.n        = 1;
    px_send(&peer, &msg);
}

// HELLO, WELCOME, credit for so many, and the first of the work that comes.
static kt_wire_work_t
begin_work(uint64_t free)
{
    kt_msg_t msg;
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
    send_beat(free);
    px_receive_only(&peer, &msg, KT_MSG_BATCH);
    cr_assert_geq(msg.batch.items.n, 1);
    cr_assert_leq(msg.batch.items.n, free);
    static char    credential[KT_CREDENTIAL_BYTES];
    kt_wire_work_t work = msg.batch.items.at[0];
    cr_assert_eq(work.credential.n, sizeof credential);
    memcpy(credential, work.credential.at, sizeof credential);
    work.credential.at = credential;
    return work;
}

static void
get_metrics(char *out, size_t capacity)
{
    static const char  ASK[]    = "GET /metrics HTTP/1.0\r\n\r\n";
    struct sockaddr_in to       = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval     patience = {.tv_sec = PX_WAIT_MS / 1000};
    int                fd       = socket(AF_INET, SOCK_STREAM, 0);
    size_t             length   = 0;
    to.sin_port = htons((uint16_t)strtoul(strrchr(kt_coordinator_http(coordinator), ':') + 1, NULL, 10));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    cr_assert_eq(send(fd, ASK, sizeof ASK - 1, 0), (ssize_t)sizeof ASK - 1);
    for (ssize_t got; (got = recv(fd, out + length, capacity - 1 - length, 0)) > 0;)
        length += (size_t)got;
    out[length] = '\0';
    close(fd);
}

// A sample of /metrics, -1 when it is not there.
static double
metric(const char *name)
{
    static char page[1 << 17];
    char        line[256];
    snprintf(line, sizeof line, "\n%s ", name);
    get_metrics(page, sizeof page);
    const char *at = strstr(page, line);
    return at ? strtod(at + strlen(line), NULL) : -1;
}

Test(coordinator, an_unknown_node_gets_who)
{
    kt_msg_t msg;
    send_beat(5);
    px_receive_only(&peer, &msg, KT_MSG_WHO);
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
    cr_assert_eq(msg.welcome.wire, KT_WIRE_VERSION);
    cr_assert_gt(msg.welcome.settings.n, 0);
}

Test(coordinator, another_name_than_the_keys_is_refused)
{
    kt_msg_t msg;
    send_hello("somebody-else", 1);
    px_receive_only(&peer, &msg, KT_MSG_REFUSE);
    cr_assert_eq(msg.refuse.err, KT_EAUTH);
    cr_assert_eq(metric("kithara_hellos_refused_total{reason=\"name\"}"), 1);
}

Test(coordinator, a_wire_version_from_the_future_is_refused)
{
    kt_msg_t msg;
    send_hello("by-hand", KT_WIRE_VERSION + 1);
    px_receive_only(&peer, &msg, KT_MSG_REFUSE);
    cr_assert_eq(msg.refuse.err, KT_EVERSION);
    cr_assert_eq(metric("kithara_hellos_refused_total{reason=\"wire\"}"), 1);
}

// HELLO's fields do not change, so that a node of any version can read why it is refused.
Test(coordinator, a_node_of_the_version_before_is_told_to_be_updated)
{
    kt_msg_t msg = {.type = KT_MSG_HELLO};
    msg.hello =
        (kt_msg_hello_t){.wire = 1, .wire_least = 1, .name = kt_bytes_of("by-hand"), .incarnation = 1, .slots = 2};
    px_send(&peer, &msg);
    px_receive_only(&peer, &msg, KT_MSG_REFUSE);
    cr_assert_eq(msg.refuse.err, KT_EVERSION);
    char text[257];
    kt_bytes_copy(text, sizeof text, msg.refuse.text);
    cr_assert(strstr(text, "update the node"), "%s", text);
}

Test(coordinator, a_result_that_was_not_given_out_is_neither_stored_nor_acknowledged)
{
    kt_msg_t       msg;
    kt_wire_work_t work    = begin_work(1);
    kt_wire_work_t foreign = work;
    foreign.job++;
    send_result(&foreign, KT_OK, "{\"success\":true}");
    px_receive_only(&peer, &msg, KT_MSG_CANCEL);
    cr_assert_eq(msg.cancel.items.at[0].job, foreign.job);
    cr_assert_eq(metric("kithara_credentials_refused_total{what=\"outcome\"}"), 1);
    cr_assert_eq(metric("kithara_outcomes_total{outcome=\"done\"}"), 0);
    send_result(&work, KT_OK, "{\"success\":true}");
    do {
        cr_assert(px_receive(&peer, &msg, PX_WAIT_MS), "no ACK came");
    } while (msg.type == KT_MSG_BATCH);
    cr_assert_eq(msg.type, KT_MSG_ACK);
}

Test(coordinator, no_more_is_sent_than_there_is_credit)
{
    kt_msg_t msg;
    begin_work(1);
    cr_assert_not(px_receive(&peer, &msg, QUIET_MS), "%s came", kt_msg_name(msg.type));
}

Test(coordinator, a_result_is_acknowledged_and_so_is_its_repetition)
{
    kt_msg_t       msg;
    kt_wire_work_t work = begin_work(1);
    for (int i = 0; i < 2; i++) {
        send_result(&work, KT_OK, "{\"success\":true}");
        do {
            cr_assert(px_receive(&peer, &msg, PX_WAIT_MS), "no ACK came");
        } while (msg.type == KT_MSG_BATCH);  // the result gave credit
        cr_assert_eq(msg.type, KT_MSG_ACK);
        cr_assert_eq(msg.ack.items.at[0].job, work.job);
    }
}

Test(coordinator, a_final_failure_is_stored_and_acknowledged)
{
    kt_msg_t       msg;
    kt_wire_work_t work = begin_work(1);
    send_result(&work, KT_ETEXT, "{\"success\":false}");
    do {
        cr_assert(px_receive(&peer, &msg, PX_WAIT_MS), "no ACK came");
    } while (msg.type == KT_MSG_BATCH);
    cr_assert_eq(msg.type, KT_MSG_ACK);
}

Test(coordinator, a_result_without_a_document_is_refused)
{
    kt_msg_t       msg;
    kt_wire_work_t work = begin_work(1);
    send_result(&work, KT_OK, "");
    px_receive_only(&peer, &msg, KT_MSG_NACK);
    cr_assert_eq(msg.nack.items.at[0].err, KT_EDOCUMENT);
}

Test(coordinator, garbage_and_odd_frames_are_harmless)
{
    kt_msg_t msg;
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
    for (unsigned length = 0; length < 300; length += 7) {
        char bytes[300];
        memset(bytes, (int)(length * 31), sizeof bytes);
        px_send_bytes(&peer, bytes, length);
    }
    cr_assert_geq(zmq_send(zsock_resolve(peer.socket), "a", 1, ZMQ_SNDMORE), 0);
    cr_assert_geq(zmq_send(zsock_resolve(peer.socket), "b", 1, 0), 0);
    kt_msg_t coordinators_own = {.type = KT_MSG_WHO};
    px_send(&peer, &coordinators_own);
    send_beat(1);
    px_receive_only(&peer, &msg, KT_MSG_BATCH);
    cr_assert_eq(metric("kithara_bad_frames_total"), 300 / 7 + 2);  // the last: of two parts
}

// Polls until the metric is that large.
static bool
grows_to(const char *name, double value)
{
    int64_t until_ms = kt_clock_ms() + PX_WAIT_MS;
    while (metric(name) < value)
        if (kt_clock_ms() > until_ms)
            return false;
    return true;
}

Test(coordinator, a_frame_beyond_the_limit_ends_its_connection_and_is_counted)
{
    kt_msg_t msg;
    size_t   length = KT_MAX_FRAME_BYTES + 1;
    char    *bytes  = calloc(1, length);
    cr_assert_not_null(bytes);
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
    cr_assert_eq(metric("kithara_connections_ended_total"), 0);
    px_send_bytes(&peer, bytes, length);
    cr_assert(grows_to("kithara_connections_ended_total", 1));
    free(bytes);
    zsock_destroy(&peer.socket);  // the old one may still hold what it could not send
    connect_as(&key);
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
}

Test(coordinator, what_is_no_node_at_the_nodes_port_is_counted)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    char               nonsense[256];
    memset(nonsense, 'x', sizeof nonsense);
    to.sin_port = htons((uint16_t)strtoul(strrchr(kt_coordinator_router(coordinator), ':') + 1, NULL, 10));
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    cr_assert_eq(send(fd, nonsense, sizeof nonsense, 0), (ssize_t)sizeof nonsense);
    int64_t until_ms = kt_clock_ms() + PX_WAIT_MS;
    while (metric("kithara_handshakes_failed_total") + metric("kithara_connections_ended_total") < 1)
        cr_assert_lt(kt_clock_ms(), until_ms);
    close(fd);
}

Test(coordinator, the_jobs_of_a_node_that_sends_bye_go_to_the_next)
{
    kt_msg_t       msg  = {.type = KT_MSG_BYE, .bye = {.reason = kt_bytes_of("done")}};
    kt_wire_work_t work = begin_work(1);
    uint64_t       job  = work.job;
    bool           back = false;
    px_send(&peer, &msg);
    zsock_destroy(&peer.socket);
    connect_as(&key);
    send_hello("by-hand", KT_WIRE_VERSION);
    px_receive_only(&peer, &msg, KT_MSG_WELCOME);
    send_beat(JOBS);
    for (size_t got = 0; got < JOBS;) {
        px_receive_only(&peer, &msg, KT_MSG_BATCH);
        for (size_t i = 0; i < msg.batch.items.n; i++)
            back = back || msg.batch.items.at[i].job == job;
        got += msg.batch.items.n;
    }
    cr_assert(back);
}

// A request that waits for the ledger; its client disconnects at once.
static kt_err_t
ask_and_leave(int64_t patience_ms)
{
    kt_call_t *call            = kt_call_new(1);
    call->requests[0]          = kt_ledger_request_new(KT_LREQ_ASK, call);
    call->requests[0]->ask.ask = (kt_ask_t){.type = KT_ASK_CANCEL, .id = {.job = 99}};
    call->n_requests           = 1;
    kt_err_t err               = kt_call_ask(&call, kt_coordinator_calls(coordinator), patience_ms);
    kt_call_destroy(&call);
    return err;
}

Test(coordinator, requests_to_a_ledger_that_is_down_are_bounded)
{
    size_t   asked = 0;
    kt_err_t err   = KT_EFULL;
    gate.err       = KT_EIO;
    gate.fails     = INT_MAX;
    while (asked < 4 * KT_HTTP_CONNECTIONS && ask_and_leave(2) != KT_EFULL)
        asked++;
    cr_assert_geq(asked, KT_HTTP_CONNECTIONS);
    cr_assert_lt(asked, 4 * KT_HTTP_CONNECTIONS);
    gate.fails = 0;
    while (err == KT_EFULL)  // until the ledger has answered what is owed; the suite has a timeout
        err = ask_and_leave(PX_WAIT_MS);
    cr_assert_eq(err, KT_OK);
}
