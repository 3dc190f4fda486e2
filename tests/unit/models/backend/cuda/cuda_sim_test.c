// The executor on the simulated device, by the simulated cuDNN and by its own kernels alone.
#include "common/log.h"
#include "tests/unit/models/backend/conformance.h"
#include "tests/unit/models/backend/cpu/net.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY KT_BINARY_DIR "/bin/libkithara-cuda-models-sim.so"

// Sums in float, of at most some thousand products; the reference sums in double.
static const float TOLERANCE = 1e-5f;

static const kt_exec_opts_t BY_CUDNN = {0}, BY_OWN_KERNELS = {.isa = "own"};

static void *
symbol(const char *name)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    cr_assert(library, "%s", dlerror());
    void *found = dlsym(library, name);
    cr_assert(found, "%s", name);
    return found;
}

static void
use_sim(const char *seed)
{
    if (access(LIBRARY, R_OK))
        cr_skip_test("no C++ compiler made the simulated device");
    setenv("KITHARA_CUDA_MODELS_LIBRARY", LIBRARY, 1);
    setenv("KITHARA_CUDNN_LIBRARY", LIBRARY, 1);
    setenv("KITHARA_SIM_SEED", seed, 1);
    kt_log_setup(KT_LOG_ERROR, KT_LOG_TEXT, "test");
}

// Nothing that a GPU would punish, and nothing left behind.
static void
check_clean(void)
{
    size_t (*finish)(void) = (size_t(*)(void))(uintptr_t)symbol("cudasim_finish");
    cr_expect_eq(finish(), 0);
}

static void
fail_call(const char *call, uint64_t n, int error)
{
    void (*set)(const char *, uint64_t, int) = (void (*)(const char *, uint64_t, int))(uintptr_t)symbol("cudasim_fail");
    set(call, n, error);
}

// Removes a folder of files; their number.
static size_t
remove_files(const char *folder)
{
    char           path[PATH_MAX];
    size_t         n   = 0;
    DIR           *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        n += snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) > 0 && unlink(path) == 0;
    if (dir)
        closedir(dir);
    (void)rmdir(folder);
    return n;
}

static void
run_all(const kt_exec_opts_t *opts, bool fuse)
{
    const conformance_case_t *cases;
    char                      why[CONFORMANCE_WHY];
    for (size_t i = 0, n = conformance_cases(&cases); i < n; i++)
        cr_expect(conformance_run(&cases[i], &kt_backend_cuda, opts, fuse, TOLERANCE, why), "%s", why);
    check_clean();
}

Test(cuda_sim, cudnn_and_kernels_give_the_results_of_numpy)
{
    use_sim("0");
    run_all(&BY_CUDNN, false);
}

Test(cuda_sim, kernels_alone_give_the_results_of_numpy)
{
    use_sim("7");
    run_all(&BY_OWN_KERNELS, false);
}

Test(cuda_sim, the_fused_graph_gives_them_in_any_order_of_threads)
{
    use_sim("5");
    run_all(&BY_CUDNN, true);
}

// A small residual network, with what follows convolutions in real ones.
static const net_text_t RESIDUAL = {
    .name = "residual",
    .graph =
        "{'inputs':[{'name':'x','shape':['N',4,9,'W']}],'nodes':["
        "{'op':'conv','in':['x','w','b'],'out':['a'],'pad':[1,1,1,1]},{'op':'relu','in':['a'],'out':['c']},"
        "{'op':'conv','in':['c','v'],'out':['d'],'pad':[1,1,1,1],'groups':4},"
        "{'op':'add','in':['x','d'],'out':['e']},{'op':'clip','in':['e'],'out':['f']},"
        "{'op':'max_pool','in':['f'],'out':['g'],'kernel':[2,2]},{'op':'reduce_mean','in':['g'],'out':['h'],'axes':[2,"
        "3]},"
        "{'op':'dense','in':['h','m','k'],'out':['i']},{'op':'sigmoid','in':['i'],'out':['y']}],'outputs':['y','f']}",
    .free    = "{'W':{'min':2,'max':40,'multiple':1}}",
    .sizes   = {12},
    .tensors = {{"w", 4, {4, 4, 3, 3}}, {"b", 1, {4}}, {"v", 4, {4, 1, 3, 3}}, {"m", 2, {5, 4}}, {"k", 1, {5}}},
};

static const net_text_t NETS[] = {
#define NET(label, body, ...) {.name = #label, .graph = body, .tensors = {__VA_ARGS__}},
#include "tests/unit/models/backend/cpu/cases.def"
#undef NET
};

// Sums in float against sums in double: the error grows with the size of the values, not of the result.
static void
expect_equal(const net_text_t *text, const float *wanted, const float *got, size_t n)
{
    float top = 1;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(wanted[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(wanted[i] - got[i]) <= TOLERANCE * top)) {
            cr_expect(false, "%s: value %zu of %zu is %.9g, not %.9g", text->name, i, n, (double)got[i],
                      (double)wanted[i]);
            return;
        }
}

Test(cuda_sim, a_residual_network_agrees_with_the_reference)
{
    use_sim("3");
    net_t  net;
    size_t n, m;
    net_init(&net, &RESIDUAL, 1);
    float *wanted = net_compute(&net, &kt_backend_ref, &BY_CUDNN, &n),
          *got    = net_compute(&net, &kt_backend_cuda, &BY_CUDNN, &m);
    cr_assert_eq(n, m);
    expect_equal(&RESIDUAL, wanted, got, n);
    free(got);
    free(wanted);
    net_fini(&net);
    check_clean();
}

Test(cuda_sim, networks_of_the_table_agree_with_the_reference)
{
    use_sim("6");
    for (size_t i = 0; i < sizeof NETS / sizeof *NETS; i++) {
        net_t  net;
        size_t n, m;
        net_init(&net, &NETS[i], (unsigned)i);
        float *wanted = net_compute(&net, &kt_backend_ref, &BY_CUDNN, &n);
        float *got    = net_compute(&net, &kt_backend_cuda, &BY_CUDNN, &m);
        cr_assert_eq(n, m);
        expect_equal(&NETS[i], wanted, got, n);
        free(got);
        free(wanted);
        net_fini(&net);
    }
    check_clean();
}

// Runs `items` copies of one item; the bytes of the last one.
static void
run_items(const net_t *net, const kt_exec_opts_t *opts, int64_t items, float *last)
{
    char       why[KT_KTM_WHY] = "";
    kt_exec_t *exec            = NULL;
    int64_t    sizes[KT_FREE_DIMS];
    float     *in = calloc((size_t)items * net->in_floats[0], sizeof *in), *out[2];
    memcpy(sizes, net->sizes, sizeof sizes);
    sizes[0] = items;
    for (int64_t i = 0; i < items; i++)
        for (size_t k = 0; k < net->in_floats[0]; k++)
            in[(size_t)i * net->in_floats[0] + k] = net->in[0][k] * (float)(items - i);
    for (size_t i = 0; i < 2; i++)
        out[i] = calloc((size_t)items * net->out_floats[i], sizeof **out);
    cr_assert_eq(kt_backend_cuda.prepare(&exec, net->graph, sizes, opts, why), KT_OK, "%s", why);
    void *arena = aligned_alloc(64, exec->arena_bytes);
    cr_assert_eq(kt_exec_run(exec, arena, (const float *const *)&in, out), KT_OK);
    memcpy(last, out[1] + (size_t)(items - 1) * net->out_floats[1], net->out_floats[1] * sizeof *last);
    kt_exec_destroy(&exec);
    free(arena);
    free(in);
    free(out[0]);
    free(out[1]);
}

Test(cuda_sim, an_items_bytes_do_not_depend_on_its_company)
{
    use_sim("4");
    net_t net;
    net_init(&net, &RESIDUAL, 2);
    float *alone = calloc(net.out_floats[1], sizeof *alone), *last = calloc(net.out_floats[1], sizeof *last);
    run_items(&net, &BY_CUDNN, 1, alone);
    for (int64_t items = 2; items <= 19; items += 17) {
        run_items(&net, &BY_CUDNN, items, last);
        cr_expect_eq(memcmp(alone, last, net.out_floats[1] * sizeof *last), 0, "of %lld items", (long long)items);
    }
    free(last);
    free(alone);
    net_fini(&net);
    check_clean();
}

static uint64_t
copied_to_device(void)
{
    void (*copied)(uint64_t *, uint64_t *) = (void (*)(uint64_t *, uint64_t *))(uintptr_t)symbol("cudasim_copied");
    uint64_t to_device, to_host;
    copied(&to_device, &to_host);
    return to_device;
}

Test(cuda_sim, executors_of_several_sizes_share_weights_and_memory)
{
    char       why[KT_KTM_WHY] = "";
    kt_exec_t *small = NULL, *large = NULL;
    net_t      net, wide;
    net_text_t text = RESIDUAL;
    use_sim("8");
    net_init(&net, &RESIDUAL, 7);
    text.sizes[0] = 40;
    net_init(&wide, &text, 7);
    cr_assert_eq(kt_backend_cuda.prepare(&small, net.graph, net.sizes, &BY_CUDNN, why), KT_OK, "%s", why);
    const uint64_t before = copied_to_device();
    cr_expect_gt(before, 0);
    float         *first = net_run(&net, small);
    const uint64_t after = copied_to_device();
    cr_assert_eq(kt_backend_cuda.prepare(&large, net.graph, wide.sizes, &BY_CUDNN, why), KT_OK, "%s", why);
    cr_expect_eq(copied_to_device(), after, "the weights were there");
    float *of_large = net_run(&wide, large), *again = net_run(&net, small);  // the memory has moved meanwhile
    size_t n = net.out_floats[0] + net.out_floats[1], m;
    cr_expect_eq(memcmp(first, again, n * sizeof *first), 0);
    float *wanted = net_compute(&wide, &kt_backend_ref, &BY_CUDNN, &m);
    expect_equal(&RESIDUAL, wanted, of_large, m);
    free(wanted);
    free(again);
    free(of_large);
    free(first);
    kt_exec_destroy(&small);
    kt_exec_destroy(&large);
    net_fini(&wide);
    net_fini(&net);
    check_clean();
}

typedef struct worker {
    const net_t     *net;
    const kt_exec_t *exec;
    float           *out;
} worker_t;

static void *
worker_run(void *data)
{
    worker_t *worker = data;
    for (int i = 0; i < 3; i++) {
        free(worker->out);
        worker->out = net_run(worker->net, worker->exec);
    }
    return NULL;
}

// The second executor needs more memory, so that the first one's programs move while they are in use.
Test(cuda_sim, threads_that_run_and_prepare_take_turns)
{
    enum { THREADS = 3 };
    char       why[KT_KTM_WHY] = "";
    kt_exec_t *small = NULL, *large = NULL;
    net_t      net, wide;
    net_text_t text = RESIDUAL;
    pthread_t  threads[THREADS];
    worker_t   workers[THREADS];
    use_sim("9");
    net_init(&net, &RESIDUAL, 8);
    text.sizes[0] = 40;
    net_init(&wide, &text, 8);
    cr_assert_eq(kt_backend_cuda.prepare(&small, net.graph, net.sizes, &BY_CUDNN, why), KT_OK, "%s", why);
    float *wanted = net_run(&net, small);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){&net, small, NULL};
        cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, &workers[i]), 0);
    }
    cr_expect_eq(kt_backend_cuda.prepare(&large, net.graph, wide.sizes, &BY_CUDNN, why), KT_OK, "%s", why);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(memcmp(workers[i].out, wanted, (net.out_floats[0] + net.out_floats[1]) * sizeof *wanted), 0);
        free(workers[i].out);
    }
    free(wanted);
    kt_exec_destroy(&small);
    kt_exec_destroy(&large);
    net_fini(&wide);
    net_fini(&net);
    check_clean();
}

Test(cuda_sim, plans_of_the_folder_are_used_again)
{
    char           folder[] = "/tmp/kt_plans_XXXXXX", path[PATH_MAX], why[KT_KTM_WHY] = "";
    net_t          net;
    kt_exec_t     *exec = NULL;
    size_t         n    = 0;
    struct dirent *entry;
    use_sim("0");
    cr_assert(mkdtemp(folder));
    const kt_exec_opts_t opts = {.plans = folder};
    net_init(&net, &RESIDUAL, 6);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &opts, why), KT_OK, "%s", why);
        free(net_run(&net, exec));
        kt_exec_destroy(&exec);
    }
    DIR *dir = opendir(folder);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) > 0) {
            n++;
            FILE *file = fopen(path, "w");  // damaged: it is made anew
            fputs("{\"key\":", file);
            fclose(file);
        }
    closedir(dir);
    cr_expect_eq(n, 3, "two convolutions and a dense layer");
    cr_expect_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &opts, why), KT_OK, "%s", why);
    free(net_run(&net, exec));
    kt_exec_destroy(&exec);
    net_fini(&net);
    cr_expect_eq(remove_files(folder), 3);
    check_clean();
}

Test(cuda_sim, a_failed_call_is_named_and_leaves_nothing_behind)
{
    static const struct fault {
        const char *call;
        uint64_t    n;
        int         error;
        kt_err_t    err;
        const char *name;
    } FAULTS[] = {{"cudaMalloc", 1, 2, KT_ENOMEM, "cudaErrorMemoryAllocation"},
                  {"cudaMalloc", 2, 2, KT_ENOMEM, "cudaErrorMemoryAllocation"},
                  {"cudaStreamCreate", 1, 999, KT_EDEVICE, "cudaErrorUnknown"},
                  {"cudaMemcpyAsync", 1, 1, KT_EDEVICE, "cudaErrorInvalidValue"},
                  {"cudnnCreate", 1, 999, KT_EDEVICE, "CUDNN_STATUS_NOT_INITIALIZED"}};
    net_t      net;
    char       why[KT_KTM_WHY];
    kt_exec_t *exec = NULL;
    use_sim("0");
    net_init(&net, &RESIDUAL, 3);
    for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
        why[0] = '\0';
        fail_call(FAULTS[i].call, FAULTS[i].n, FAULTS[i].error);
        cr_expect_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &BY_CUDNN, why), FAULTS[i].err, "%s %zu",
                     FAULTS[i].call, i);
        cr_expect(strstr(why, FAULTS[i].name), "%s: %s", FAULTS[i].call, why);
        kt_exec_destroy(&exec);
    }
    net_fini(&net);
    check_clean();
}

Test(cuda_sim, a_failed_run_is_an_error_and_the_next_one_works)
{
    static const char *const CALLS[] = {"cudaLaunchKernel", "cudnnBackendExecute", "cudaMemsetAsync"};
    net_t                    net;
    char                     why[KT_KTM_WHY] = "";
    kt_exec_t               *exec            = NULL;
    use_sim("0");
    net_init(&net, &RESIDUAL, 4);
    cr_assert_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &BY_CUDNN, why), KT_OK, "%s", why);
    void  *arena  = aligned_alloc(64, exec->arena_bytes);
    float *out[2] = {calloc(net.out_floats[0], sizeof **out), calloc(net.out_floats[1], sizeof **out)};
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++) {
        fail_call(CALLS[i], 1, 1);
        cr_expect_eq(kt_exec_run(exec, arena, (const float *const *)net.in, out), KT_EDEVICE, "%s", CALLS[i]);
        cr_expect_eq(kt_exec_run(exec, arena, (const float *const *)net.in, out), KT_OK, "after %s", CALLS[i]);
    }
    free(out[0]);
    free(out[1]);
    free(arena);
    kt_exec_destroy(&exec);
    net_fini(&net);
    check_clean();
}

Test(cuda_sim, without_its_libraries_it_is_an_error_with_the_reason)
{
    net_t      net;
    char       why[KT_KTM_WHY] = "";
    kt_exec_t *exec            = NULL;
    use_sim("0");
    net_init(&net, &RESIDUAL, 5);
    setenv("KITHARA_CUDNN_LIBRARY", "/nowhere/libcudnn.so", 1);
    cr_expect_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &BY_CUDNN, why), KT_EDEVICE);
    cr_expect(strstr(why, "/nowhere/libcudnn.so"), "%s", why);
    setenv("KITHARA_CUDA_MODELS_LIBRARY", "/nowhere/libmodels.so", 1);
    cr_expect_eq(kt_backend_cuda.prepare(&exec, net.graph, net.sizes, &BY_CUDNN, why), KT_EDEVICE);
    cr_expect(strstr(why, "/nowhere/libmodels.so"), "%s", why);
    net_fini(&net);
    check_clean();
}
