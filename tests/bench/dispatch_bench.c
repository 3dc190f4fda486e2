// dispatch_bench -- how many jobs a second go from the ledger through ROUTER and DEALER (CURVE) to nodes and back into
// the ledger. The coordinator runs in this process over a ledger that is full of jobs; the nodes are processes that
// analyse nothing. The clock runs from the first claim, which waits for all nodes, to the last commit.
//
//   dispatch_bench NODE-PROGRAM [JOBS [SQLITE-JOBS [NODES [BATCH]]]]
//
// Prints a row for the ledger in memory and one for SQLite, and last `dispatch ratio=X`: the first row's rate over the
// 50,000 a second that are required.
#include "common/clock.h"
#include "common/log.h"
#include "common/program.h"
#include "coordinator/access/keys.h"
#include "coordinator/coordinator.h"
#include "proto/job.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NODES_MAX = 64, FILL = 1000, PATH = 1024, GIVE_UP_S = 120 };

static const double REQUIRED = 50000, REQUIRED_SQLITE = 5000;

// A wrapper of the real ledger: closed until the nodes are there; it measures times.
typedef struct gate {
    kt_ledger_t     base;
    kt_ledger_ops_t ops;
    kt_ledger_t    *inner;
    size_t          jobs, stored;
    int64_t         start_us, end_us;
} gate_t;

static atomic_size_t nodes_here;
static size_t        nodes_wanted;

static void
count_hellos(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context;
    if (strcmp(id, "NODE-HELLO") == 0)
        nodes_here++;
    if (level >= KT_LOG_WARN && strcmp(id, "ZAP-REFUSED") != 0)
        fprintf(stderr, "%s %s\n", id, fields);
}

static kt_err_t
gate_claim(kt_ledger_t *base, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    gate_t *self = (gate_t *)(void *)base;
    *n           = 0;
    if (nodes_here < nodes_wanted)
        return KT_OK;
    if (!self->start_us)
        self->start_us = kt_clock_us();
    return self->inner->ops->claim(self->inner, lease, want, wall_ms, out, n);
}

static kt_err_t
gate_store(kt_ledger_t *base, const kt_result_t *results, size_t n, kt_stored_t *how)
{
    gate_t  *self = (gate_t *)(void *)base;
    kt_err_t err  = self->inner->ops->store(self->inner, results, n, how);
    for (size_t i = 0; i < n && !err; i++)
        self->stored += how[i] == KT_STORED_NEW;
    if (self->stored >= self->jobs && !self->end_us) {
        self->end_us = kt_clock_us();
        kill(getpid(), SIGTERM);
    }
    return err;
}

#define INNER(base) (((gate_t *)(void *)(base))->inner)

static kt_err_t
gate_totals(kt_ledger_t *base, int64_t wall_ms, kt_totals_t *out)
{
    return INNER(base)->ops->totals(INNER(base), wall_ms, out);
}

static kt_err_t
gate_open(kt_ledger_t *base, const char *coordinator, int64_t length_ms, kt_lease_t *out)
{
    return INNER(base)->ops->lease_open(INNER(base), coordinator, length_ms, out);
}

static kt_err_t
gate_renew(kt_ledger_t *base, const kt_lease_t *lease)
{
    return INNER(base)->ops->lease_renew(INNER(base), lease);
}

static kt_err_t
gate_release(kt_ledger_t *base, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    return INNER(base)->ops->release(INNER(base), lease, ids, n);
}

static kt_err_t
gate_blame(kt_ledger_t *base, const kt_lease_t *lease, const kt_attempt_t *attempts, size_t n)
{
    return INNER(base)->ops->blame(INNER(base), lease, attempts, n);
}

static kt_err_t
gate_fail(kt_ledger_t *base, const kt_lease_t *lease, const kt_result_t *failures, size_t n, kt_stored_t *how)
{
    return INNER(base)->ops->fail(INNER(base), lease, failures, n, how);
}

static kt_err_t
gate_drained(kt_ledger_t *base, char (*names)[64], size_t capacity, size_t *n)
{
    return INNER(base)->ops->drained(INNER(base), names, capacity, n);
}

static void
gate_close(kt_ledger_t **base_p)
{
    if (*base_p)
        INNER(*base_p)->ops->close(&INNER(*base_p));
    *base_p = NULL;
}

static void
gate_init(gate_t *self, kt_ledger_t *inner, size_t jobs)
{
    *self                 = (gate_t){.inner = inner, .jobs = jobs, .ops = *inner->ops};
    self->ops.claim       = gate_claim;
    self->ops.store       = gate_store;
    self->ops.totals      = gate_totals;
    self->ops.lease_open  = gate_open;
    self->ops.lease_renew = gate_renew;
    self->ops.release     = gate_release;
    self->ops.blame       = gate_blame;
    self->ops.fail        = gate_fail;
    self->ops.drained     = gate_drained;
    self->ops.backfill    = NULL;
    self->ops.fleet       = NULL;
    self->ops.close       = gate_close;
    self->base.ops        = &self->ops;
}

static void
die(const char *what, kt_err_t err, const char *why)
{
    fprintf(stderr, "dispatch_bench: %s: %s %s\n", what, kt_err_name(err), why);
    exit(EXIT_FAILURE);
}

static void
fill(kt_ledger_t *ledger, size_t jobs)
{
    kt_job_t     *parsed = calloc(FILL, sizeof *parsed);
    kt_new_job_t *rows   = calloc(FILL, sizeof *rows);
    char(*bodies)[256]   = calloc(FILL, sizeof *bodies);
    kt_inserted_t how[FILL];
    uint64_t      ids[FILL];
    char          why[KT_JOB_WHY] = "";
    for (size_t done = 0; done < jobs; done += FILL) {
        size_t n = jobs - done < FILL ? jobs - done : FILL;
        for (size_t i = 0; i < n; i++) {
            int      length = snprintf(bodies[i], sizeof bodies[i],
                                       "{\"message_id\":\"job-%zu\",\"file_path\":\"/music/artist/album/%zu.mp3\","
                                            "\"file_format\":\"mp3\",\"file_size\":4194304}",
                                       done + i, done + i);
            kt_err_t err    = kt_job_parse(bodies[i], (size_t)length, &parsed[i], why);
            if (err)
                die("job", err, why);
            rows[i] = (kt_new_job_t){
                .job = &parsed[i], .body = bodies[i], .body_bytes = (size_t)length, .wall_ms = kt_clock_wall_ms()};
        }
        kt_err_t err = ledger->ops->insert_jobs(ledger, rows, n, how, ids);
        if (err)
            die("insert", err, "");
    }
    free(bodies);
    free(rows);
    free(parsed);
}

static void
set(kt_settings_t *settings, const char *name, const char *value)
{
    char     why[KT_SETTINGS_WHY];
    kt_err_t err = kt_settings_set(settings, name, value, why);
    if (err)
        die(name, err, why);
}

static pid_t
start_node(const char *program, const char *folder, const char *router, const char *batch, size_t number)
{
    char       name[32], path[PATH];
    kt_curve_t key;
    snprintf(name, sizeof name, "bench-%zu", number);
    snprintf(path, sizeof path, "%s/keys/node-%s", folder, name);
    kt_err_t err = kt_curve_load_or_make(path, &key);
    if (!err)
        err = kt_keys_allow(folder, key.public_key, name);
    if (err)
        die("key", err, path);
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setenv("ANALYZER_STATE_DIR", folder, 1);
    setenv("ANALYZER_NODE_NAME", name, 1);
    setenv("ANALYZER_COORDINATORS", router, 1);
    setenv("ANALYZER_TEST_FAULT", "noop", 1);
    setenv("ANALYZER_WORKERS", "1", 1);
    setenv("ANALYZER_BATCH_SIZE", batch, 1);
    setenv("ANALYZER_LOG_LEVEL", "ERROR", 1);
    execl(program, "kithara-node", (char *)NULL);
    _exit(127);
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

static double
cpu_s(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

typedef struct run {
    const char *program, *batch;
    size_t      jobs, nodes;
    bool        sqlite;
} run_t;

static kt_ledger_t *
open_ledger(const run_t *run, const char *folder)
{
    char         path[PATH], why[KT_LEDGER_WHY] = "";
    kt_ledger_t *ledger = NULL;
    snprintf(path, sizeof path, "%s/ledger.sqlite", folder);
    kt_err_t err = run->sqlite ? kt_ledger_sqlite_open(&ledger, path, true, why) : kt_ledger_memory_open(&ledger);
    if (err)
        die("ledger", err, why);
    fill(ledger, run->jobs);
    return ledger;
}

// Jobs a second.
static double
measure(const run_t *run, int signal_fd)
{
    char              folder[] = "/tmp/kithara-dispatch-XXXXXX", why[KT_LEDGER_WHY] = "";
    char             *nothing[] = {NULL};
    kt_settings_t     settings;
    kt_coordinator_t *coordinator = NULL;
    gate_t            gate;
    pid_t             pids[NODES_MAX];
    if (!mkdtemp(folder) || kt_settings_load(&settings, NULL, nothing, why))
        die("start", KT_ESYSTEM, why);
    set(&settings, "ANALYZER_STATE_DIR", folder);
    set(&settings, "ANALYZER_ROUTER_BIND", "tcp://127.0.0.1:0");
    set(&settings, "ANALYZER_HTTP_BIND", "127.0.0.1:0");
    set(&settings, "ANALYZER_BATCH_SIZE", run->batch);
    gate_init(&gate, open_ledger(run, folder), run->jobs);
    kt_ledger_t *base = &gate.base;
    nodes_here        = 0;
    nodes_wanted      = run->nodes;
    kt_err_t err      = kt_coordinator_new(&coordinator, &settings, &base, why);
    if (err)
        die("coordinator", err, why);
    for (size_t i = 0; i < run->nodes; i++)
        pids[i] = start_node(run->program, folder, kt_coordinator_router(coordinator), run->batch, i);
    double own_s = cpu_s(RUSAGE_SELF), nodes_s = cpu_s(RUSAGE_CHILDREN);
    alarm(GIVE_UP_S);
    err = kt_coordinator_run(coordinator, signal_fd);
    for (size_t i = 0; i < run->nodes; i++)
        kill(pids[i], SIGKILL);
    for (size_t i = 0; i < run->nodes; i++)
        waitpid(pids[i], NULL, 0);
    own_s   = cpu_s(RUSAGE_SELF) - own_s;
    nodes_s = cpu_s(RUSAGE_CHILDREN) - nodes_s;
    kt_coordinator_destroy(&coordinator);
    if (err || gate.stored < run->jobs)
        die("run", err ? err : KT_ETIME, "not every job was stored");
    double seconds = (double)(gate.end_us - gate.start_us) * 1e-6;
    printf("%-8s %8zu jobs %2zu nodes batch %-4s %8.3f s %9.0f jobs/s   CPU us a job: coordinator %.1f, nodes %.1f\n",
           run->sqlite ? "sqlite" : "memory", run->jobs, run->nodes, run->batch, seconds, (double)run->jobs / seconds,
           own_s * 1e6 / (double)run->jobs, nodes_s * 1e6 / (double)run->jobs);
    fflush(stdout);
    kt_settings_fini(&settings);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return (double)run->jobs / seconds;
}

static size_t
argument(int argc, char **argv, int index, size_t fallback)
{
    return argc > index ? strtoul(argv[index], NULL, 10) : fallback;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: dispatch_bench NODE-PROGRAM [JOBS [SQLITE-JOBS [NODES [BATCH]]]]\n");
        return 2;
    }
    int   signal_fd = kt_program_signals();
    run_t run       = {.program = argv[1],
                       .jobs    = argument(argc, argv, 2, 200000),
                       .nodes   = argument(argc, argv, 4, 4),
                       .batch   = argc > 5 ? argv[5] : "256"};
    kt_log_setup(KT_LOG_INFO, KT_LOG_TEXT, "dispatch_bench");
    kt_log_set_sink(count_hellos, NULL);
    double rate = measure(&run, signal_fd);
    run.sqlite  = true;
    run.jobs    = argument(argc, argv, 3, 50000);
    double slow = run.jobs ? measure(&run, signal_fd) : 0;
    printf("required: memory %.0f/s, sqlite %.0f/s%s\n", REQUIRED, REQUIRED_SQLITE,
           run.jobs && slow < REQUIRED_SQLITE ? " (not reached)" : "");
    printf("dispatch ratio=%.2f\n", rate / REQUIRED);
    return 0;
}
