// The API against a loop that the test plays: a thread that answers each call at once.
#include "common/clock.h"
#include "common/json.h"
#include "coordinator/api/api.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static kt_queue_t        *queue;
static kt_api_server_t    server = {.loopback = true, .token = "let-me-in"};
static _Atomic bool       ledger_down, stuck;
static _Atomic kt_err_t   ledger_err;
static pthread_t          loop;
static kt_http_response_t response;
static json_t            *answer;
static char               folder[64];  // of the models; it does not exist
static kt_settings_t      settings;
static kt_call_t         *late;  // given up by its asker

static void
play_jobs(kt_ledger_request_t *request)
{
    request->jobs.rows = calloc(2, sizeof *request->jobs.rows);
    if (strcmp(request->jobs.message_id, "none") == 0)
        return;
    for (size_t i = 0; i < 2 && i < request->jobs.capacity; i++) {
        kt_job_row_t *row = &request->jobs.rows[request->jobs.n++];
        row->id           = (kt_run_id_t){request->jobs.query.after_job + 1 + i, 1};
        row->state        = KT_JOB_DONE;
        snprintf(row->message_id, sizeof row->message_id, "m%zu", i);
        if (request->jobs.query.documents)
            row->document = strdup("{\"file_path\":\"https://h/a\\\"b.mp3?sig=secret\\\"&x\",\"success\":true}");
        snprintf(row->file_path, sizeof row->file_path, "https://h/a\"b.mp3?sig=secret");
        row->document_bytes = row->document ? strlen(row->document) : 0;
    }
}

static void
play(kt_ledger_request_t *request)
{
    switch (request->type) {
    case KT_LREQ_JOBS: play_jobs(request); break;
    case KT_LREQ_INSERT:
        request->insert.id = 40;
        request->insert.inserted =
            strcmp(request->insert.job.message_id, "clash") ? KT_INSERTED_NEW : KT_INSERTED_CLASH;
        break;
    case KT_LREQ_ASK:
        request->ask.ask.how = request->ask.ask.id.job == 9   ? KT_ENOTFOUND
                               : request->ask.ask.id.job == 8 ? KT_EINVAL
                                                              : KT_OK;
        break;
    default: break;
    }
}

static void *
run_loop(void *context)
{
    void  *item;
    size_t n;
    (void)context;
    while (!kt_queue_pop(queue, &item, 1, &n, PATIENCE_MS)) {
        kt_call_t *call = item;
        if (stuck && call->wants_totals) {  // as when the ledger is blocked: the caller continues without
            stuck = false;
            late  = call;
            continue;
        }
        call->snapshot.totals     = (kt_totals_t){.queued = 3, .done = 8, .failed = 2, .processing_us_total = 20000000};
        call->snapshot.rate_per_s = 1.5;
        call->snapshot.ledger_kind = "memory";
        call->snapshot.ledger_err  = ledger_err;
        call->snapshot.view        = (kt_sched_view_t){.ledger_up = !ledger_down, .lease_held = true, .nodes_live = 1};
        call->snapshot.outcomes    = (kt_outcome_counts_t){.done = 8, .failed = 2, .failures = {[-KT_EFORMAT] = 2}};
        if (call->wants_nodes) {
            call->snapshot.nodes    = calloc(1, sizeof *call->snapshot.nodes);
            call->snapshot.n_nodes  = 1;
            call->snapshot.nodes[0] = (kt_node_row_t){.view = {.name = "gpu7", .state = "live"}, .incarnation = 255};
        }
        for (size_t i = 0; i < call->n_requests; i++)
            play(call->requests[i]);
        kt_call_finish(call, KT_OK);
    }
    return NULL;
}

static void
open_loop(void)
{
    cr_assert_eq(kt_queue_new(&queue, 16), KT_OK);
    server.calls = queue;
    snprintf(folder, sizeof folder, "/proc/kithara-%d", (int)getpid());  // and cannot be made
    settings.model_path = folder;
    cr_assert_eq(kt_model_store_new(&server.models, &settings), KT_OK);
    cr_assert_eq(pthread_create(&loop, NULL, run_loop, NULL), 0);
    kt_buf_init(&response.body, 1 << 20);
}

static void
close_loop(void)
{
    kt_queue_close(queue);
    pthread_join(loop, NULL);
    kt_queue_destroy(&queue);
    kt_model_store_destroy(&server.models);
    if (late)
        kt_call_finish(late, KT_OK);  // frees it
    kt_buf_fini(&response.body);
    kt_json_free(&answer);
}

TestSuite(api, .init = open_loop, .fini = close_loop);

static const json_t *
ask_with(kt_http_request_t request, unsigned status)
{
    char why[KT_JSON_WHY];
    kt_buf_clear(&response.body);
    kt_json_free(&answer);
    request.body       = request.body ? request.body : "";
    request.body_bytes = strlen(request.body);
    response.type      = NULL;
    kt_api_serve(&server, &request, &response);
    cr_assert_eq(response.status, status, "%s: %u %s", request.path, response.status, response.body.bytes);
    cr_assert_eq(kt_json_parse(response.body.bytes, response.body.length, 1 << 20, &answer, why), KT_OK, "%s", why);
    return answer;
}

static const json_t *
ask(const char *method, const char *path, unsigned status)
{
    return ask_with((kt_http_request_t){.method = method, .path = path}, status);
}

static const char *
code_of(const json_t *json)
{
    return kt_json_str(kt_json_get(json, "error"), "code", "");
}

// A shape is the members in their order, each with the kind of its value: s text, i whole number, r number or null,
// b yes or no, a list, o object.
static char
kind_of(const json_t *object, const char *key)
{
    const json_t *value = kt_json_get(object, key);
    char          plain[64];
    double        number;
    kt_json_plain(value, plain, sizeof plain);
    if (kt_json_is_null(value) || kt_json_number(value, &number))
        return kt_json_i64(object, key, -1) >= 0 ? 'i' : 'r';
    if (kt_json_str(object, key, NULL))
        return 's';
    if (strcmp(plain, "yes") == 0 || strcmp(plain, "no") == 0)
        return 'b';
    return plain[0] == '[' ? 'a' : 'o';
}

static void
expect_shape(const json_t *object, const char *shape)
{
    char   found[512] = "";
    size_t used       = 0;
    for (size_t i = 0; i < kt_json_count(object); i++) {
        const char *key = kt_json_key(object, i);
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%s:%c", i ? " " : "", key, kind_of(object, key));
    }
    cr_expect_str_eq(found, shape);
}

Test(api, health_has_the_specifications_shape)
{
    const json_t *json = ask("GET", "/health", 200);
    expect_shape(json, "status:s version:s models_loaded:i queue_size:i processing_active:b gpu_available:b "
                       "memory_usage:o");
    expect_shape(kt_json_get(json, "memory_usage"), "used_mb:i total_mb:i percentage:r");
    cr_assert_str_eq(kt_json_str(json, "status", ""), "healthy");
    cr_assert_eq(kt_json_i64(json, "queue_size", 0), 3);
    cr_assert_gt(kt_json_i64(kt_json_get(json, "memory_usage"), "total_mb", 0), 0);
    ledger_down = true;
    cr_assert_str_eq(kt_json_str(ask("GET", "/health", 200), "status", ""), "unhealthy");
}

Test(api, models_has_the_specifications_shape)
{
    const json_t *json = ask("GET", "/models", 200);
    expect_shape(json, "models:a total_models:i memory_usage_mb:i");
    cr_assert_eq(kt_json_i64(json, "total_models", -1), 5);
    static const char *const NAMES[] = {"genre_classifier", "mood_detector", "instrument_classifier", "scene_detector",
                                        "quality_assessor"};
    for (size_t i = 0; i < 5; i++) {
        const json_t *model = kt_json_at(kt_json_get(json, "models"), i);
        cr_assert_str_eq(kt_json_str(model, "name", ""), NAMES[i]);
        cr_assert_str_eq(kt_json_str(model, "status", ""), "missing");
    }
}

Test(api, stats_has_the_specifications_shape)
{
    const json_t *json = ask("GET", "/stats", 200);
    expect_shape(json, "processed_files:i average_processing_time:r success_rate:r error_rate:r queue_metrics:o "
                       "feature_extraction_times:o");
    expect_shape(kt_json_get(json, "queue_metrics"), "pending:i processing:i completed_today:i");
    cr_assert_eq(kt_json_i64(json, "processed_files", 0), 10);
    cr_assert_float_eq(kt_json_f64(json, "average_processing_time", 0), 2, 1e-9);
    cr_assert_float_eq(kt_json_f64(json, "success_rate", 0), 0.8, 1e-9);
    cr_assert_float_eq(kt_json_f64(json, "error_rate", 0), 0.2, 1e-9);
    cr_assert_eq(kt_json_i64(kt_json_get(json, "queue_metrics"), "pending", 0), 3);
}

Test(api, a_blocked_ledger_hides_no_other_values)
{
    stuck = true;
    cr_assert_eq(kt_json_i64(ask("GET", "/health", 200), "queue_size", 0), 3);
    cr_assert_not(stuck);
}

Test(api, probes_return_the_reason)
{
    cr_assert(kt_json_flag(ask("GET", "/livez", 200), "alive", false));
    cr_assert(kt_json_flag(ask("GET", "/readyz", 200), "ready", false));
    ledger_down        = true;
    const json_t *json = ask("GET", "/readyz", 503);
    cr_assert_not(kt_json_flag(json, "ready", true));
    cr_assert_str_eq(kt_json_str(json, "reason", ""), "the ledger does not answer");
    ledger_err = KT_ETIME;  // a statement that the database cancels
    cr_assert_not_null(strstr(kt_json_str(ask("GET", "/readyz", 503), "reason", ""), "locks and load"));
    cr_assert(kt_json_flag(ask("GET", "/livez", 200), "alive", false), "the process runs without its ledger");
    kt_queue_close(queue);
    cr_assert_not(kt_json_flag(ask("GET", "/livez", 503), "alive", true));
}

Test(api, metrics_are_text_of_the_snapshot)
{
    kt_http_request_t request = {.method = "GET", .path = "/metrics", .body = ""};
    kt_buf_clear(&response.body);
    kt_api_serve(&server, &request, &response);
    cr_assert_eq(response.status, 200);
    cr_assert_str_eq(response.type, "text/plain; version=0.0.4; charset=utf-8");
    static const char *const lines[] = {"\nkithara_jobs{state=\"queued\"} 3\n",
                                        "\nkithara_failures_total{code=\"EFORMAT\"} 2\n", "\nkithara_ledger_up 1\n",
                                        "\nkithara_node_slots{node=\"gpu7\"} 0\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(strstr(response.body.bytes, lines[i]), "%s", lines[i]);
}

static bool
admits(const char *method, const char *path, const char *authorization, const char *origin, unsigned status)
{
    kt_http_request_t request = {.method = method, .path = path, .authorization = authorization, .origin = origin};
    kt_buf_clear(&response.body);
    bool admitted = kt_api_admit(&server, &request, &response);
    cr_expect_eq(admitted, status == 200, "%s %s", method, path);
    if (!admitted)
        cr_expect(response.status == status && strstr(response.body.bytes, "EAUTH"), "%s %s: %u", method, path,
                  response.status);
    return admitted;
}

Test(api, control_needs_the_token_and_no_origin)
{
    static const char *const control[] = {"/v1/jobs", "/v1/jobs/1/cancel", "/v1/jobs/1/retry", "/v1/nodes/a/drain",
                                          "/v1/nodes/a/undrain"};
    for (size_t i = 0; i < sizeof control / sizeof *control; i++) {
        admits("POST", control[i], NULL, NULL, 401);
        admits("POST", control[i], "Bearer let-me", NULL, 401);
        admits("POST", control[i], "Basic let-me-in", NULL, 401);
        admits("POST", control[i], "Bearer ", NULL, 401);
        admits("POST", control[i], "Bearer let-me-in", NULL, 200);
        admits("POST", control[i], "bearer  let-me-in", NULL, 200);
        admits("POST", control[i], "Bearer let-me-in", "http://127.0.0.1:8710", 403);
        admits("POST", control[i], NULL, "null", 403);
    }
    cr_assert(strstr(response.body.bytes, "Origin"));
}

Test(api, orders_of_the_page_itself_are_taken_with_the_token)
{
    static const struct {
        const char *origin, *host, *fetch_site;
        unsigned    status;
    } CASES[] = {
        {"http://farm:8710", "farm:8710", NULL, 200},
        {"http://Farm:8710", "farm:8710", "same-origin", 200},
        {"https://proxy", "farm:8710", "same-origin", 200},  // a proxy that does not keep the Host
        {"http://farm:8710", "farm:8710", "cross-site", 403},
        {"http://farm:8710", "farm:8710", "same-site", 403},
        {"http://farm:8711", "farm:8710", NULL, 403},
        {"http://farm", "farm:8710", NULL, 403},
        {"http://evil@farm:8710", "farm:8710", NULL, 403},
        {"farm:8710", "farm:8710", NULL, 403},
        {"null", "farm:8710", NULL, 403},
        {"http://farm:8710", NULL, NULL, 403},
    };
    server.hosts = "farm";
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        kt_http_request_t request = {.method        = "POST",
                                     .path          = "/v1/jobs/1/cancel",
                                     .authorization = "Bearer let-me-in",
                                     .origin        = CASES[i].origin,
                                     .host          = CASES[i].host,
                                     .fetch_site    = CASES[i].fetch_site};
        kt_buf_clear(&response.body);
        cr_expect_eq(kt_api_admit(&server, &request, &response), CASES[i].status == 200, "%s", CASES[i].origin);
        request.authorization = NULL;
        kt_buf_clear(&response.body);
        cr_expect_not(kt_api_admit(&server, &request, &response), "%s without the token", CASES[i].origin);
    }
}

Test(api, reading_is_open_on_loopback_and_needs_the_token_elsewhere)
{
    static const char *const open[]   = {"/livez", "/readyz", "/health", "/metrics"};
    static const char *const closed[] = {"/models", "/stats", "/v1/status", "/v1/jobs", "/v1/results/x", "/nothing"};
    for (int network = 0; network < 2; network++) {
        server.loopback = !network;
        for (size_t i = 0; i < sizeof open / sizeof *open; i++)
            admits("GET", open[i], NULL, "http://page", 200);
        for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
            admits("GET", closed[i], NULL, NULL, network ? 401 : 200);
            admits("GET", closed[i], "Bearer let-me-in", NULL, 200);
        }
    }
}

static bool
admits_from(const char *host, bool proxied, const char *authorization, const char *path, unsigned status)
{
    kt_http_request_t request = {
        .method = "GET", .path = path, .authorization = authorization, .host = host, .proxied = proxied};
    kt_buf_clear(&response.body);
    bool admitted = kt_api_admit(&server, &request, &response);
    cr_expect_eq(admitted, status == 200, "%s %s", host, path);
    cr_expect(admitted || response.status == status, "%s %s: %u", host, path, response.status);
    return admitted;
}

Test(api, a_page_whose_name_leads_here_reads_nothing)
{
    static const char *const paths[] = {"/v1/jobs", "/v1/status", "/metrics", "/health", "/livez", "/nothing"};
    server.hosts                     = "farm.example.org";
    strcpy(server.own_host, "node7");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        admits_from("evil.example:8710", false, NULL, paths[i], 421);
        admits_from("127.0.0.1.evil.example", false, NULL, paths[i], 421);
        admits_from("evil.example", true, "Bearer let-me-in", paths[i], 421);
        admits_from("", false, NULL, paths[i], 421);
        admits_from("127.0.0.1:8710", false, NULL, paths[i], 200);
        admits_from("localhost:8710", false, NULL, paths[i], 200);
        admits_from("farm.example.org", false, "Bearer let-me-in", paths[i], 200);
        admits_from("node7:8710", false, "Bearer let-me-in", paths[i], 200);
    }
    server.hosts = NULL, server.own_host[0] = '\0';
    admits_from("node7:8710", false, "Bearer let-me-in", "/v1/jobs", 421);
}

Test(api, what_a_proxy_passes_on_needs_the_token_on_loopback_too)
{
    server.hosts = "farm.example.org";
    for (int setting = 0; setting < 2; setting++) {
        server.read_token = setting;
        admits_from("127.0.0.1:8710", true, NULL, "/v1/jobs", 401);
        admits_from("farm.example.org", false, NULL, "/v1/jobs", 401);
        admits_from("10.0.0.7", false, NULL, "/v1/jobs", 401);
        admits_from(NULL, true, NULL, "/v1/jobs", 401);
        admits_from("farm.example.org", true, "Bearer let-me-in", "/v1/jobs", 200);
        admits_from("farm.example.org", true, NULL, "/livez", 200);
        admits_from("127.0.0.1:8710", false, NULL, "/v1/jobs", setting ? 401 : 200);
        admits_from("127.0.0.1:8710", false, "Bearer let-me-in", "/v1/jobs", 200);
    }
}

static double
start_of_process(const char *authorization)
{
    kt_http_request_t request = {.method = "GET", .path = "/metrics", .body = "", .authorization = authorization};
    kt_buf_clear(&response.body);
    kt_api_serve(&server, &request, &response);
    const char *line = strstr(response.body.bytes, "\nprocess_start_time_seconds ");
    cr_assert(line, "%s", response.body.bytes);
    return strtod(strchr(line + 1, ' '), NULL);
}

Test(api, the_start_time_is_told_in_full_minutes_without_the_token)
{
    const double open = start_of_process(NULL), full = start_of_process("Bearer let-me-in");
    cr_expect_float_eq(open, floor(open / 60) * 60, 1e-3);
    cr_expect_float_eq(full, open, 30.01);
    const double uptime_s = kt_json_f64(ask("GET", "/v1/status", 200), "uptime_s", -1);
    const double since_s  = (double)kt_clock_wall_ms() / 1000 - uptime_s;
    cr_expect_float_eq(since_s, floor(since_s / 60 + 0.5) * 60, 5);
}

Test(api, a_signed_url_is_shown_without_its_query)
{
    static const char *const paths[] = {"/v1/jobs", "/v1/jobs/12", "/v1/jobs/12/document", "/v1/results/m"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        (void)ask("GET", paths[i], 200);
        cr_expect_not(strstr(response.body.bytes, "secret"), "%s: %s", paths[i], response.body.bytes);
        cr_expect(strstr(response.body.bytes, "https://h/a\\\"b.mp3?..."), "%s: %s", paths[i], response.body.bytes);
    }
    const kt_http_request_t with = {
        .method = "GET", .path = "/v1/jobs/12/document", .authorization = "Bearer let-me-in"};
    cr_expect_str_eq(kt_json_str(ask_with(with, 200), "file_path", ""), "https://h/a\"b.mp3?sig=secret\"&x");
}

Test(api, without_a_configured_token_control_is_refused)
{
    server.token[0] = '\0';
    admits("POST", "/v1/jobs", "Bearer ", NULL, 401);
    admits("POST", "/v1/jobs", "Bearer x", NULL, 401);
}

Test(api, a_result_is_found_by_its_message_whatever_that_is_called)
{
    cr_assert(kt_json_flag(ask("GET", "/v1/results/m 1/with/strokes", 200), "success", false));
    ask("GET", "/v1/results/none", 404);
    ask("GET", "/v1/results/", 404);
}

Test(api, the_nodes_are_shown_without_the_ledger)
{
    stuck = true;
    ask("GET", "/v1/nodes", 200);
    cr_assert(stuck, "no totals were asked for");
    stuck = false;
}

Test(api, status_queue_and_nodes_show_the_snapshot)
{
    cr_assert_eq(kt_json_i64(kt_json_get(ask("GET", "/v1/status", 200), "jobs"), "done", 0), 8);
    cr_assert_float_eq(kt_json_f64(ask("GET", "/v1/queue", 200), "eta_s", 0), 2, 1e-9);
    const json_t *node = kt_json_at(kt_json_get(ask("GET", "/v1/nodes", 200), "nodes"), 0);
    cr_assert_str_eq(kt_json_str(node, "name", ""), "gpu7");
    cr_assert_str_eq(kt_json_str(node, "incarnation", ""), "00000000000000ff");
}

Test(api, pages_of_jobs_contain_the_start_of_the_next)
{
    kt_http_request_t request = {.method = "GET", .path = "/v1/jobs", .n_args = 2};
    request.args[0].name = "limit", request.args[0].value = "2";
    request.args[1].name = "after", request.args[1].value = "5";
    const json_t *json = ask_with(request, 200);
    cr_assert_eq(kt_json_count(kt_json_get(json, "jobs")), 2);
    cr_assert_eq(kt_json_i64(json, "next", 0), 7);
    request.args[0].value = "3";
    cr_assert_eq(kt_json_i64(ask_with(request, 200), "next", -1), -1);
    request.args[1].value = "x";
    cr_assert_str_eq(code_of(ask_with(request, 400)), "EINVAL");
}

Test(api, one_job_and_its_document_are_found_by_number)
{
    cr_assert_eq(kt_json_i64(ask("GET", "/v1/jobs/12", 200), "job", 0), 12);
    cr_assert(kt_json_flag(ask("GET", "/v1/jobs/12/document", 200), "success", false));
}

Test(api, unknown_paths_and_wrong_methods_have_different_errors)
{
    static const char *const unknown[] = {"//",         "/nothing",          "/page/x.js",          "/v1/jobs/",
                                          "/v1/jobs/0", "/v1/jobs/x/cancel", "/v1/jobs/1/2/cancel", "/v1/nodes//drain"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_assert_str_eq(code_of(ask("GET", unknown[i], 404)), "ENOTFOUND");
    ask("DELETE", "/v1/jobs", 405);
    ask("POST", "/v1/status", 405);
    ask("GET", "/v1/nodes/gpu7/drain", 405);
}

Test(api, orders_are_passed_on_and_refusals_named)
{
    cr_assert(kt_json_flag(ask("POST", "/v1/nodes/gpu7/drain", 200), "ok", false));
    cr_assert(kt_json_flag(ask("POST", "/v1/jobs/1/cancel", 200), "ok", false));
    cr_assert_str_eq(code_of(ask("POST", "/v1/jobs/9/cancel", 404)), "ENOTFOUND");
    cr_assert_str_eq(code_of(ask("POST", "/v1/jobs/8/retry", 409)), "EINVAL");
}

Test(api, each_message_of_a_submission_has_its_own_answer)
{
    kt_http_request_t request = {.method = "POST", .path = "/v1/jobs"};
    request.body              = "{\"messages\":[{\"message_id\":\"a\",\"file_path\":\"/a\"},{\"message_id\":7},"
                                "{\"message_id\":\"clash\",\"file_path\":\"/b\"}]}";
    const json_t *results     = kt_json_get(ask_with(request, 200), "results");
    cr_assert_str_eq(kt_json_str(kt_json_at(results, 0), "status", ""), "new");
    cr_assert_eq(kt_json_i64(kt_json_at(results, 0), "job", 0), 40);
    cr_assert_str_eq(kt_json_str(kt_json_at(results, 1), "status", ""), "error");
    cr_assert_str_eq(code_of(kt_json_at(results, 1)), "EMESSAGE");
    cr_assert_str_eq(kt_json_str(kt_json_at(results, 2), "status", ""), "clash");
    cr_assert_str_eq(code_of(kt_json_at(results, 2)), "ECLASH");
}

Test(api, a_submission_that_is_none_is_refused)
{
    static const char *const bodies[] = {
        "", "{", "[]", "{}", "{\"messages\":7}", "{\"messages\":[]}", "{\"messages\":{\"a\":1}}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        cr_assert_str_eq(
            code_of(ask_with((kt_http_request_t){.method = "POST", .path = "/v1/jobs", .body = bodies[i]}, 400)),
            "EMESSAGE");
}
