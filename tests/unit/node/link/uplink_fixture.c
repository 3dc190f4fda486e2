#include "uplink_fixture.h"

#include "common/clock.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SENT_MAX = 4096 };

uplink_fixture_t fixture;

static struct {
    size_t side;
    char  *bytes;
    size_t length;
} sent[SENT_MAX];
static size_t          n_sent;
static kt_queue_t     *idle;
static kt_wire_arena_t arena;
static kt_msg_t        last;

static kt_err_t
port_send(void *context, size_t side, const void *bytes, size_t length)
{
    (void)context;
    if (fixture.send_err)
        return fixture.send_err;
    cr_assert_lt(n_sent, SENT_MAX);
    char *copy = malloc(length);
    cr_assert(copy);
    memcpy(copy, bytes, length);
    sent[n_sent].side     = side;
    sent[n_sent].bytes    = copy;
    sent[n_sent++].length = length;
    return KT_OK;
}

static void
port_reconnect(void *context, size_t side)
{
    (void)context;
    fixture.reconnects[side]++;
}

static void
port_use_key(void *context, size_t side, const kt_curve_t *key)
{
    (void)context;
    fixture.used_key[side] = key;
}

static void
port_unable(void *context, kt_err_t err)
{
    (void)context;
    fixture.unable = err;
}

void
uplink_setup_new(void)
{
    static const char *const addresses[UPLINK_SIDES] = {"tcp://a:1", "tcp://b:1"};
    char                     why[KT_SETTINGS_WHY];
    char                    *environment[] = {NULL};
    kt_uplink_opts_t         opts          = {.addresses   = addresses,
                                              .n           = UPLINK_SIDES,
                                              .name        = "n",
                                              .host        = "h",
                                              .key         = &fixture.key,
                                              .join        = fixture.joins ? &fixture.join : NULL,
                                              .incarnation = 7,
                                              .settings    = &fixture.settings,
                                              .work        = &fixture.work,
                                              .models      = fixture.models,
                                              .port        = {NULL, port_send, port_reconnect, port_use_key, port_unable}};
    cr_assert_eq(kt_settings_load(&fixture.settings, NULL, environment, why), KT_OK);
    cr_assert_eq(kt_settings_set(&fixture.settings, "ANALYZER_WORKERS", "2", why), KT_OK);
    cr_assert_eq(kt_settings_set(&fixture.settings, "ANALYZER_TEST_FAULT", "noop", why), KT_OK);
    cr_assert_eq(kt_work_init(&fixture.work), KT_OK);
    cr_assert_eq(kt_uplink_new(&fixture.uplink, &opts), KT_OK);
}

void
uplink_setup(void)
{
    uplink_setup_new();
    cr_assert_eq(kt_queue_new(&idle, 1), KT_OK);
    kt_threads_opts_t opts = {.settings = &fixture.settings, .queue = idle, .events = fixture.work.events};
    cr_assert_eq(kt_threads_new(&fixture.work.threads, &opts), KT_OK);
}

void
uplink_teardown(void)
{
    cr_assert(kt_work_stop(&fixture.work, 10000));
    kt_uplink_destroy(&fixture.uplink);
    kt_work_fini(&fixture.work);
    kt_queue_destroy(&idle);
    kt_settings_fini(&fixture.settings);
    kt_wire_arena_fini(&arena);
    uplink_clear_sent();
}

void
uplink_receive(size_t side, const kt_msg_t *msg)
{
    kt_buf_t bytes;
    kt_buf_init(&bytes, KT_MAX_FRAME_BYTES);
    cr_assert_eq(kt_wire_encode(msg, &bytes), KT_OK);
    kt_uplink_receive(fixture.uplink, side, bytes.bytes, bytes.length);
    kt_send_flush(fixture.uplink);  // the end of the turn
    kt_buf_fini(&bytes);
}

void
uplink_welcome(size_t side)
{
    kt_msg_t msg = {.type    = KT_MSG_WELCOME,
                    .welcome = {.wire = 1, .epoch = 1, .coordinator = kt_bytes_of(side ? "d" : "c")}};
    uplink_receive(side, &msg);
}

void
uplink_batch(size_t side, uint64_t job, uint64_t attempt)
{
    char           credential[]       = "attempt-0";
    kt_wire_work_t work               = {.job        = job,
                                         .run        = 1,
                                         .attempt    = attempt,
                                         .body       = kt_bytes_of("{\"file_path\":\"/a\"}"),
                                         .credential = {credential, sizeof credential - 1}};
    credential[sizeof credential - 2] = (char)('0' + attempt % 10);
    kt_msg_t msg                      = {.type = KT_MSG_BATCH, .batch = {.number = job, .items = {&work, 1}}};
    uplink_receive(side, &msg);
}

void
uplink_ack(size_t side, uint64_t job)
{
    kt_wire_ref_t ref = {job, 1};
    kt_msg_t      msg = {.type = KT_MSG_ACK, .ack = {.items = {&ref, 1}}};
    uplink_receive(side, &msg);
}

void
uplink_cancel(size_t side, uint64_t job)
{
    kt_wire_ref_t ref = {job, 1};
    kt_msg_t      msg = {.type = KT_MSG_CANCEL, .cancel = {.items = {&ref, 1}}};
    uplink_receive(side, &msg);
}

// Decodes into `last`; false: it is for the other side or of another type.
static bool
decode_sent(size_t i, size_t side, kt_msg_type_t type)
{
    if (sent[i].side != side)
        return false;
    cr_assert_eq(kt_wire_decode(sent[i].bytes, sent[i].length, &arena, &last), KT_OK);
    return last.type == type;
}

size_t
uplink_count(size_t side, kt_msg_type_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < n_sent; i++)
        n += decode_sent(i, side, type);
    return n;
}

const kt_msg_t *
uplink_last(size_t side, kt_msg_type_t type)
{
    for (size_t i = n_sent; i-- > 0;)
        if (decode_sent(i, side, type))
            return &last;
    cr_assert_fail("no %s was sent to coordinator %zu", kt_msg_name(type), side);
    return NULL;
}

void
uplink_clear_sent(void)
{
    for (size_t i = 0; i < n_sent; i++)
        free(sent[i].bytes);
    n_sent = 0;
}

kt_task_t *
uplink_take(void)
{
    void  *task = NULL;
    size_t n    = 0;
    return kt_queue_pop(fixture.work.queue, &task, 1, &n, 0) ? NULL : task;
}

static void
push_event(kt_task_event_t *event)
{
    cr_assert_eq(kt_queue_push(fixture.work.events, &event), KT_OK);
    kt_uplink_events(fixture.uplink, kt_clock_ms());
    kt_send_flush(fixture.uplink);
}

void
uplink_start(kt_task_t *task)
{
    push_event(&task->started);
}

void
uplink_finish(kt_task_t *task, const char *document)
{
    if (document) {
        task->outcome.document       = strdup(document);
        task->outcome.document_bytes = strlen(document);
    }
    push_event(&task->finished);
}
