// Runs every case of cases.def under several seeds: a broken one must be reported, by its own kind and no other; a
// right one must give the right numbers and no report.
//   cudasim_test [--seeds N] [--verbose] [CASE...]
#include "cases.h"
#include "tests/cudasim/cudasim.h"

#include <cstring>

static int         wrong_count;
static bool        verbose;
static const char *current;

void
wrong(const char *file, int line, const char *what)
{
    if (!wrong_count++)
        fprintf(stderr, "%s: %s:%d: not so: %s\n", current, file, line, what);
}

static const struct {
    const char *name;
    void (*run)(void);
    cudasim_kind_t kind;
} CASES[] = {
#define CASE(name, kind) {#name, name, kind},
#include "cases.def"
#undef CASE
};

// Whether a stream's work comes early or late is the seed's choice; a mistake there shows in some orders alone. The
// first two seeds put everything off as long as possible; only the others run work of two streams at the same time.
static bool
needs_luck(cudasim_kind_t kind, uint64_t seed)
{
    if (kind == CUDASIM_RACE_LAUNCHES)
        return true;
    return seed >= 2 && (kind == CUDASIM_MISSING_SYNC || kind == CUDASIM_REUSED_BUFFER ||
                         kind == CUDASIM_USE_AFTER_FREE || kind == CUDASIM_UNINITIALISED);
}

// Who reads before the other has written finds nothing there yet, in an order that makes it so.
static bool
follows_from(cudasim_kind_t found, cudasim_kind_t kind)
{
    return found == CUDASIM_SHARED_UNINITIALISED && (kind == CUDASIM_RACE || kind == CUDASIM_RACE_WARP);
}

static bool
accepted(size_t i, uint64_t seed)
{
    cudasim_kind_t kind = CASES[i].kind;
    size_t         n    = cudasim_report_count();
    bool           fine = !wrong_count && (cudasim_reports_of(kind) || kind == CUDASIM_NONE || needs_luck(kind, seed));
    for (size_t r = 0; r < n; r++)
        fine &= cudasim_report(r)->kind == kind || follows_from(cudasim_report(r)->kind, kind);
    if (!fine || verbose)
        fprintf(stderr, "%s %s, seed %llu: %zu reports, expected: %s\n", fine ? "ok" : "FAILED", CASES[i].name,
                (unsigned long long)seed, n, cudasim_kind_name(kind));
    if (!fine || verbose)
        cudasim_print_reports();
    return fine;
}

int
main(int argc, char **argv)
{
    uint64_t    seeds  = 6;
    const char *only   = nullptr;
    int         passed = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
            seeds = strtoull(argv[++i], nullptr, 10);
        else if (!strcmp(argv[i], "--verbose"))
            verbose = true;
        else
            only = argv[i];
    }
    cudasim_quiet(true);
    cudasim_set_devices(2);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool fine = true;
        if (only && strcmp(only, CASES[i].name))
            continue;
        current    = CASES[i].name;
        bool found = CASES[i].kind == CUDASIM_NONE;
        for (uint64_t seed = 0; seed < seeds; seed++) {
            cudasim_reset(seed);
            wrong_count = 0;
            CASES[i].run();
            cudasim_finish();
            fine &= accepted(i, seed);
            found |= cudasim_reports_of(CASES[i].kind) > 0;
        }
        if (!found && fine)
            fprintf(stderr, "FAILED %s: no seed shows it\n", CASES[i].name);
        fine &= found;
        fine ? passed++ : failed++;
    }
    cudasim_reset(0);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
