// sim --seeds N [--first S] [--until-failure] | --mutations | --throughput: runs worlds and prints `N passed, N
// failed`. A failing seed is named with its step and reason; `sim --seeds 1 --first SEED` repeats it exactly.
#include "common/log.h"
#include "tests/sim/sim.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sim_t world;

// kt_assert aborts: the seed fails, and the next one runs.
static void
on_abort(int signal_number)
{
    (void)signal_number;
    snprintf(world.why, sizeof world.why, "an assertion failed (see above)");
    longjmp(world.failed, 1);
}

static void
catch_aborts(void)
{
    struct sigaction action = {.sa_handler = on_abort, .sa_flags = SA_NODEFER};
    sigaction(SIGABRT, &action, NULL);
}

static bool
run_seed(uint64_t seed, sim_mutation_t mutation)
{
    bool passed = sim_run(&world, seed, mutation);
    if (!passed && mutation == SIM_MUTATION_NONE)
        printf("seed %llu failed at step %llu, %.3f s: %s\n", (unsigned long long)seed, (unsigned long long)world.steps,
               (double)world.now_ms / 1e3, world.why);
    return passed;
}

static void
say_counts(const sim_counts_t *n)
{
    const struct {
        const char *what;
        uint64_t    count;
    } rows[] = {
        {"worlds with two coordinators", n->two_sided},
        {"coordinators killed between two actions", n->coordinator_kills},
        {"coordinators frozen and thawed", n->coordinator_freezes},
        {"coordinators ended in order", n->coordinator_ends},
        {"leases stolen", n->leases_lost},
        {"jobs claimed again under another lease", n->take_overs},
        {"jumps of the ledger's clock", n->clock_jumps},
        {"times without the ledger", n->ledger_downs},
        {"commits whose answer was lost", n->unknown_commits},
        {"calls that failed", n->disk_errors},
        {"requests that waited for room", n->overflows},
        {"steps without memory", n->no_memory},
        {"messages about runs that a node did not have", n->lies},
        {"nodes killed", n->node_kills},
        {"nodes killed by a file", n->node_crashes},
        {"nodes whose workers stood still", n->freezes},
        {"files taken back, not begun", n->taken_waiting},
        {"files taken back from stalled nodes", n->taken_stalled},
        {"nodes that left", n->leaves},
        {"connections cut", n->cuts},
        {"connections replaced", n->reconnects},
        {"messages lost", n->lost},
        {"messages repeated", n->repeated},
        {"jobs cancelled", n->cancels},
        {"jobs run again", n->retries},
        {"blames", n->blames},
        {"requests lost with their coordinator", n->lost_requests},
        {"messages published", n->published},
        {"of them repeated", n->republished},
        {"returned or refused by the broker", n->returned},
        {"lost on the way to the broker", n->lost_publishes},
        {"confirms lost", n->lost_confirms},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%12llu %s\n", (unsigned long long)rows[i].count, rows[i].what);
}

static int
run_seeds(uint64_t first, uint64_t n, bool until_failure)
{
    uint64_t        failed = 0, steps = 0, run = 0, slowest = 0;
    int64_t         slowest_ms = 0;
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (; run < n && !(until_failure && failed); run++) {
        failed += !run_seed(first + run, SIM_MUTATION_NONE);
        steps += world.steps;
        if (world.now_ms > slowest_ms)
            slowest_ms = world.now_ms, slowest = first + run;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took_s = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    say_counts(&sim_counts);
    printf("%.0f seeds/s, %.0f steps/s; longest world: seed %llu, %.0f s\n", (double)run / took_s,
           (double)steps / took_s, (unsigned long long)slowest, (double)slowest_ms / 1e3);
    printf("%llu passed, %llu failed\n", (unsigned long long)(run - failed), (unsigned long long)failed);
    return failed ? 1 : 0;
}

// Each broken rule must be noticed within some seeds: a simulator that cannot fail proves nothing.
static int
run_mutations(void)
{
    enum { TRIES = 300 };
    int missed = 0;
    for (int mutation = 1; mutation < SIM_MUTATIONS; mutation++) {
        uint64_t seed = 1;
        while (seed <= TRIES && run_seed(seed, (sim_mutation_t)mutation))
            seed++;
        if (seed > TRIES)
            printf("mutation %d was not noticed in %d seeds\n", mutation, TRIES), missed++;
        else
            printf("mutation %d noticed at seed %llu: %s\n", mutation, (unsigned long long)seed, world.why);
    }
    printf("%d passed, %d failed\n", SIM_MUTATIONS - 1 - missed, missed);
    return missed ? 1 : 0;
}

static void
log_nothing(void *context, kt_log_level_t level, const char *id, const char *fields)
{
    (void)context, (void)level, (void)id, (void)fields;
}

int
main(int argc, char **argv)
{
    uint64_t n = 100, first = 1;
    bool     mutations = false, until_failure = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0) {
            mutations = true;
        } else if (strcmp(argv[i], "--until-failure") == 0) {
            until_failure = true;
        } else if (strcmp(argv[i], "--throughput") == 0) {
            return sim_throughput();
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            n = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: sim --seeds N [--first S] [--until-failure] | --mutations | --throughput\n");
            return 2;
        }
    }
    catch_aborts();
    mallopt(M_MMAP_THRESHOLD, 256 << 10);  // else it grows, and large zeroed arrays are written
    kt_log_setup(KT_LOG_ERROR, KT_LOG_TEXT, "sim");
    kt_log_set_sink(log_nothing, NULL);
    return mutations ? run_mutations() : run_seeds(first, n, until_failure);
}
