// The CPU executor against the definition of the operators, by networks of a table and by random convolutions, on each
// instruction set that the processor has. Each test is a process: oneDNN is limited once per process.
#include "models/backend/cpu/fast.h"
#include "tests/unit/models/backend/cpu/net.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const net_text_t NETS[] = {
#define NET(label, body, ...) {.name = #label, .graph = body, .tensors = {__VA_ARGS__}},
#include "tests/unit/models/backend/cpu/cases.def"
#undef NET
};

// Sums in float against sums in double: the error grows with the size of the values, not of the result.
static void
expect_equal(const net_text_t *text, const char *isa, const float *wanted, const float *got, size_t n)
{
    float top = 1;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, fabsf(wanted[i]));
    for (size_t i = 0; i < n; i++)
        cr_assert(fabsf(wanted[i] - got[i]) <= 1e-5F * top, "%s (%s): value %zu of %zu is %.9g, not %.9g", text->name,
                  isa, i, n, (double)got[i], (double)wanted[i]);
}

static void
compare(const net_text_t *text, const char *isa, unsigned seed)
{
    const kt_exec_opts_t opts = {.isa = isa};
    size_t               count;
    net_t                net;
    net_init(&net, text, seed);
    float *wanted = net_compute(&net, &kt_backend_ref, &opts, &count);
    float *got    = net_compute(&net, &kt_backend_cpu, &opts, &count);
    expect_equal(text, isa, wanted, got, count);
    free(wanted);
    free(got);
    net_fini(&net);
}

static int
pick(unsigned *state, int least, int most)
{
    *state = *state * 1664525u + 1013904223u;
    return least + (int)((*state >> 16) % (unsigned)(most - least + 1));
}

// One to three spatial dimensions, odd sizes, any stride, dilation, border and groups.
static void
random_convolution(const char *isa, unsigned seed)
{
    char       graph[1024], name[32];
    net_text_t text    = {.name = name, .graph = graph, .tensors = {{"w", 0, {0}}, {"b", 1, {0}}}};
    unsigned   state   = seed * 2654435761u;
    const int  spatial = pick(&state, 1, 3), groups = pick(&state, 0, 3) ? 1 : pick(&state, 2, 20);
    const bool depthwise = groups > 1 && pick(&state, 0, 1);
    const int in = groups * (depthwise ? 1 : pick(&state, 1, 20)), out = groups * (depthwise ? 1 : pick(&state, 1, 20));
    int       size[3], kernel[3], stride[3], dilation[3], before[3], after[3];
    for (int i = 0; i < 3; i++) {
        kernel[i]        = pick(&state, 1, 5);
        dilation[i]      = pick(&state, 0, 2) ? 1 : pick(&state, 1, 3);
        stride[i]        = pick(&state, 1, 3);
        const int extent = (kernel[i] - 1) * dilation[i];
        before[i]        = pick(&state, 0, extent);
        after[i]         = pick(&state, 0, extent);
        size[i]          = extent + pick(&state, 1, 12);
    }
    snprintf(name, sizeof name, "random convolution %u", seed);
    int n = snprintf(graph, sizeof graph, "{'inputs':[{'name':'x','shape':['N',%d", in);
    for (int i = 0; i < spatial; i++)
        n += snprintf(graph + n, sizeof graph - (size_t)n, ",%d", size[i]);
    n += snprintf(graph + n, sizeof graph - (size_t)n,
                  "]}],'nodes':[{'op':'conv','in':['x','w','b'],'out':['a'],'groups':%d", groups);
    const struct {
        const char *attribute;
        const int  *first, *second;
    } LISTS[] = {{"stride", stride, NULL}, {"dilation", dilation, NULL}, {"pad", before, after}};
    for (size_t k = 0; k < sizeof LISTS / sizeof *LISTS; k++) {
        n += snprintf(graph + n, sizeof graph - (size_t)n, ",'%s':[", LISTS[k].attribute);
        for (int i = 0; i < spatial; i++)
            n += snprintf(graph + n, sizeof graph - (size_t)n, "%s%d", i ? "," : "", LISTS[k].first[i]);
        for (int i = 0; LISTS[k].second && i < spatial; i++)
            n += snprintf(graph + n, sizeof graph - (size_t)n, ",%d", LISTS[k].second[i]);
        n += snprintf(graph + n, sizeof graph - (size_t)n, "]");
    }
    snprintf(graph + n, sizeof graph - (size_t)n, "},{'op':'relu','in':['a'],'out':['y']}],'outputs':['y']}");
    text.tensors[0]         = (net_shape_t){"w", spatial + 2, {out, in / groups, kernel[0], kernel[1], kernel[2]}};
    text.tensors[1].dims[0] = out;
    compare(&text, isa, seed);
}

static void
conform(const char *isa)
{
    if (!kt_cpu_fast(isa))
        cr_skip_test("this processor lacks it");
    for (size_t i = 0; i < sizeof NETS / sizeof *NETS; i++)
        compare(&NETS[i], isa, (unsigned)i + 1);
    for (unsigned seed = 1; seed <= 60; seed++)
        random_convolution(isa, seed);
}

Test(cpu_conformance, every_network_equals_the_reference_with_avx512)
{
    conform("avx512");
}

Test(cpu_conformance, every_network_equals_the_reference_with_avx2)
{
    conform("avx2");
}

Test(cpu_conformance, every_network_equals_the_reference_with_base)
{
    conform("base");
}
