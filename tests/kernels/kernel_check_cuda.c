// kernel_check_cuda [--seeds N] [--first SEED] -- proves each CUDA kernel equal to its reference within tolerances.def,
// on the simulator with N orders of its threads (5), or on the GPU that is there. Closes with one line; exit 1 if
// anything failed, 2 for bad usage, 77 without a GPU.
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

// The first order of threads runs everything; the others what depends on an order: everything but the longer spans.
static void
run_checks(unsigned long seed, bool all)
{
#ifdef KT_CUDA_SIM
    cudasim_reset(seed);
#endif
    const unsigned before = checks.passed;
    if (all) {
        check_rows(&cuda_ops);
        check_edges(&cuda_ops);
    }
    check_batches(all);
    check_segments(all);
    check_cuda_images(all);
    if (all)
        check_traffic();
    device_release(true);
    check_reports(seed);
    printf("seed %lu: %u checks hold\n", seed, checks.passed - before);
    fflush(stdout);
}

static unsigned long
option(int argc, char **argv, const char *name, unsigned long fallback)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return strtoul(argv[i + 1], NULL, 10);
    return fallback;
}

int
main(int argc, char **argv)
{
    int devices = 0;
    if (argc % 2 == 0) {
        fprintf(stderr, "usage: kernel_check_cuda [--seeds N] [--first SEED]\n");
        return 2;
    }
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        printf("0 passed, 0 failed, 1 skipped\n");
        return 77;
    }
    const unsigned long first = option(argc, argv, "--first", 1);
#ifdef KT_CUDA_SIM
    const unsigned long seeds = option(argc, argv, "--seeds", 5);
#else
    const unsigned long seeds = 1;  // a GPU has an order of its own
#endif
    for (unsigned long i = 0; i < seeds; i++)
        run_checks(first + i, i == 0);
    printf("%u passed, %u failed\n", checks.passed, checks.failed);
    return checks.failed ? 1 : 0;
}
