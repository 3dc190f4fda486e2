#include "models/backend/cpu/fast.h"
#include "tests/unit/models/backend/cpu/net.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRONT(axis)                                                                                                    \
    "{'inputs':[{'name':'x','shape':['N',1,31,40]}],'nodes':["                                                         \
    "{'op':'conv','in':['x','w','b'],'out':['a'],'pad':[3,0,3,0]},{'op':'relu','in':['a'],'out':['c']},"               \
    "{'op':'scale','in':['c','s','t'],'out':['d']},"                                                                   \
    "{'op':'reduce_max','in':['d'],'out':['y'],'axes':[" axis "]}],'outputs':['y']}"
#define FRONT_TENSORS                                                                                                  \
    {                                                                                                                  \
        {"w", 4, {70, 1, 7, 18}}, {"b", 1, {70}}, {"s", 1, {70}},                                                      \
        {                                                                                                              \
            "t", 1,                                                                                                    \
            {                                                                                                          \
                70                                                                                                     \
            }                                                                                                          \
        }                                                                                                              \
    }

static const net_text_t SMALL = {
    .name    = "small",
    .graph   = "{'inputs':[{'name':'x','shape':['N',16,24,24]}],'nodes':["
               "{'op':'conv','in':['x','w','b'],'out':['a'],'pad':[1,1,1,1]},{'op':'hard_swish','in':['a'],'out':['c']},"
               "{'op':'max_pool','in':['c'],'out':['d'],'kernel':[2,2]},{'op':'reshape','in':['d'],'out':['e'],'shape':"
               "[0,0,-1]},{'op':'softmax','in':['e'],'out':['f']},{'op':'dense','in':['f','v'],'out':['y']}],"
               "'outputs':['y']}",
    .tensors = {{"w", 4, {20, 16, 3, 3}}, {"b", 1, {20}}, {"v", 2, {33, 144}}},
};

typedef struct worker {
    const net_t     *net;
    const kt_exec_t *exec;
    float           *out;
} worker_t;

static void *
worker_run(void *data)
{
    worker_t *worker = data;
    for (int i = 0; i < 20; i++) {
        free(worker->out);
        worker->out = net_run(worker->net, worker->exec);
    }
    return NULL;
}

static int
threads_of_this_process(void)
{
    int  count = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

Test(cpu, two_threads_that_share_an_executor_give_the_same_bytes)
{
    net_t      net;
    kt_exec_t *exec            = NULL;
    char       why[KT_KTM_WHY] = "";
    pthread_t  threads[2];
    worker_t   workers[2];
    net_init(&net, &SMALL, 3);
    cr_assert_eq(kt_backend_cpu.prepare(&exec, net.graph, net.sizes, NULL, why), KT_OK, "%s", why);
    for (int i = 0; i < 2; i++) {
        workers[i] = (worker_t){&net, exec, NULL};
        cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, &workers[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    float *alone = net_run(&net, exec);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(memcmp(alone, workers[i].out, net.out_floats[0] * sizeof *alone), 0);
        free(workers[i].out);
    }
    free(alone);
    kt_exec_destroy(&exec);
    net_fini(&net);
}

Test(cpu, a_result_does_not_depend_on_what_ran_before)
{
    net_t      net, other;
    kt_exec_t *exec            = NULL;
    char       why[KT_KTM_WHY] = "";
    net_init(&net, &SMALL, 3);
    net_init(&other, &SMALL, 3);
    for (size_t i = 0; i < other.in_floats[0]; i++)
        other.in[0][i] = 7;
    cr_assert_eq(kt_backend_cpu.prepare(&exec, net.graph, net.sizes, NULL, why), KT_OK, "%s", why);
    float *first = net_run(&net, exec), *between = net_run(&other, exec), *again = net_run(&net, exec);
    cr_assert_eq(memcmp(first, again, net.out_floats[0] * sizeof *first), 0);
    cr_assert_neq(memcmp(first, between, net.out_floats[0] * sizeof *first), 0);
    free(first);
    free(between);
    free(again);
    kt_exec_destroy(&exec);
    net_fini(&net);
    net_fini(&other);
}

Test(cpu, a_run_starts_no_thread_and_a_forked_child_can_run)
{
    net_t  net;
    size_t count;
    net_init(&net, &SMALL, 3);
    const int before = threads_of_this_process();
    float    *parent = net_compute(&net, &kt_backend_cpu, NULL, &count);
    cr_assert_eq(threads_of_this_process(), before);
    const pid_t child = fork();
    if (child == 0) {
        float *out = net_compute(&net, &kt_backend_cpu, NULL, &count);
        _exit(memcmp(out, parent, count * sizeof *out) == 0 ? 0 : 1);
    }
    int status = 1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    free(parent);
    net_fini(&net);
}

static float
front_error(const char *graph, const kt_exec_opts_t *opts, bool int8)
{
    const net_text_t text = {.name = "front", .graph = graph, .tensors = FRONT_TENSORS};
    size_t           count;
    net_t            net;
    float            top = 0, error = 0;
    net_init(&net, &text, 5);
    float     *wanted          = net_compute(&net, &kt_backend_ref, opts, &count);
    float     *got             = net_compute(&net, &kt_backend_cpu, opts, &count);
    kt_exec_t *exec            = NULL;
    char       why[KT_KTM_WHY] = "";
    cr_assert_eq(kt_backend_cpu.prepare(&exec, net.graph, net.sizes, opts, why), KT_OK, "%s", why);
    cr_assert_eq(exec->int8, int8, "the executor reports that it computes in 8 bits");
    kt_exec_destroy(&exec);
    for (size_t i = 0; i < count; i++) {
        top   = fmaxf(top, fabsf(wanted[i]));
        error = fmaxf(error, fabsf(wanted[i] - got[i]));
    }
    free(wanted);
    free(got);
    net_fini(&net);
    return error / top;
}

// 126 products, each with an error of half a step of 1 / 127 and one of 1 / 255: 4e-3 of the largest result is three
// standard deviations.
Test(cpu, the_front_in_8_bits_is_near_the_front_in_floats)
{
    const kt_exec_opts_t eight = {.isa = "avx512", .int8 = true};
    if (!kt_cpu_fast("avx512") || !kt_cpu_has_vnni())
        cr_skip_test("this processor lacks VNNI");
    for (int i = 0; i < 2; i++) {
        const float error = front_error(i ? FRONT("2") : FRONT("3"), &eight, true);
        cr_assert_lt(error, 1e-2F, "%g", (double)error);
        cr_assert_gt(error, 1e-6F, "the front ran in floats");
    }
}

Test(cpu, without_vnni_the_front_stays_in_floats)
{
    const kt_exec_opts_t eight = {.isa = "base", .int8 = true};
    cr_assert_lt(front_error(FRONT("3"), &eight, false), 1e-5F);
}

Test(cpu, the_set_ref_is_the_plain_backend)
{
    const kt_exec_opts_t ref = {.isa = "ref"};
    size_t               count;
    net_t                net;
    net_init(&net, &SMALL, 3);
    float *wanted = net_compute(&net, &kt_backend_ref, NULL, &count),
          *got    = net_compute(&net, &kt_backend_cpu, &ref, &count);
    cr_assert_eq(memcmp(wanted, got, count * sizeof *got), 0);
    free(wanted);
    free(got);
    net_fini(&net);
}

Test(cpu, an_unknown_instruction_set_is_an_error)
{
    const kt_exec_opts_t opts            = {.isa = "avx1024"};
    kt_exec_t           *exec            = NULL;
    char                 why[KT_KTM_WHY] = "";
    net_t                net;
    net_init(&net, &SMALL, 3);
    cr_assert_eq(kt_backend_cpu.prepare(&exec, net.graph, net.sizes, &opts, why), KT_EINVAL);
    cr_assert_null(exec);
    cr_assert_not_null(strstr(why, "avx1024"));
    net_fini(&net);
}
