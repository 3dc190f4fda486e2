// ledger_load URL NAME JOBS -- uses a ledger like a coordinator of that name, for tests that disturb the database
// meanwhile: inserts JOBS jobs in groups, claims, stores and publishes all there are, and repeats each call until it
// succeeds. Prints each error ("err=EIO call=store") and each group ("stored=128") on one line. Exits when its jobs are
// inserted and no job is queued, claimed or waiting; with JOBS 0 when its input closes.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/open/open.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GROUP = 64, PAUSE_MS = 50 };

typedef struct load {
    kt_ledger_t *ledger;
    const char  *name;
    kt_lease_t   lease;
    bool         leased;
    uint64_t     jobs, inserted, stored, after;
    int64_t      renew_ms;
} load_t;

static void
wait_a_little(void)
{
    struct pollfd nothing = {.fd = -1};
    poll(&nothing, 1, PAUSE_MS);
}

// Whether to repeat the call. A lost lease is opened again first.
static bool
again(load_t *self, const char *call, kt_err_t err)
{
    if (!err)
        return false;
    printf("err=%s call=%s\n", kt_err_name(err), call);
    if (kt_err_verdict(err) != KT_VERDICT_RETRY) {
        printf("end\n");
        exit(1);
    }
    if (err == KT_EFENCED || (err == KT_EUNKNOWN_COMMIT && strcmp(call, "claim") == 0))
        self->leased = false;
    wait_a_little();
    return true;
}

static void
keep_lease(load_t *self)
{
    while (!self->leased || kt_clock_ms() >= self->renew_ms) {
        self->renew_ms = kt_clock_ms() + 1000;
        kt_err_t err   = self->leased ? self->ledger->ops->lease_renew(self->ledger, &self->lease)
                                      : self->ledger->ops->lease_open(self->ledger, self->name, 4000, &self->lease);
        if (again(self, "lease", err)) {
            self->renew_ms = 0;
            continue;
        }
        if (!self->leased)
            self->after = 0;
        self->leased = true;
    }
}

static void
insert(load_t *self)
{
    static kt_job_t jobs[GROUP];
    kt_new_job_t    rows[GROUP];
    kt_inserted_t   how[GROUP];
    uint64_t        ids[GROUP];
    size_t          n = 0;
    for (; n < GROUP && self->inserted + n < self->jobs; n++) {
        memset(&jobs[n], 0, sizeof jobs[n]);
        snprintf(jobs[n].message_id, sizeof jobs[n].message_id, "%s-%" PRIu64, self->name, self->inserted + n);
        snprintf(jobs[n].file_path, sizeof jobs[n].file_path, "/music/%" PRIu64 ".flac", self->inserted + n);
        rows[n] = (kt_new_job_t){.job = &jobs[n], .body = "{\"a\":1}", .body_bytes = 7, .wall_ms = kt_clock_wall_ms()};
    }
    while (n && again(self, "insert", self->ledger->ops->insert_jobs(self->ledger, rows, n, how, ids)))
        ;
    self->inserted += n;
}

static size_t
claim(load_t *self, kt_claimed_t *claimed)
{
    size_t n = 0;
    do
        keep_lease(self);
    while (again(self, "claim",
                 self->ledger->ops->claim(self->ledger, &self->lease, GROUP, kt_clock_wall_ms(), claimed, &n)));
    return n;
}

static void
store(load_t *self, kt_claimed_t *claimed, size_t n)
{
    static const char DOCUMENT[] = "{\"success\":true}";
    kt_result_t       results[GROUP];
    kt_stored_t       how[GROUP];
    for (size_t i = 0; i < n; i++) {
        free(claimed[i].body);
        results[i] = (kt_result_t){.id             = claimed[i].id,
                                   .attempt        = 1,
                                   .node_name      = "node",
                                   .document       = DOCUMENT,
                                   .document_bytes = sizeof DOCUMENT - 1,
                                   .processing_us  = 10,
                                   .wall_ms        = kt_clock_wall_ms()};
    }
    while (n && again(self, "store", self->ledger->ops->store(self->ledger, results, n, how)))
        ;
    self->stored += n;
}

static size_t
publish(load_t *self)
{
    kt_outbox_row_t rows[GROUP];
    uint64_t        ids[GROUP];
    size_t          n = 0;
    do
        keep_lease(self);
    while (
        again(self, "take", self->ledger->ops->outbox_take(self->ledger, &self->lease, self->after, GROUP, rows, &n)));
    for (size_t i = 0; i < n; i++) {
        ids[i] = self->after = rows[i].id;
        free(rows[i].bytes);
    }
    while (n && again(self, "done", self->ledger->ops->outbox_done(self->ledger, ids, n, kt_clock_wall_ms())))
        ;
    return n;
}

static bool
is_over(load_t *self, size_t worked)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    kt_totals_t   totals;
    if (!self->jobs)
        return poll(&input, 1, worked ? 0 : PAUSE_MS) > 0;
    if (worked || self->inserted < self->jobs)
        return false;
    while (again(self, "totals", self->ledger->ops->totals(self->ledger, kt_clock_wall_ms(), &totals)))
        ;
    wait_a_little();
    return totals.queued + totals.claimed + totals.outbox_waiting == 0;
}

int
main(int argc, char **argv)
{
    int64_t      jobs = 0;
    load_t       self = {0};
    kt_claimed_t claimed[GROUP];
    char         why[KT_LEDGER_WHY] = "";
    if (argc != 4 || kt_text_to_i64(argv[3], 0, INT64_MAX, &jobs))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    self.name              = argv[2];
    self.jobs              = (uint64_t)jobs;
    kt_settings_t settings = {.database_url = argv[1], .state_dir = "", .amqp_url = "amqp:"};
    kt_err_t      err      = kt_ledger_open(&self.ledger, &settings, true, why);
    if (err) {
        printf("err=%s call=open %s\n", kt_err_name(err), why);
        return 1;
    }
    for (size_t worked = 1; !is_over(&self, worked);) {
        insert(&self);
        worked = claim(&self, claimed);
        store(&self, claimed, worked);
        worked += publish(&self);
        if (worked)
            printf("stored=%" PRIu64 "\n", self.stored);
    }
    printf("end stored=%" PRIu64 "\n", self.stored);
    kt_ledger_close(&self.ledger);
    return 0;
}
