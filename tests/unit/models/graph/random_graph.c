#include "tests/unit/models/graph/random_graph.h"

#include "common/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { VALUES_MAX = 256 };

static char     graph[RANDOM_GRAPH_BYTES];
static size_t   length;
static uint32_t state;
static int      values;  // v0 is the input
static bool     used[VALUES_MAX];

static unsigned
pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static void __attribute__((format(printf, 1, 2))) add(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    length += (size_t)vsnprintf(graph + length, sizeof graph - length, format, args);
    va_end(args);
    kt_assert(length < sizeof graph);
}

// A value of the last ones, mostly: long-lived ones are rare.
static int
choose_value(void)
{
    return pick(4) ? values - 1 - (int)pick(values < 3 ? (unsigned)values : 3) : (int)pick((unsigned)values);
}

static void
add_node(void)
{
    int      a = choose_value(), b = choose_value(), out = values;
    unsigned kind = pick(9);
    used[a]       = true;
    used[b]       = used[b] || kind == 2 || kind == 7;
    switch (kind) {
    case 0: add("{'op':'relu','in':['v%d'],'out':['v%d']},", a, out); break;
    case 1: add("{'op':'affine','in':['v%d'],'out':['v%d'],'alpha':0.5,'beta':-0.25},", a, out); break;
    case 2: add("{'op':'add','in':['v%d','v%d'],'out':['v%d']},", a, b, out); break;
    case 3: add("{'op':'scale','in':['v%d','s','t'],'out':['v%d']},", a, out); break;
    case 4: add("{'op':'conv','in':['v%d','w','t'],'out':['v%d'],'pad':[1,1]},", a, out); break;
    case 5: add("{'op':'dense','in':['v%d','d'],'out':['v%d']},", a, out); break;
    case 6:
        add("{'op':'reshape','in':['v%d'],'out':['r%d'],'shape':[0,-1,2]},", a, out);
        add("{'op':'reshape','in':['r%d'],'out':['v%d'],'shape':[0,4,6]},", out, out);
        break;
    case 7:
        add("{'op':'concat','in':['v%d','v%d'],'out':['c%d']},", a, b, out);
        add("{'op':'slice','in':['c%d'],'out':['v%d'],'begin':%u,'end':%u},", out, out, 1u, 5u);
        break;
    default:
        add("{'op':'deconv','in':['v%d','g'],'out':['e%d'],'pad':[1,1],'groups':2},", a, out);
        add("{'op':'softmax','in':['e%d'],'out':['v%d']},", out, out);
        break;
    }
    used[values++] = false;
}

void
random_graph(unsigned seed, int nodes, ktm_text_t *text)
{
    static float w[4 * 4 * 3], d[6 * 6], g[4 * 2 * 3], s[4], t[4];
    struct {
        float *values;
        size_t n;
    } weights[] = {{w, 48}, {d, 36}, {g, 24}, {s, 4}, {t, 4}};
    state       = seed * 2654435761u + 1;
    length      = 0;
    values      = 1;
    memset(used, 0, sizeof used);
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        for (size_t k = 0; k < weights[i].n; k++)
            weights[i].values[k] = (float)((int)pick(17) - 8) / 16;
    add("{'inputs':[{'name':'v0','shape':['N',4,6]}],'nodes':[");
    while (values <= nodes)
        add_node();
    // What is not used yet is summed up.
    int last = values - 1, made = last;
    for (int i = 0; i < made; i++)
        if (!used[i]) {
            add("{'op':'add','in':['v%d','v%d'],'out':['v%d']},", last, i, values);
            last = values++;
        }
    add("{'op':'tanh','in':['v%d'],'out':['y']}],'outputs':['y']}", last);
    *text = (ktm_text_t){.graph   = graph,
                         .tensors = {{"w", KT_KTM_F32, 3, {4, 4, 3}, w, NULL},
                                     {"d", KT_KTM_F32, 2, {6, 6}, d, NULL},
                                     {"g", KT_KTM_F32, 3, {4, 2, 3}, g, NULL},
                                     {"s", KT_KTM_F32, 1, {4}, s, NULL},
                                     {"t", KT_KTM_F32, 1, {4}, t, NULL}}};
}
