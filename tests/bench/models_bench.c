// Runs one model file on the CPU executor: models_bench FILE.ktm ISA FLAGS INPUT OUTPUT SIZES...
// FLAGS: "-", or of "int8" and "profile". INPUT: float32 of all inputs, one after another ("-": zeros); OUTPUT: where
// the outputs are written ("-": nowhere). SIZES: of the free dimensions after N. Prints a line of facts, then runs once
// for each line of standard input and prints the run's milliseconds of CPU time. Standard input's end: OUTPUT and the
// profile are written.
#include "models/backend/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench {
    kt_ktm_t   *file;
    kt_graph_t *given, *graph;
    kt_exec_t  *exec;
    void       *arena;
    float      *in[KT_GRAPH_INPUTS], *out[KT_GRAPH_OUTPUTS];
    size_t      n_in, n_out, in_floats[KT_GRAPH_INPUTS], out_floats[KT_GRAPH_OUTPUTS];
    double     *profile;
    int         runs;
} bench_t;

static double
cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void
must(kt_err_t err, const char *why)
{
    if (err == KT_OK)
        return;
    fprintf(stderr, "models_bench: %s\n", why);
    exit(1);
}

static float *
floats(size_t n)
{
    float *out = aligned_alloc(64, (n * sizeof(float) + 127) / 64 * 64);
    must(out ? KT_OK : KT_ENOMEM, "out of memory");
    memset(out, 0, n * sizeof *out);
    return out;
}

static void
values_make(bench_t *b, const int64_t *sizes)
{
    kt_shape_of_t *shapes = calloc(kt_graph_values(b->graph) + 1, sizeof *shapes);
    const int     *in, *out;
    char           why[KT_KTM_WHY] = "";
    must(shapes ? kt_graph_shapes(b->graph, sizes, shapes, why) : KT_ENOMEM, why);
    b->n_in  = kt_graph_inputs(b->graph, &in);
    b->n_out = kt_graph_outputs(b->graph, &out);
    for (size_t i = 0; i < b->n_in; i++) {
        b->in_floats[i] = (size_t)kt_shape_count(&shapes[in[i]]);
        b->in[i]        = floats(b->in_floats[i]);
    }
    for (size_t i = 0; i < b->n_out; i++) {
        b->out_floats[i] = (size_t)kt_shape_count(&shapes[out[i]]);
        b->out[i]        = floats(b->out_floats[i]);
    }
    free(shapes);
}

static void
transfer(const char *path, const char *mode, float *const *values, const size_t *counts, size_t n)
{
    if (strcmp(path, "-") == 0)
        return;
    FILE *file = fopen(path, mode);
    must(file ? KT_OK : KT_EIO, path);
    for (size_t i = 0; i < n; i++) {
        const size_t done = *mode == 'r' ? fread(values[i], sizeof(float), counts[i], file)
                                         : fwrite(values[i], sizeof(float), counts[i], file);
        must(done == counts[i] ? KT_OK : KT_EIO, path);
    }
    fclose(file);
}

static void
run(bench_t *b)
{
    const double start = cpu_ms();
    const float *in[KT_GRAPH_INPUTS];
    for (size_t i = 0; i < b->n_in; i++)
        in[i] = b->in[i];
    must(b->profile ? kt_cpu_profile(b->exec, b->arena, in, b->out, b->profile)
                    : kt_exec_run(b->exec, b->arena, in, b->out),
         "run failed");
    printf("%.4f\n", cpu_ms() - start);
    fflush(stdout);
    b->runs++;
}

static void
prepare(bench_t *b, char **argv, const int64_t *sizes)
{
    const kt_exec_opts_t opts            = {.isa = argv[2], .int8 = strstr(argv[3], "int8") != NULL};
    char                 why[KT_KTM_WHY] = "";
    const double         start           = cpu_ms();
    must(kt_ktm_open(&b->file, argv[1], why), why);
    must(kt_graph_new(&b->given, b->file, why), why);
    must(kt_graph_fuse(&b->graph, b->given), "out of memory");
    const double loaded = cpu_ms();
    must(kt_backend_cpu.prepare(&b->exec, b->graph, sizes, &opts, why), why);
    const double prepared = cpu_ms();
    printf("load_ms=%.2f prepare_ms=%.2f arena_mb=%.2f packed_mb=%.2f\n", loaded - start, prepared - loaded,
           (double)b->exec->arena_bytes * 1e-6, (double)b->exec->packed_bytes * 1e-6);
    fflush(stdout);
    b->arena = floats(b->exec->arena_bytes / sizeof(float));
    if (strstr(argv[3], "profile"))
        b->profile = calloc(kt_cpu_steps(b->exec) + 1, sizeof *b->profile);
}

int
main(int argc, char **argv)
{
    bench_t b                   = {0};
    int64_t sizes[KT_FREE_DIMS] = {1};
    char    line[16];
    if (argc < 6 || argc > 5 + KT_FREE_DIMS) {
        fprintf(stderr, "models_bench FILE.ktm ISA FLAGS INPUT OUTPUT SIZES...\n");
        return 2;
    }
    for (int i = 6; i < argc; i++)
        sizes[i - 5] = strtoll(argv[i], NULL, 10);
    prepare(&b, argv, sizes);
    values_make(&b, sizes);
    transfer(argv[4], "r", b.in, b.in_floats, b.n_in);
    while (fgets(line, sizeof line, stdin))
        run(&b);
    transfer(argv[5], "w", b.out, b.out_floats, b.n_out);
    for (size_t i = 0; b.profile && i < kt_cpu_steps(b.exec); i++)
        fprintf(stderr, "%3zu %-12s %8.4f ms\n", i, kt_cpu_step_name(b.exec, i), b.profile[i] / b.runs);
    for (size_t i = 0; i < b.n_in; i++)
        free(b.in[i]);
    for (size_t i = 0; i < b.n_out; i++)
        free(b.out[i]);
    free(b.profile);
    free(b.arena);
    kt_exec_destroy(&b.exec);
    kt_graph_destroy(&b.graph);
    kt_graph_destroy(&b.given);
    kt_ktm_destroy(&b.file);
    return 0;
}
