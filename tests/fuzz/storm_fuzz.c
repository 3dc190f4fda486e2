// Fuzzing the protocol as sequences: a storm of well-formed messages of three nodes in any order, of answers of the
// ledger, of losses and of time, against the whole loop of a coordinator. Every invariant of the scheduler holds after
// each step. An input is a script: three bytes per step, what happens and two arguments.
#include "common/assert.h"
#include "common/clock.h"
#include "common/log.h"
#include "coordinator/loop/loop.h"
#include "fuzz_main.h"
#include "tests/unit/proto/random_message.h"

enum { STEP_BYTES = 3, STEPS_MAX = 2000, NODES = 3, REQUESTS = 8192, WORKS = 256, MOST_JOBS = 100000 };

typedef struct storm {
    kt_loop_t            loop;
    kt_ledger_request_t *requests[REQUESTS];
    size_t               n_requests;
    kt_wire_work_t       works[WORKS];  // sent last; without their bodies
    char                 credentials[WORKS][KT_CREDENTIAL_BYTES];
    size_t               n_works;
    uint64_t             next_job;
    bool                 failed;  // the coordinator would end here
    unsigned             seed;
} storm_t;

static kt_wire_arena_t sent_arena;
static kt_clock_test_t test_clock;

static void
no_line(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context, (void)level, (void)id, (void)fields;
}

static kt_err_t
post_request(void *context, kt_ledger_request_t **request_p)
{
    storm_t *self = context;
    if (self->n_requests == REQUESTS)
        return KT_EFULL;
    self->requests[self->n_requests++] = *request_p;
    *request_p                         = NULL;
    return KT_OK;
}

// What a coordinator sends can be read; jobs that are sent are what nodes answer.
static kt_err_t
send_frame(void *context, kt_node_handle_t to, const void *bytes, size_t length)
{
    storm_t *self = context;
    kt_msg_t msg;
    kt_assert(to != 0 && kt_wire_decode(bytes, length, &sent_arena, &msg) == KT_OK);
    for (size_t i = 0; msg.type == KT_MSG_BATCH && i < msg.batch.items.n; i++) {
        const size_t    place = self->n_works++ % WORKS;
        kt_wire_work_t *work  = &self->works[place];
        *work                 = msg.batch.items.at[i];
        kt_assert(work->credential.n == KT_CREDENTIAL_BYTES);
        memcpy(self->credentials[place], work->credential.at, KT_CREDENTIAL_BYTES);
        work->credential.at = self->credentials[place];
    }
    return to % 5 == 4 ? KT_EUNREACHABLE : KT_OK;
}

static void
on_outcome(void *context, const kt_ledger_request_t *request)
{
    (void)context, (void)request;
}

static void
on_fatal(void *context)
{
    storm_t *self = context;
    self->failed  = true;
}

static kt_err_t
allow_keys(void *context)
{
    (void)context;
    return KT_OK;
}

static void
fill_snapshot(void *context, kt_snapshot_t *out)
{
    (void)context, (void)out;
}

static void
on_ledger_call(void *context)
{
    (void)context;
}

// A job that was sent, or, of every fourth number, an invented one.
static kt_wire_work_t
choose_work(const storm_t *self, unsigned number)
{
    if (self->n_works && number % 4)
        return self->works[number % (self->n_works < WORKS ? self->n_works : WORKS)];
    return (kt_wire_work_t){.job = number, .run = number % 3, .attempt = number % 5};
}

static void
deliver(storm_t *self, unsigned node, const kt_msg_t *msg)
{
    static const char *const KEYS[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                       "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                                       "cccccccccccccccccccccccccccccccccccccccc"};
    kt_buf_t                 frame;
    kt_buf_init(&frame, KT_MAX_FRAME_BYTES);
    if (!kt_wire_encode(msg, &frame))
        kt_receiver_frame(&self->loop.receiver, 10 + node, KEYS[node % NODES], frame.bytes, frame.length);
    kt_buf_fini(&frame);
}

static void
say_hello(storm_t *self, unsigned node, unsigned more)
{
    static const char *const NAMES[] = {"node-a", "node-b", "node-c", "node-a"};
    kt_msg_t                 msg     = {.type  = KT_MSG_HELLO,
                                        .hello = {.wire        = KT_WIRE_VERSION,
                                                  .wire_least  = KT_WIRE_LEAST,
                                                  .name        = kt_bytes_of(NAMES[(node + (more & 1)) % 4]),
                                                  .incarnation = 1 + more / 64,
                                                  .host        = kt_bytes_of("host"),
                                                  .device      = kt_bytes_of("cpu"),
                                                  .slots       = more % 9}};
    deliver(self, node, &msg);
}

static void
report(storm_t *self, unsigned node, unsigned what, unsigned more)
{
    static const kt_err_t ERRS[] = {KT_OK, KT_ECRASH, KT_ENOFILE, KT_EROOT, KT_EFORMAT, KT_ENOMEM, KT_ECANCELLED};
    const kt_wire_work_t  work   = choose_work(self, more);
    kt_wire_held_t        held   = {
                 .job = work.job, .run = work.run, .attempt = work.attempt, .stage = more % 4, .credential = work.credential};
    kt_wire_ref_t     kept   = {.job = work.job, .run = work.run};
    kt_wire_outcome_t done   = {.job           = work.job,
                                .run           = work.run,
                                .attempt       = work.attempt,
                                .err           = ERRS[more % (sizeof ERRS / sizeof *ERRS)],
                                .processing_us = more,
                                .document      = kt_bytes_of("{}"),
                                .credential    = work.credential};
    kt_msg_t          beat   = {.type = KT_MSG_BEAT,
                                .beat = {.free = more % 7, .held = {&held, more % 2}, .kept = {&kept, more % 3 == 0}}};
    kt_msg_t          begun  = {.type = KT_MSG_STARTED, .started = {{&held, 1}}};
    kt_msg_t          result = {.type = KT_MSG_RESULT, .result = {{&done, 1}}};
    deliver(self, node, what == 0 ? &beat : what == 1 ? &begun : &result);
}

// The oldest request, or another: well, or with an error.
static void
answer_request(storm_t *self, unsigned which, unsigned how)
{
    if (!self->n_requests)
        return;
    const size_t         i       = which % 4 ? 0 : which % self->n_requests;
    kt_ledger_request_t *request = self->requests[i];
    memmove(self->requests + i, self->requests + i + 1, (--self->n_requests - i) * sizeof *self->requests);
    request->err = how % 16 == 15 ? KT_EIO : KT_OK;
    if (request->type == KT_LREQ_OPEN)
        request->open.lease.epoch = 1 + which;
    if (request->type == KT_LREQ_CLAIM && !request->err) {
        const size_t n         = how % (request->claim.want < 6 ? request->claim.want + 1 : 6);
        request->claim.claimed = calloc(n + 1, sizeof *request->claim.claimed);
        for (size_t k = 0; request->claim.claimed && k < n && self->next_job < MOST_JOBS; k++) {
            kt_claimed_t *claimed = &request->claim.claimed[k];
            *claimed      = (kt_claimed_t){.id = {++self->next_job, 1}, .crashes = how % 3, .declared_duration_s = 1};
            claimed->body = strdup("{\"message_id\":\"m\",\"file_path\":\"/a\"}");
            claimed->body_bytes = claimed->body ? strlen(claimed->body) : 0;
            request->claim.n    = k + 1;
        }
    }
    kt_ledger_port_answer(&self->loop.port, &request);
    kt_loop_answered(&self->loop);
}

static void
take_step(storm_t *self, unsigned op, unsigned a, unsigned b)
{
    kt_msg_t msg;
    switch (op % 10) {
    case 0: say_hello(self, a % NODES, b); break;
    case 1: report(self, a % NODES, 0, b); break;
    case 2: report(self, a % NODES, 1, b); break;
    case 3: report(self, a % NODES, 2, b); break;
    case 4:
        self->seed = 1 + a * 256 + b;
        msg        = random_message(MESSAGE_TYPES[a % N_MESSAGE_TYPES], &self->seed, 4);
        deliver(self, b % NODES, &msg);
        break;
    case 5:
    case 6: answer_request(self, a, b); break;
    case 7:
        test_clock.ms += 100 * (int64_t)(1 + a % 60);
        kt_loop_tick(&self->loop, test_clock.ms);
        break;
    case 8: kt_receiver_frame(&self->loop.receiver, 10 + a % NODES, "d", &b, a % sizeof b); break;
    default: kt_receiver_ended(&self->loop.receiver, b % 2); break;
    }
    kt_dispatcher_flush(&self->loop.dispatcher);
    if (!self->failed)
        kt_sched_check(self->loop.dispatcher.sched);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static storm_t       storm;
    static kt_settings_t settings   = {.lease_ms          = 4000,
                                       .node_silence_ms   = 2500,
                                       .job_deadline_s    = 60,
                                       .hop_length        = 512,
                                       .video_mode        = "full",
                                       .video_scene_model = "auto"};
    static kt_key_t      allowed[2] = {{.key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", .name = "node-a"},
                                       {.key = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}};
    static kt_keys_t     keys       = {.at = allowed, .n = 2};
    static kt_curve_t    pair       = {.public_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
                                       .secret_key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"};
    kt_credentials_t     credentials;
    const kt_loop_opts_t opts = {.settings       = &settings,
                                 .sched          = {.batch_size       = 10,
                                                    .max_attempts     = 3,
                                                    .window           = 50,
                                                    .node_silence_ms  = 2500,
                                                    .job_deadline_ms  = 60000,
                                                    .claim_idle_ms    = 1000,
                                                    .black_hole_count = 2,
                                                    .slots_max        = 8,
                                                    .wait_ms          = 5000,
                                                    .stall_ms         = 10000},
                                 .name           = "here",
                                 .keys           = &keys,
                                 .credentials    = &credentials,
                                 .sender         = {&storm, send_frame},
                                 .context        = &storm,
                                 .on_outcome     = on_outcome,
                                 .on_fatal       = on_fatal,
                                 .allow_keys     = allow_keys,
                                 .fill_snapshot  = fill_snapshot,
                                 .on_ledger_call = on_ledger_call};
    kt_assert(kt_credentials_init(&credentials, &pair) == KT_OK);
    memset(&storm, 0, sizeof storm);
    test_clock = (kt_clock_test_t){.ms = 1000, .wall_ms = 1700000000000};
    kt_clock_test(&test_clock);
    kt_log_set_sink(no_line, NULL);
    kt_assert(kt_loop_init(&storm.loop, &opts) == KT_OK);
    kt_ledger_port_attach(&storm.loop.port, post_request, &storm);
    kt_assert(kt_loop_start(&storm.loop) == KT_OK);
    answer_request(&storm, 1, 0);  // the drains
    answer_request(&storm, 1, 0);  // the lease
    for (size_t i = 0; i + STEP_BYTES <= length && i < STEPS_MAX * STEP_BYTES && !storm.failed; i += STEP_BYTES)
        take_step(&storm, bytes[i], bytes[i + 1], bytes[i + 2]);
    kt_queries_close(&storm.loop.queries);
    while (storm.n_requests)
        kt_ledger_request_destroy(&storm.requests[--storm.n_requests]);
    kt_loop_fini(&storm.loop);
    kt_clock_test(NULL);
    return 0;
}

// A working fleet: hellos, claims, starts, results, in an order that the number shifts.
static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const uint8_t CYCLE[] = {0, 0, 4, 0, 1, 4,  1, 0, 6, 5, 1, 5, 1, 1, 6, 5, 1, 3, 2, 0, 1, 2, 1,  5,
                                    3, 0, 7, 3, 1, 14, 5, 1, 0, 5, 1, 0, 7, 3, 0, 1, 0, 9, 4, 7, 9, 7, 59, 0};
    const size_t         cycles = 8, bytes = sizeof CYCLE * cycles;
    uint8_t             *out = malloc(bytes);
    kt_assert(out);
    for (size_t i = 0; i < bytes; i++)
        out[i] =
            CYCLE[(i + STEP_BYTES * number) % sizeof CYCLE] + (i % STEP_BYTES == 2 ? (uint8_t)(i / 7 * number) : 0);
    *length = bytes;
    return out;
}
