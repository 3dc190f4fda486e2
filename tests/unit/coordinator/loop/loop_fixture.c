#include "loop_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 256 };

const char KEY_A[KT_CURVE_TEXT]     = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const char KEY_B[KT_CURVE_TEXT]     = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const char KEY_OTHER[KT_CURVE_TEXT] = "cccccccccccccccccccccccccccccccccccccccc";

kt_loop_t        loop;
kt_settings_t    loop_settings;
kt_keys_t        loop_keys;
kt_err_t         loop_send_err;
kt_node_handle_t loop_closed;
size_t           loop_outcomes, loop_fatals, loop_ledger_calls, loop_allows;
uint32_t         loop_claim_crashes;

static kt_key_t         allowed[2];
static kt_credentials_t credentials;
static kt_wire_arena_t  arena;
static struct frame {
    kt_node_handle_t to;
    kt_msg_type_t    type;
    char            *bytes;
    size_t           length;
} frames[FRAMES];
static size_t n_frames;

static kt_err_t
send_frame(void *context, kt_node_handle_t to, const void *bytes, size_t length)
{
    kt_msg_t msg;
    (void)context;
    if (loop_send_err || (loop_closed && to == loop_closed))
        return loop_send_err ? loop_send_err : KT_EUNREACHABLE;
    cr_assert_lt(n_frames, FRAMES);
    cr_assert_eq(kt_wire_decode(bytes, length, &arena, &msg), KT_OK);
    struct frame *frame = &frames[n_frames++];
    *frame              = (struct frame){.to = to, .type = msg.type, .bytes = malloc(length), .length = length};
    memcpy(frame->bytes, bytes, length);
    return KT_OK;
}

static void
on_outcome(void *context, const kt_ledger_request_t *request)
{
    (void)context, (void)request;
    loop_outcomes++;
}

static void
on_fatal(void *context)
{
    (void)context;
    loop_fatals++;
}

static kt_err_t
allow_keys(void *context)
{
    (void)context;
    loop_allows++;
    return KT_OK;
}

static void
fill_snapshot(void *context, kt_snapshot_t *out)
{
    (void)context;
    out->ledger_kind = "test";
}

static void
on_ledger_call(void *context)
{
    (void)context;
    loop_ledger_calls++;
}

void
loop_set_up(void)
{
    loop_settings = (kt_settings_t){.lease_ms          = 4000,
                                    .node_silence_ms   = 2500,
                                    .job_deadline_s    = 60,
                                    .hop_length        = 512,
                                    .video_mode        = "full",
                                    .video_scene_model = "auto"};
    for (int i = 0; i < 2; i++) {
        memcpy(allowed[i].key, i ? KEY_B : KEY_A, KT_CURVE_TEXT);
        snprintf(allowed[i].name, sizeof allowed[i].name, "node-%c", 'a' + i);
    }
    kt_curve_t pair;
    cr_assert_eq(kt_curve_new(&pair), KT_OK);
    cr_assert_eq(kt_credentials_init(&credentials, &pair), KT_OK);
    loop_keys           = (kt_keys_t){.at = allowed, .n = 2};
    kt_loop_opts_t opts = {.settings       = &loop_settings,
                           .sched          = {.batch_size       = 100,
                                              .max_attempts     = 3,
                                              .window           = 100,
                                              .node_silence_ms  = 2500,
                                              .job_deadline_ms  = 60000,
                                              .claim_idle_ms    = 1000,
                                              .black_hole_count = 2,
                                              .slots_max        = 256,
                                              .wait_ms          = 20000,
                                              .stall_ms         = 30000},
                           .name           = "here",
                           .keys           = &loop_keys,
                           .credentials    = &credentials,
                           .sender         = {NULL, send_frame},
                           .on_outcome     = on_outcome,
                           .on_fatal       = on_fatal,
                           .allow_keys     = allow_keys,
                           .fill_snapshot  = fill_snapshot,
                           .on_ledger_call = on_ledger_call};
    loop_claim_crashes  = 0;
    loop_send_err       = KT_OK;
    loop_closed         = 0;
    loop_outcomes = loop_fatals = loop_ledger_calls = loop_allows = 0;
    cr_assert_eq(kt_loop_init(&loop, &opts), KT_OK);
    posted_set_up(&loop.port);
    cr_assert_eq(kt_loop_start(&loop), KT_OK);
    posted_answer(&loop.port, posted_take(KT_LREQ_DRAINED), KT_OK);
}

void
loop_tear_down(void)
{
    kt_queries_close(&loop.queries);
    posted_tear_down();
    kt_loop_fini(&loop);
    loop_clear_sent();
    kt_wire_arena_fini(&arena);
}

void
loop_clear_sent(void)
{
    while (n_frames)
        free(frames[--n_frames].bytes);
}

void
loop_open_lease(void)
{
    kt_ledger_request_t *open = posted_take(KT_LREQ_OPEN);
    cr_assert_not_null(open);
    open->open.lease.epoch = 7;
    posted_answer(&loop.port, open, KT_OK);
    cr_assert(loop.lease.held);
}

void
loop_frame(kt_node_handle_t from, const char *key, const kt_msg_t *msg)
{
    kt_buf_t frame;
    kt_buf_init(&frame, KT_MAX_FRAME_BYTES);
    cr_assert_eq(kt_wire_encode(msg, &frame), KT_OK);
    kt_receiver_frame(&loop.receiver, from, key, frame.bytes, frame.length);
    kt_dispatcher_flush(&loop.dispatcher);
    kt_buf_fini(&frame);
}

void
loop_hello_of(kt_node_handle_t from, const char *key, const char *name, uint64_t incarnation, const char *host)
{
    kt_msg_t msg = {.type  = KT_MSG_HELLO,
                    .hello = {.wire        = KT_WIRE_VERSION,
                              .wire_least  = KT_WIRE_LEAST,
                              .name        = kt_bytes_of(name),
                              .incarnation = incarnation,
                              .host        = kt_bytes_of(host),
                              .device      = kt_bytes_of("cpu"),
                              .slots       = 16}};
    loop_frame(from, key, &msg);
}

void
loop_hello(kt_node_handle_t from, const char *key, const char *name)
{
    loop_hello_of(from, key, name, 1, "");
}

void
loop_beat(kt_node_handle_t from, const char *key, uint32_t room)
{
    kt_msg_t msg = {.type = KT_MSG_BEAT, .beat = {.free = room, .memory_mb = 99}};
    loop_frame(from, key, &msg);
}

void
loop_answer_claim(uint64_t first, size_t n, kt_err_t err)
{
    kt_ledger_request_t *claim = posted_take(KT_LREQ_CLAIM);
    cr_assert_not_null(claim);
    cr_assert_geq(claim->claim.want, n);
    claim->claim.claimed = calloc(n + 1, sizeof *claim->claim.claimed);
    claim->claim.n       = n;
    for (size_t i = 0; i < n; i++) {
        kt_claimed_t *claimed = &claim->claim.claimed[i];
        *claimed              = (kt_claimed_t){.id                  = {first + i, 1},
                                               .attempts            = loop_claim_crashes,
                                               .crashes             = loop_claim_crashes,
                                               .declared_duration_s = 1};
        cr_assert_geq(asprintf(&claimed->body, "{\"message_id\":\"m%llu\",\"file_path\":\"/%llu\"}",
                               (unsigned long long)(first + i), (unsigned long long)(first + i)),
                      0);
        claimed->body_bytes = strlen(claimed->body);
    }
    posted_answer(&loop.port, claim, err);
    kt_loop_answered(&loop);
    kt_dispatcher_flush(&loop.dispatcher);
}

void
loop_send_jobs(size_t n)
{
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_beat(NODE_A, KEY_A, 4);
    loop_answer_claim(1, n, KT_OK);
}

void
loop_started(uint64_t job)
{
    const kt_wire_work_t *work = loop_work(job);
    kt_wire_held_t item  = {.job = job, .run = 1, .attempt = work->attempt, .stage = 1, .credential = work->credential};
    kt_msg_t       msg   = {.type = KT_MSG_STARTED};
    msg.started.items.at = &item;
    msg.started.items.n  = 1;
    loop_frame(NODE_A, KEY_A, &msg);
}

void
loop_result(uint64_t job, kt_err_t err, const char *document)
{
    const kt_wire_work_t *work = loop_work(job);
    kt_wire_outcome_t     item = {.job           = job,
                                  .run           = 1,
                                  .attempt       = work->attempt,
                                  .err           = err,
                                  .processing_us = 2500,
                                  .document      = kt_bytes_of(document),
                                  .credential    = work->credential};
    kt_msg_t              msg  = {.type = KT_MSG_RESULT};
    msg.result.items.at        = &item;
    msg.result.items.n         = 1;
    loop_frame(NODE_A, KEY_A, &msg);
}

kt_bytes_t
loop_credential(kt_run_id_t id, uint32_t attempt, const char *key)
{
    static kt_credential_t credential;
    uint8_t                node_key[KT_CURVE_BYTES];
    cr_assert(kt_curve_bytes(key, node_key));
    kt_credential_sign(&credentials, id, attempt, node_key, &credential);
    return (kt_bytes_t){(const char *)credential.bytes, sizeof credential.bytes};
}

size_t
loop_n_sent(kt_msg_type_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < n_frames; i++)
        n += frames[i].type == type;
    return n;
}

static const struct frame *
last(kt_msg_type_t type)
{
    for (size_t i = n_frames; i-- > 0;)
        if (frames[i].type == type)
            return &frames[i];
    cr_assert_fail("no %s was sent", kt_msg_name(type));
    return NULL;
}

const kt_msg_t *
loop_last(kt_msg_type_t type)
{
    static kt_msg_t     msg;
    const struct frame *frame = last(type);
    cr_assert_eq(kt_wire_decode(frame->bytes, frame->length, &arena, &msg), KT_OK);
    return &msg;
}

kt_node_handle_t
loop_last_to(kt_msg_type_t type)
{
    return last(type)->to;
}

size_t
loop_n_works(void)
{
    size_t   n = 0;
    kt_msg_t msg;
    for (size_t i = 0; i < n_frames; i++)
        if (frames[i].type == KT_MSG_BATCH) {
            cr_assert_eq(kt_wire_decode(frames[i].bytes, frames[i].length, &arena, &msg), KT_OK);
            n += msg.batch.items.n;
        }
    return n;
}

const kt_wire_work_t *
loop_work(uint64_t job)
{
    static kt_msg_t msg;
    for (size_t i = n_frames; i-- > 0;) {
        if (frames[i].type != KT_MSG_BATCH)
            continue;
        cr_assert_eq(kt_wire_decode(frames[i].bytes, frames[i].length, &arena, &msg), KT_OK);
        for (size_t j = 0; j < msg.batch.items.n; j++)
            if (msg.batch.items.at[j].job == job)
                return &msg.batch.items.at[j];
    }
    cr_assert_fail("job %llu was not sent", (unsigned long long)job);
    return NULL;
}

void
loop_pass(int64_t ms)
{
    for (int64_t end_ms = posted_clock.ms + ms; posted_clock.ms < end_ms;) {
        posted_clock.ms += 100;
        kt_loop_tick(&loop, posted_clock.ms);
        kt_dispatcher_flush(&loop.dispatcher);
    }
}
