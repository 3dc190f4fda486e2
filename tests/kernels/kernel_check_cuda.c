// kernel_check_cuda [--seeds N] [--first SEED] [--quick] [--only NAME] -- proves each CUDA kernel equal to its
// reference within tolerances.def, on the simulator with N orders of its threads (5), or on the GPU that is there.
// --quick leaves out long spans, --only runs one group of the checks. Closes with one line; exit 1 if anything failed,
// 2 for bad usage, 77 without a GPU: no driver or no device. A driver that is there and fails is a failure.
#include "tests/bench/gpu_probe.h"
#include "tests/kernels/check_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef KT_CUDA_SIM
#include "tests/cudasim/cudasim.h"
#endif

// What the simulator reported during the checks; on a GPU the sanitizer of the toolkit does the same (ops/check gpu).
static void
check_reports(unsigned long seed)
{
#ifdef KT_CUDA_SIM
    check(cudasim_finish() == 0, "the simulator has %zu reports with seed %lu", cudasim_report_count(), seed);
#else
    (void)seed;
    check(cudaDeviceSynchronize() == cudaSuccess, "the device: %s", cudaGetErrorString(cudaGetLastError()));
#endif
}

typedef struct options {
    unsigned long seeds, first;
    bool          quick;
    const char   *only;  // NULL: all groups
} options_t;

static void
check_all_rows(bool all)
{
    if (all)
        check_rows(&cuda_ops);
}

static void
check_all_edges(bool all)
{
    if (all)
        check_edges(&cuda_ops);
}

static void
check_all_traffic(bool all)
{
    if (all)
        check_traffic();
}

static const struct {
    const char *name;
    void (*run)(bool all);
} GROUPS[] = {
    {"rows", check_all_rows},        {"edges", check_all_edges},      {"batches", check_batches},
    {"segments", check_segments},    {"images", check_cuda_images},   {"traffic", check_all_traffic},
    {"cqt", check_cuda_cqt},         {"columns", check_cuda_columns}, {"rises", check_cuda_rises},
    {"source", check_cuda_source},   {"bass", check_cuda_bass},       {"cents", check_cuda_cents},
    {"quality", check_cuda_quality},
};
enum { N_GROUPS = sizeof GROUPS / sizeof *GROUPS };

// The first order of threads runs everything; the others what depends on an order: everything but the longer spans.
static void
run_checks(const options_t *options, unsigned long seed, bool all)
{
#ifdef KT_CUDA_SIM
    cudasim_reset(seed);
#endif
    const unsigned before = checks.passed;
    for (size_t i = 0; i < N_GROUPS; i++)
        if (!options->only || strcmp(options->only, GROUPS[i].name) == 0)
            GROUPS[i].run(all);
    device_release(true);
    check_reports(seed);
    printf("seed %lu: %u checks hold\n", seed, checks.passed - before);
    fflush(stdout);
}

// False: bad usage.
static bool
read_options(int argc, char **argv, options_t *out)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--quick") == 0) {
            out->quick = true;
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--seeds") == 0) {
            out->seeds = strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0) {
            out->first = strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            out->only    = value;
            size_t known = 0;
            while (known < N_GROUPS && strcmp(GROUPS[known].name, value) != 0)
                known++;
            if (known == N_GROUPS)
                return false;
        } else {
            return false;
        }
        i++;
    }
    return true;
}

int
main(int argc, char **argv)
{
    int       devices = 0;
    options_t options = {.seeds = 5, .first = 1};
    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: kernel_check_cuda [--seeds N] [--first SEED] [--quick]\n"
                        "                         [--only "
                        "rows|edges|batches|segments|images|traffic|cqt|columns|rises|source|bass|cents|quality]\n");
        return 2;
    }
    const cudaError_t error = gpu_probe(&devices);
    if (error == cudaErrorNoDevice) {
        printf("0 passed, 0 failed, 1 skipped\n");
        return 77;
    }
    if (error) {
        printf("the device: %s: %s\n0 passed, 1 failed\n", cudaGetErrorName(error), cudaGetErrorString(error));
        return 1;
    }
#ifndef KT_CUDA_SIM
    options.seeds = 1;  // a GPU has an order of its own
#endif
    for (unsigned long i = 0; i < options.seeds; i++)
        run_checks(&options, options.first + i, i == 0 && !options.quick);
    printf("%u passed, %u failed\n", checks.passed, checks.failed);
    return checks.failed ? 1 : 0;
}
