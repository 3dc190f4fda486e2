// Loads plugin.so while a thread is already there, runs its kernel on several threads, right and wrong; and asks its
// NVML.
#include "tests/cudasim/cudasim.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *library;

static void *
symbol(const char *name)
{
    void *found = library ? dlsym(library, name) : NULL;
    if (!found) {
        fprintf(stderr, "no %s: %s\n", name, dlerror());
        exit(1);
    }
    return found;
}

static void *
run(void *wanted)
{
    int (*plugin_run)(int) = (int (*)(int))symbol("plugin_run");
    return (void *)(intptr_t)plugin_run((int)(intptr_t)wanted);
}

static int
on_thread(int floats)
{
    pthread_t thread;
    void     *result = NULL;
    if (pthread_create(&thread, NULL, run, (void *)(intptr_t)floats))
        return -1;
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

int
main(int argc, char **argv)
{
    library                       = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    size_t (*reports)(void)       = (size_t(*)(void))symbol("cudasim_report_count");
    void (*quiet)(bool)           = (void (*)(bool))symbol("cudasim_quiet");
    void (*reset)(uint64_t)       = (void (*)(uint64_t))symbol("cudasim_reset");
    int (*nvml_init)(void)        = (int (*)(void))symbol("nvmlInit_v2");
    int (*nvml_count)(unsigned *) = (int (*)(unsigned *))symbol("nvmlDeviceGetCount_v2");
    unsigned devices              = 0;
    int      failed               = 0;
    if (argc > 2) {
        (void)on_thread(63);
        return 0;
    }
    quiet(true);
    for (int i = 0; i < 3; i++)
        failed += on_thread(64) != 0;
    failed += run((void *)(intptr_t)64) != NULL;
    failed += reports() != 0;
    failed += on_thread(63) == 0;  // one float too few
    failed += reports() != 1;
    reset(0);
    failed += nvml_init() != 0 || nvml_count(&devices) != 0 || devices != 1;
    printf("plugin: %d failed\n", failed);
    return failed != 0;
}
