// Backfills over HTTP, and the scanner beside them, on a SQLite ledger. The loop is played by a thread: it lets the
// actor run every request, as the real one does.
#include "common/json.h"
#include "coordinator/api/api.h"
#include "coordinator/backfill/scanner.h"
#include "coordinator/backfill/step.h"
#include "tests/unit/coordinator/ledger/backfill_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static kt_queue_t         *queue;
static kt_ledger_actor_t  *actor;
static pthread_t           loop;
static atomic_bool         ending;
static kt_api_server_t     server;
static kt_settings_t       settings;
static kt_http_response_t  response;
static json_t             *answer;
static kt_scanner_t       *scanner;
static kt_backfill_step_t *turn;
static char                folder[64], ledger_folder[FIXTURE_PATH];

static void
on_answers(void)
{
    void  *item;
    size_t n;
    while (!kt_queue_pop(kt_ledger_actor_answers(actor), &item, 1, &n, 0)) {
        kt_ledger_request_t *request = item;
        if (request->answered) {
            request->answered(request->context, &request);
        } else if (request->context) {
            kt_call_t *call   = request->context;
            call->requests[0] = request;
            request           = NULL;
            kt_call_finish(call, KT_OK);
        }
        kt_ledger_request_destroy(&request);
    }
}

static void
on_calls(void)
{
    void  *item;
    size_t n;
    while (!kt_queue_pop(queue, &item, 1, &n, 0)) {
        kt_call_t           *call    = item;
        kt_ledger_request_t *request = call->requests[0];
        request->context             = call;
        call->requests[0]            = NULL;
        cr_assert_eq(kt_ledger_actor_post(actor, &request), KT_OK);
    }
}

static void *
run_loop(void *context)
{
    (void)context;
    struct pollfd fds[] = {{.fd = kt_queue_fd(queue), .events = POLLIN},
                           {.fd = kt_queue_fd(kt_ledger_actor_answers(actor)), .events = POLLIN}};
    while (!ending) {
        poll(fds, 2, 50);
        on_calls();
        on_answers();
    }
    return NULL;
}

// The lease is the actor's own.
static void
open_lease(void)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_OPEN, NULL);
    strcpy(request->open.lease.coordinator, "one");
    request->open.lease.length_ms = 60000;
    cr_assert_eq(kt_ledger_actor_post(actor, &request), KT_OK);
}

static void
begin(void)
{
    char        why[KT_SETTINGS_WHY];
    char *const nothing[] = {NULL};
    fixture_folder(ledger_folder);
    kt_ledger_t *ledger = fixture_sqlite(ledger_folder);
    strcpy(folder, "/tmp/kt-backfill-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_MEDIA_ROOTS", folder, why), KT_OK);
    cr_assert_eq(kt_queue_new(&queue, 16), KT_OK);
    cr_assert_eq(kt_ledger_actor_new(&actor, &ledger), KT_OK);
    cr_assert_eq(kt_scanner_new(&scanner, actor, &settings), KT_OK);
    cr_assert_eq(kt_backfill_step_new(&turn), KT_OK);
    server = (kt_api_server_t){.calls = queue, .settings = &settings, .loopback = true};
    kt_buf_init(&response.body, 64 << 20);
    ending = false;
    cr_assert_eq(pthread_create(&loop, NULL, run_loop, NULL), 0);
    open_lease();
}

static void
end(void)
{
    char command[100];
    ending = true;
    pthread_join(loop, NULL);
    kt_scanner_stop(scanner);
    kt_ledger_actor_destroy(&actor);
    fixture_remove(ledger_folder);
    kt_scanner_destroy(&scanner);
    kt_backfill_step_destroy(&turn);
    kt_queue_destroy(&queue);
    kt_settings_fini(&settings);
    kt_buf_fini(&response.body);
    kt_json_free(&answer);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(api_backfill, .init = begin, .fini = end);

static const json_t *
ask(const char *method, const char *path, const char *body, unsigned status)
{
    char              why[KT_JSON_WHY], bare[128];
    kt_http_request_t request  = {.method = method, .path = bare, .body = body, .body_bytes = strlen(body)};
    const char       *query    = strchr(path, '?');
    char              name[32] = "", value[32] = "";
    snprintf(bare, sizeof bare, "%.*s", (int)(query ? query - path : (long)strlen(path)), path);
    if (query && sscanf(query, "?%31[a-z]=%31[^&]", name, value) == 2) {
        request.args[0].name  = name;
        request.args[0].value = value;
        request.n_args        = 1;
    }
    kt_buf_clear(&response.body);
    kt_json_free(&answer);
    kt_api_serve(&server, &request, &response);
    cr_assert_eq(response.status, status, "%s %s: %u %s", method, path, response.status, response.body.bytes);
    cr_assert_eq(kt_json_parse(response.body.bytes, response.body.length, 64 << 20, &answer, why), KT_OK, "%s", why);
    return answer;
}

static const char *
code_of(const json_t *json)
{
    return kt_json_str(kt_json_get(json, "error"), "code", "");
}

static void
turned(void *context, kt_ledger_request_t **request_p)
{
    cr_assert_eq(kt_queue_push(context, request_p), KT_OK);
}

// One turn, and what it finds to list goes to the scanner.
static void
take_turn(void)
{
    kt_queue_t          *done    = NULL;
    void                *item    = NULL;
    size_t               n       = 0;
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_CALL, NULL);
    cr_assert_eq(kt_queue_new(&done, 1), KT_OK);
    request->context   = done;
    request->answered  = turned;
    request->call.run  = kt_backfill_step_run;
    request->call.args = turn;
    cr_assert_eq(kt_ledger_actor_post(actor, &request), KT_OK);
    cr_assert_eq(kt_queue_pop(done, &item, 1, &n, PATIENCE_MS), KT_OK);
    request = item;
    cr_assert_eq(request->err, KT_OK);
    kt_ledger_request_destroy(&request);
    kt_queue_destroy(&done);
    if (kt_backfill_step_to_list(turn))
        kt_scanner_offer(scanner, kt_backfill_step_to_list(turn));
}

static const json_t *
turn_until_listed(const char *path)
{
    const json_t *json = NULL;
    for (int i = 0; i < 2000; i++) {
        take_turn();
        json = ask("GET", path, "", 200);
        if (kt_json_flag(json, "listed_all", false) || !strcmp(kt_json_str(json, "state", ""), "broken"))
            break;
        poll(NULL, 0, 5);
    }
    take_turn();
    return ask("GET", path, "", 200);
}

static void
wish(const char *source, char out[512])
{
    snprintf(out, 512, "{\"folder\":\"%s\",\"token\":\"t\",\"name\":\"n\"}", source);
}

Test(api_backfill, an_invalid_request_gets_the_reason)
{
    char body[512];
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills", "{", 400)), "EMESSAGE");
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills", "{}", 400)), "EINVAL");
    ask("POST", "/v1/backfills", "{\"folder\":\"/x\",\"list\":\"-\",\"token\":\"t\"}", 400);
    ask("POST", "/v1/backfills", "{\"list\":\"-\"}", 400);
    ask("POST", "/v1/backfills", "{\"list\":\"-\",\"token\":\"t\",\"priority\":\"soon\"}", 400);
    ask("POST", "/v1/backfills", "{\"list\":\"-\",\"token\":\"t\",\"options\":\"smell\"}", 400);
    wish("/etc", body);
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills", body, 400)), "EROOT");
    wish("/nowhere/at/all", body);
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills", body, 400)), "ENOFILE");
    cr_assert_eq(kt_json_count(kt_json_get(ask("GET", "/v1/backfills", "", 200), "backfills")), 0);
    ask("GET", "/v1/backfills/1", "", 404);
    ask("GET", "/v1/backfills/1/results", "", 404);
    ask("POST", "/v1/backfills/1/pause", "", 404);
    ask("POST", "/v1/backfills/1/list?chunk=0", "/x\n", 404);
    ask("GET", "/v1/backfills?after=x", "", 400);
}

Test(api_backfill, a_folder_is_listed_and_fed)
{
    char body[512], path[128];
    for (int i = 0; i < 2500; i++) {
        snprintf(path, sizeof path, "%s/%04d.mp3", folder, i);
        fclose(fopen(path, "w"));
    }
    wish(folder, body);
    const json_t *json = ask("POST", "/v1/backfills", body, 200);
    cr_assert_str_eq(kt_json_str(json, "state", ""), "running");
    cr_assert_str_eq(kt_json_str(json, "priority", ""), "low");
    cr_assert_eq(kt_json_i64(ask("POST", "/v1/backfills", body, 200), "id", 0), 1,
                 "a repeated request returns the same");
    json = turn_until_listed("/v1/backfills/1");
    cr_assert_eq(kt_json_i64(json, "listed", 0), 2500);
    for (int i = 0; i < 6; i++)
        take_turn();
    json = ask("GET", "/v1/backfills/1", "", 200);
    cr_assert_eq(kt_json_i64(json, "open", 0), 2500);
    json = ask("GET", "/v1/backfills/1/results?limit=3", "", 200);
    cr_assert_eq(kt_json_count(kt_json_get(json, "results")), 3);
    cr_assert_eq(kt_json_i64(json, "next", 0), 3);
    cr_assert_str_eq(kt_json_str(kt_json_at(kt_json_get(json, "results"), 0), "outcome", ""), "open");
    cr_assert_str_eq(kt_json_str(ask("POST", "/v1/backfills/1/pause", "", 200), "state", ""), "paused");
    cr_assert_str_eq(kt_json_str(ask("POST", "/v1/backfills/1/resume", "", 200), "state", ""), "running");
    cr_assert_eq(kt_json_i64(ask("POST", "/v1/backfills/1/retry", "", 200), "retried", -1), 0);
    ask("POST", "/v1/backfills/1/seal?chunks=1", "", 409);
    cr_assert_str_eq(kt_json_str(ask("POST", "/v1/backfills/1/cancel", "", 200), "state", ""), "cancelled");
    for (int i = 0; i < 4; i++)
        take_turn();
    cr_assert_eq(kt_json_i64(ask("GET", "/v1/backfills/1", "", 200), "cancelled", 0), 2500);
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills/1/resume", "", 409)), "EINVAL");
}

Test(api_backfill, a_list_is_spooled_sealed_and_listed)
{
    const json_t *json = ask("POST", "/v1/backfills", "{\"list\":\"-\",\"token\":\"t\"}", 200);
    cr_assert_str_eq(kt_json_str(json, "state", ""), "spooling");
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills/1/seal?chunks=0", "", 409)), "EEMPTY");
    ask("POST", "/v1/backfills/1/list?chunk=0", "", 400);
    ask("POST", "/v1/backfills/1/list?chunk=1", "/x\n", 409);
    ask("POST", "/v1/backfills/1/list?chunk=0", "/x\n/y\n", 200);
    ask("POST", "/v1/backfills/1/list?chunk=0", "/x\n/y\n", 200);
    cr_assert_str_eq(code_of(ask("POST", "/v1/backfills/1/list?chunk=0", "/z\n", 409)), "ECLASH");
    ask("POST", "/v1/backfills/1/list?chunk=1", "/y\nrelative\n", 200);
    ask("POST", "/v1/backfills/1/seal?chunks=2", "", 200);
    json = turn_until_listed("/v1/backfills/1");
    cr_assert_eq(kt_json_i64(json, "listed", 0), 3);
    cr_assert_eq(kt_json_i64(json, "repeated", 0), 1);
    cr_assert_eq(kt_json_i64(json, "refused", 0), 1);
    json = ask("GET", "/v1/backfills/1/results?failed=1", "", 200);
    cr_assert_eq(kt_json_count(kt_json_get(json, "results")), 1);
    cr_assert_str_eq(code_of(kt_json_at(kt_json_get(json, "results"), 0)), "EROOT");
}

Test(api_backfill, a_removed_folder_breaks_the_backfill_with_a_reason)
{
    char body[512];
    wish(folder, body);
    ask("POST", "/v1/backfills", body, 200);
    cr_assert_eq(rmdir(folder), 0);
    const json_t *json = turn_until_listed("/v1/backfills/1");
    cr_assert_str_eq(kt_json_str(json, "state", ""), "broken");
    cr_assert_not_null(strstr(kt_json_str(json, "detail", ""), "does not see this folder"));  // its name is a member
    cr_assert_eq(mkdir(folder, 0777), 0);
    ask("POST", "/v1/backfills/1/resume", "", 200);
    cr_assert_str_eq(kt_json_str(turn_until_listed("/v1/backfills/1"), "state", ""), "done");
}

Test(api_backfill, a_stop_in_the_middle_of_listing_does_not_wait)
{
    char body[512], path[128];
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "%s/%04d.mp3", folder, i);
        fclose(fopen(path, "w"));
    }
    wish(folder, body);
    ask("POST", "/v1/backfills", body, 200);
    take_turn();  // the scanner works now; the suite's end comes upon it
}
