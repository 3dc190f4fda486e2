// Fuzzing the HTTP API behind the server: any body or query gets a response with a status and, if it has a body, JSON.
// The first byte chooses the route. A thread plays the loop and completes each call without a ledger.
#include "common/assert.h"
#include "common/json.h"
#include "coordinator/api/api.h"
#include "fuzz_main.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 3600 * 1000 };

static const struct {
    const char *method, *path, *arg;  // arg: the input is its value, else it is the body
} ROUTES[] = {
    {"POST", "/v1/jobs", NULL},
    {"POST", "/v1/backfills", NULL},
    {"POST", "/v1/backfills/1/list", NULL},
    {"GET", "/v1/jobs", "path"},
    {"GET", "/v1/jobs", "state"},
    {"POST", "/v1/backfills/1/seal", "chunks"},
    {"POST", "/v1/models", "sha256"},
    {"POST", "/v1/models/files", "sha256"},
    {"POST", "/v1/models/x/deploy", "version"},
};
enum { N_ROUTES = sizeof ROUTES / sizeof *ROUTES };

static kt_api_server_t server = {.loopback = true, .token = "token"};

static void *
run_calls(void *context)
{
    void  *item;
    size_t n;
    while (!kt_queue_pop(server.calls, &item, 1, &n, WAIT_MS)) {
        kt_call_t *call = item;
        for (size_t i = 0; i < call->n_requests; i++) {
            kt_ledger_request_t *request = call->requests[i];
            if (request->type == KT_LREQ_INSERT)
                request->insert.id = 40;
            else if (request->type == KT_LREQ_JOBS)
                request->jobs.rows = calloc(1, sizeof *request->jobs.rows);
        }
        kt_call_finish(call, KT_OK);
    }
    return context;
}

static void
start_once(void)
{
    pthread_t            thread;
    static kt_settings_t settings = {.model_path = "/proc/none"};  // a folder that cannot be made
    kt_assert(kt_model_store_new(&server.models, &settings) == KT_OK);
    kt_assert(kt_queue_new(&server.calls, 16) == KT_OK);
    kt_assert(pthread_create(&thread, NULL, run_calls, NULL) == 0);
    pthread_detach(thread);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static pthread_once_t once     = PTHREAD_ONCE_INIT;
    kt_http_response_t    response = {0};
    kt_http_request_t     request  = {.authorization = "Bearer token", .body = "", .n_args = 1};
    char                  why[KT_JSON_WHY];
    json_t               *json = NULL;
    pthread_once(&once, start_once);
    if (!length)
        return 0;
    size_t route = bytes[0] % N_ROUTES;
    char  *text  = malloc(length);  // with the NUL that the server adds
    kt_assert(text);
    memcpy(text, bytes + 1, length - 1);
    text[length - 1]      = '\0';
    request.method        = ROUTES[route].method;
    request.path          = ROUTES[route].path;
    request.args[0].name  = ROUTES[route].arg ? ROUTES[route].arg : "chunk";
    request.args[0].value = ROUTES[route].arg ? text : "0";
    if (!ROUTES[route].arg) {
        request.body       = text;
        request.body_bytes = length - 1;
    }
    kt_buf_init(&response.body, 64 << 20);
    kt_api_serve(&server, &request, &response);
    kt_assert(response.status >= 200 && response.status < 600 && !response.body.err);
    kt_assert(kt_json_parse(response.body.bytes, response.body.length, 64 << 20, &json, why) == KT_OK);
    kt_json_free(&json);
    kt_buf_fini(&response.body);
    free(text);
    return 0;
}

static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static const char *const BODIES[N_ROUTES] = {
        "{\"messages\":[{\"message_id\":\"a\",\"file_path\":\"/a.mp3\"},{\"file_path\":\"/"
        "b.mp3\",\"priority\":\"low\"}]}",
        "{\"list\":\"-\",\"token\":\"6f9619ff-8b86-4011-b42d-00c04fc964ff\",\"name\":\"n\",\"priority\":\"low\","
        "\"all\":true,"
        "\"force\":false,\"digest\":true,\"options\":\"spectral,mir\"}",
        "/music/a.mp3\n/music/b.mp3\n",
        "/music",
        "failed",
        "12",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1.1.0",
    };
    kt_buf_t out;
    char     route = (char)(number % N_ROUTES);
    kt_buf_init(&out, 1 << 16);
    kt_buf_add(&out, &route, 1);
    kt_buf_str(&out, BODIES[number % N_ROUTES]);
    return (uint8_t *)kt_buf_take(&out, length);
}
