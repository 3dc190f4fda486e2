// ledger_bench -- how many jobs a second a ledger takes in, claims and stores, in groups as the actor makes them.
//
//   ledger_bench sqlite:/var/tmp/bench.sqlite 100000 1024     ledger, jobs, bytes of a document
//   ledger_bench memory: 1000000 64
//   ledger_bench postgresql://... 100000 1024 publish         with the outbox: taken and confirmed
//   ledger_bench sqlite:/var/tmp/bench.sqlite 100000 FILE     a message with features, whose tempo differs from job to
//   job
//
// Each phase is a row: jobs a second, time outside the ledger left out; `overall` counts a job once for all of them.
// The ledger must be new (PostgreSQL: migrated); it is audited at the end, and kept for inspection.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/open/open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GROUP = 512, BODY_BYTES = 500, DOCUMENT_MAX = 16 << 20 };

typedef struct bench {
    int64_t         spent_us;  // within the ledger, in this phase
    kt_ledger_t    *ledger;
    kt_lease_t      lease;
    char           *document;
    size_t          document_bytes;
    size_t          tempo_at;                    // of the seven digits of the tempo; 0: the documents are all the same
    size_t          id_at, path_at, path_bytes;  // of the message_id, and of the file_path with its length
    char           *copies[GROUP];
    char            body[BODY_BYTES + 1];
    kt_job_t        job[GROUP];
    kt_new_job_t    row[GROUP];
    kt_inserted_t   inserted[GROUP];
    uint64_t        numbers[GROUP];
    kt_claimed_t    claimed[GROUP];
    kt_result_t     results[GROUP];
    kt_stored_t     stored[GROUP];
    uint64_t        after;  // the last outbox row that was taken
    kt_outbox_row_t rows[GROUP];
} bench_t;

static void
stop_on(kt_err_t err, const char *what)
{
    if (!err)
        return;
    fprintf(stderr, "ledger_bench: %s: %s: %s\n", kt_err_name(err), what, kt_err_text(err));
    exit(1);
}

// message_ids as they come in practice: in no order.
static void
make_job(bench_t *self, size_t i, uint64_t number)
{
    kt_digest_t digest;
    kt_digest_of(&number, sizeof number, &digest);
    kt_digest_uuid(&digest, self->job[i].message_id);
    if (self->path_bytes)
        snprintf(self->job[i].file_path, sizeof self->job[i].file_path, "/%0*" PRIu64, (int)self->path_bytes - 1,
                 number);
    else
        snprintf(self->job[i].file_path, sizeof self->job[i].file_path, "/srv/music/artist/album/%08" PRIu64 ".flac",
                 number);
    self->job[i].priority    = KT_PRIORITY_NORMAL;
    self->job[i].body_digest = digest;
    self->row[i] = (kt_new_job_t){.job = &self->job[i], .body = self->body, .body_bytes = BODY_BYTES, .wall_ms = 1};
}

static void
insert(bench_t *self, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        make_job(self, i, first + i);
    self->spent_us -= kt_clock_us();
    stop_on(self->ledger->ops->insert_jobs(self->ledger, self->row, n, self->inserted, self->numbers), "insert");
    self->spent_us += kt_clock_us();
}

static void
claim(bench_t *self, uint64_t first, size_t n)
{
    size_t got = 0;
    (void)first;
    self->spent_us -= kt_clock_us();
    stop_on(self->ledger->ops->claim(self->ledger, &self->lease, n, 2, self->claimed, &got), "claim");
    self->spent_us += kt_clock_us();
    stop_on(got == n ? KT_OK : KT_ESTATE, "claim");
    for (size_t i = 0; i < n; i++)
        free(self->claimed[i].body);
}

enum { TEMPO_DIGITS = 7, ID_BYTES = 36 };

// The document of a job: 100 to 200 BPM, in no order.
static const char *
document_of(bench_t *self, uint64_t job, size_t i)
{
    char tempo[TEMPO_DIGITS + 17];
    if (self->tempo_at)
        make_job(self, i, job);
    if (!self->tempo_at)
        return self->document;
    if (!self->copies[i]) {
        self->copies[i] = malloc(self->document_bytes);
        stop_on(self->copies[i] ? KT_OK : KT_ENOMEM, "document");
        memcpy(self->copies[i], self->document, self->document_bytes);
    }
    snprintf(tempo, sizeof tempo, "%07.3f", 100 + (double)(job * 7919 % 100000) / 1000);
    memcpy(self->copies[i] + self->tempo_at, tempo, TEMPO_DIGITS);
    memcpy(self->copies[i] + self->id_at, self->job[i].message_id, ID_BYTES);
    memcpy(self->copies[i] + self->path_at, self->job[i].file_path, self->path_bytes);
    return self->copies[i];
}

static void
store(bench_t *self, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        self->results[i] = (kt_result_t){.id             = {first + i, 1},
                                         .attempt        = 1,
                                         .node_name      = "node-a",
                                         .document       = document_of(self, first + i, i),
                                         .document_bytes = self->document_bytes,
                                         .processing_us  = 1000,
                                         .wall_ms        = 3,
                                         .n_stages       = 2,
                                         .stages         = {{"decode", 400}, {"spectral", 600}}};
    self->spent_us -= kt_clock_us();
    stop_on(self->ledger->ops->store(self->ledger, self->results, n, self->stored), "store");
    self->spent_us += kt_clock_us();
    for (size_t i = 0; i < n; i++)
        stop_on(self->stored[i] == KT_STORED_NEW ? KT_OK : KT_ESTATE, "store");
}

static void
take(bench_t *self, uint64_t first, size_t n)
{
    size_t got = 0;
    (void)first;
    for (size_t all = 0; all < n; all += got) {
        self->spent_us -= kt_clock_us();
        stop_on(self->ledger->ops->outbox_take(self->ledger, &self->lease, self->after, n - all, self->rows, &got),
                "take");
        self->spent_us += kt_clock_us();
        stop_on(got ? KT_OK : KT_ESTATE, "take");
        for (size_t i = 0; i < got; i++) {
            self->numbers[all + i] = self->after = self->rows[i].id;
            free(self->rows[i].bytes);
        }
    }
}

static void
publish(bench_t *self, uint64_t first, size_t n)
{
    take(self, first, n);
    self->spent_us -= kt_clock_us();
    stop_on(self->ledger->ops->outbox_done(self->ledger, self->numbers, n, 4), "done");
    self->spent_us += kt_clock_us();
}

static double
phase(bench_t *self, const char *name, void (*work)(bench_t *, uint64_t, size_t), uint64_t jobs)
{
    self->spent_us = 0;
    for (uint64_t first = 1; first <= jobs; first += GROUP)
        work(self, first, jobs - first + 1 < GROUP ? (size_t)(jobs - first + 1) : GROUP);
    double seconds = (double)self->spent_us * 1e-6;
    printf("%-8s %10.0f jobs/s\n", name, (double)jobs / seconds);
    return seconds;
}

// A message of that size without features, as no-op work has it; too small for one, it is no message.
static void
make_document(bench_t *self, size_t bytes)
{
    static const char HEAD[] = "{\"success\":true,\"padding\":\"", TAIL[] = "\"}";
    const size_t      head = sizeof HEAD - 1, tail = sizeof TAIL - 1;
    self->document_bytes = bytes;
    self->document       = malloc(bytes + 1);
    stop_on(self->document ? KT_OK : KT_ENOMEM, "document");
    memset(self->document, 'd', bytes);
    if (self->document_bytes < head + tail)
        return;
    memcpy(self->document, HEAD, head);
    memcpy(self->document + self->document_bytes - tail, TAIL, tail);
}

// Where the text of a member begins, and its length.
static size_t
text_of(const bench_t *self, const char *member, size_t *bytes)
{
    char        name[32];
    const char *at;
    snprintf(name, sizeof name, "\"%s\":\"", member);
    at = strstr(self->document, name);
    stop_on(at ? KT_OK : KT_EDOCUMENT, member);
    at += strlen(name);
    *bytes = strcspn(at, "\"");
    return (size_t)(at - self->document);
}

// A message from a file, with a tempo of seven digits ("tempo":120.000). Its message_id and file_path become the jobs'.
static void
read_document(bench_t *self, const char *path)
{
    static const char TEMPO[] = "\"tempo\":";
    FILE             *file    = fopen(path, "re");
    self->document            = malloc(DOCUMENT_MAX + 1);
    stop_on(!file ? KT_ENOFILE : self->document ? KT_OK : KT_ENOMEM, path);
    self->document_bytes                 = fread(self->document, 1, DOCUMENT_MAX, file);
    self->document[self->document_bytes] = '\0';
    fclose(file);
    const char *tempo = strstr(self->document, TEMPO);
    stop_on(tempo ? KT_OK : KT_EDOCUMENT, path);
    self->tempo_at = (size_t)(tempo - self->document) + strlen(TEMPO);
    stop_on(strspn(self->document + self->tempo_at, "0123456789.") == TEMPO_DIGITS ? KT_OK : KT_EDOCUMENT, path);
    size_t id_bytes;
    self->id_at   = text_of(self, "message_id", &id_bytes);
    self->path_at = text_of(self, "file_path", &self->path_bytes);
    stop_on(id_bytes == ID_BYTES && self->path_bytes > 12 ? KT_OK : KT_EDOCUMENT, path);
}

static void
tell(void *context, kt_run_id_t id, const char *finding)
{
    ++*(size_t *)context;
    printf("job %" PRIu64 ": %s\n", id.job, finding);
}

static void
audit(bench_t *self, uint64_t jobs)
{
    size_t   findings = 0;
    uint64_t rows     = 0;
    int64_t  start_us = kt_clock_us();
    stop_on(self->ledger->ops->audit(self->ledger, tell, &findings, &rows), "audit");
    printf("%-8s %10.0f rows/s, %zu findings\n", "audit", (double)rows / ((double)(kt_clock_us() - start_us) * 1e-6),
           findings);
    stop_on(findings || rows < jobs ? KT_ESTATE : KT_OK, "audit");
}

static kt_err_t
open_ledger(bench_t *self, const char *url)
{
    char          why[KT_LEDGER_WHY] = "";
    kt_settings_t settings           = {.database_url = url, .state_dir = "", .amqp_url = ""};
    kt_err_t      err                = kt_ledger_open(&self->ledger, &settings, true, why);
    if (err)
        fprintf(stderr, "ledger_bench: %s: %s\n", kt_err_name(err), why);
    return err;
}

int
main(int argc, char **argv)
{
    int64_t  jobs = 0, bytes = 0;
    bench_t *self      = calloc(1, sizeof *self);
    bool     publishes = argc == 5 && strcmp(argv[4], "publish") == 0;
    if ((argc != 4 && !publishes) || !self || kt_text_to_i64(argv[2], 1, INT64_MAX / 2, &jobs) ||
        (kt_text_to_i64(argv[3], 0, DOCUMENT_MAX, &bytes) && access(argv[3], R_OK) != 0)) {
        fprintf(stderr, "usage: ledger_bench sqlite:PATH|memory:|postgresql:... JOBS DOCUMENT_BYTES|FILE [publish]\n");
        return 2;
    }
    if (open_ledger(self, argv[1]))
        return 1;
    self->ledger->publishes = publishes;
    memset(self->body, 'b', BODY_BYTES);
    if (access(argv[3], R_OK) == 0)
        read_document(self, argv[3]);
    else
        make_document(self, (size_t)bytes);
    stop_on(self->ledger->ops->lease_open(self->ledger, "bench", 3600 * 1000, &self->lease), "lease");
    double seconds = phase(self, "insert", insert, (uint64_t)jobs) + phase(self, "claim", claim, (uint64_t)jobs) +
                     phase(self, "store", store, (uint64_t)jobs);
    if (publishes)
        seconds += phase(self, "publish", publish, (uint64_t)jobs);
    printf("%-8s %10.0f jobs/s\n", "overall", (double)jobs / seconds);
    audit(self, (uint64_t)jobs);
    kt_ledger_close(&self->ledger);
    for (size_t i = 0; i < GROUP; i++)
        free(self->copies[i]);
    free(self->document);
    free(self);
    return 0;
}
