// intake_bench URL JOBS -- how many messages a second come into a ledger through its actor, as intake posts them:
// parsed, one request each, with a window of unanswered ones. The time is from the first post to the last answer.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/actor.h"
#include "coordinator/ledger/open/open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 4096, ANSWERS = 512, ANSWER_MS = 60000, BODY = 600 };

static void
stop_on(kt_err_t err, const char *what)
{
    if (!err)
        return;
    fprintf(stderr, "intake_bench: %s: %s: %s\n", kt_err_name(err), what, kt_err_text(err));
    exit(1);
}

// A message as it comes from the queue, with an id in no order.
static kt_ledger_request_t *
make_request(uint64_t number)
{
    char                 id[KT_UUID_TEXT], why[256];
    kt_digest_t          digest;
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_INSERT, NULL);
    char                *body    = malloc(BODY);
    stop_on(request && body ? KT_OK : KT_ENOMEM, "request");
    kt_digest_of(&number, sizeof number, &digest);
    int length = snprintf(body, BODY,
                          "{\"message_id\":\"%s\",\"media_id\":\"media-%" PRIu64
                          "\",\"file_path\":\"/srv/music/artist/album/%08" PRIu64
                          ".flac\",\"analysis_options\":{\"spectral\":true,\"mir\":true,\"perceptual\":true}}",
                          kt_digest_uuid(&digest, id), number, number);
    stop_on(kt_job_parse(body, (size_t)length, &request->insert.job, why), why);
    request->insert.body       = body;
    request->insert.body_bytes = (size_t)length;
    return request;
}

static size_t
take_answers(kt_ledger_actor_t *actor)
{
    void  *items[ANSWERS];
    size_t n = 0, jobs = 0;
    stop_on(kt_queue_pop(kt_ledger_actor_answers(actor), items, ANSWERS, &n, ANSWER_MS), "answer");
    for (size_t i = 0; i < n; i++) {
        kt_ledger_request_t *request = items[i];
        stop_on(request->err, "insert");
        if (request->type == KT_LREQ_INSERT)
            stop_on(request->insert.inserted == KT_INSERTED_NEW ? KT_OK : KT_ESTATE, "the ledger is not new");
        jobs += request->type == KT_LREQ_INSERT;
        kt_ledger_request_destroy(&request);
    }
    return jobs;
}

static double
take_in(kt_ledger_actor_t *actor, uint64_t jobs)
{
    int64_t start_us = kt_clock_us();
    for (uint64_t posted = 0, answered = 0; answered < jobs;) {
        while (posted < jobs && posted - answered < WINDOW) {
            kt_ledger_request_t *request = make_request(posted++);
            stop_on(kt_ledger_actor_post(actor, &request), "post");
        }
        answered += take_answers(actor);
    }
    return (double)(kt_clock_us() - start_us) * 1e-6;
}

int
main(int argc, char **argv)
{
    char               why[KT_LEDGER_WHY] = "";
    int64_t            jobs               = 0;
    kt_ledger_t       *ledger             = NULL;
    kt_ledger_actor_t *actor              = NULL;
    if (argc != 3 || kt_text_to_i64(argv[2], 1, INT64_MAX / 2, &jobs)) {
        fprintf(stderr, "usage: intake_bench URL JOBS\n");
        return 2;
    }
    kt_settings_t settings = {.database_url = argv[1], .state_dir = "", .amqp_url = ""};
    stop_on(kt_ledger_open(&ledger, &settings, true, why), why);
    stop_on(kt_ledger_actor_new(&actor, &ledger), "actor");
    double seconds = take_in(actor, (uint64_t)jobs);
    kt_ledger_actor_destroy(&actor);
    printf("intake %10.0f jobs/s\n", (double)jobs / seconds);
    return 0;
}
