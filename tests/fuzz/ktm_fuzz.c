// Fuzzing the readers of model files: bytes, header, graph, outputs, fusion, and one run of what is left. Most
// inputs get a right checksum, without which a change ends at the first check.
#include "common/assert.h"
#include "common/text.h"
#include "fuzz_main.h"
#include "models/backend/backend.h"
#include "models/graph/graph.h"
#include "models/outputs.h"
#include "tests/unit/models/ktm_build.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, VALUES_MAX = 256, INPUT_MAX = 1 << 16 };
#define ELEMENTS_MAX ((int64_t)1 << 16)
#define WORK_MAX ((int64_t)1 << 20)

// Upper bound of the multiplications of a node: elements of its outputs times those of its second input per output
// channel, or of its first input.
static int64_t
work_of(const kt_graph_node_t *node, const kt_shape_of_t *shapes)
{
    int64_t out = 0, taps = 1;
    for (int i = 0; i < node->n_out; i++)
        out += kt_shape_count(&shapes[node->out[i]]);
    for (int i = 0; i < node->n_in; i++)
        taps = kt_shape_count(&shapes[node->in[i]]) > taps ? kt_shape_count(&shapes[node->in[i]]) : taps;
    bool sums = node->op <= KT_OP_LSTM || node->op >= KT_OP_MAXPOOL;
    return sums ? out * taps : out;
}

// Whether a run takes little time and memory.
static bool
is_small(const kt_graph_t *graph, const kt_shape_of_t *shapes)
{
    int64_t work = 0;
    for (size_t i = 0; i < kt_graph_values(graph); i++)
        if (kt_shape_count(&shapes[i]) > ELEMENTS_MAX)
            return false;
    for (size_t i = 0; i < kt_graph_nodes(graph) && work <= WORK_MAX; i++)
        work += work_of(kt_graph_node(graph, i), shapes);
    return work <= WORK_MAX;
}

static void
run(const kt_graph_t *graph, const int64_t sizes[KT_FREE_DIMS])
{
    char           why[KT_KTM_WHY];
    kt_exec_t     *exec = NULL;
    const int     *values;
    float         *in[KT_GRAPH_INPUTS], *out[KT_GRAPH_OUTPUTS];
    kt_shape_of_t *shapes = calloc(kt_graph_values(graph), sizeof *shapes);
    kt_assert(shapes);
    if (kt_graph_shapes(graph, sizes, shapes, why) || !is_small(graph, shapes)) {
        free(shapes);
        return;
    }
    kt_assert(kt_backend_ref.prepare(&exec, graph, sizes, NULL, why) == KT_OK);
    void  *arena = aligned_alloc(ALIGN, exec->arena_bytes);
    size_t n_in  = kt_graph_inputs(graph, &values);
    for (size_t i = 0; i < n_in; i++)
        kt_assert((in[i] = calloc((size_t)kt_shape_count(&shapes[values[i]]), sizeof(float))));
    size_t n_out = kt_graph_outputs(graph, &values);
    for (size_t i = 0; i < n_out; i++)
        kt_assert((out[i] = malloc((size_t)kt_shape_count(&shapes[values[i]]) * sizeof(float))));
    kt_assert(arena && kt_exec_run(exec, arena, (const float *const *)in, out) == KT_OK);
    for (size_t i = 0; i < n_in; i++)
        free(in[i]);
    for (size_t i = 0; i < n_out; i++)
        free(out[i]);
    free(arena);
    free(shapes);
    kt_exec_destroy(&exec);
}

static void
use_graph(const kt_ktm_t *file)
{
    char          why[KT_KTM_WHY] = "";
    kt_graph_t   *graph = NULL, *fused = NULL;
    kt_outputs_t *outputs = NULL;
    int64_t       sizes[KT_FREE_DIMS];
    kt_err_t      err = kt_graph_new(&graph, file, why);
    kt_assert(err ? !graph && *why : graph != NULL);
    if (err)
        return;
    err = kt_outputs_new(&outputs, file, graph, why);
    kt_assert(err ? !outputs && *why : outputs != NULL);
    kt_assert(kt_graph_fuse(&fused, graph) == KT_OK);
    kt_graph_smallest(graph, sizes);
    run(graph, sizes);
    run(fused, sizes);
    sizes[0] = 2;
    run(graph, sizes);
    kt_outputs_destroy(&outputs);
    kt_graph_destroy(&fused);
    kt_graph_destroy(&graph);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    char      why[KT_KTM_WHY] = "";
    kt_ktm_t *file            = NULL;
    if (length > INPUT_MAX)
        return 0;
    // Exactly as long as the input, and aligned, so that a read behind it is found.
    void *bytes = NULL;
    kt_assert(posix_memalign(&bytes, ALIGN, length ? length : 1) == 0);
    if (length)
        memcpy(bytes, input, length);
    if (length && input[length - 1] % 4 != 3)
        ktm_seal(bytes, length);
    kt_err_t err = kt_ktm_read(&file, bytes, length, why);
    kt_assert(err ? !file && *why : file != NULL);
    if (!err)
        use_graph(file);
    kt_ktm_destroy(&file);
    free(bytes);
    return 0;
}

static const float    floats[96] = {1, -2, 3, 0.5f};
static const uint16_t halves[96] = {0x3C00, 0xC000};
static const int8_t   bytes8[96] = {1, -128, 127};

static const ktm_text_t seeds[] = {
    {0},
    {.graph   = "{'inputs':[{'name':'x','shape':['N',2,'T']}],'nodes':[{'op':'conv','in':['x','w','b'],'out':['a'],"
                "'pad':[1,1],'dilation':[1],'groups':1},{'op':'scale','in':['a','b','b'],'out':['c']},"
                "{'op':'relu','in':['c'],'out':['d']},{'op':'max_pool','in':['d'],'out':['e'],'kernel':[2],'ceil':true},"
                "{'op':'reduce_mean','in':['e'],'out':['y'],'axes':[-1]}],'outputs':['y']}",
     .free    = "{'T':{'min':3,'max':100,'multiple':2}}",
     .outputs = "[{'name':'o','value':'y','per':'block','classes':['a','b'],'thresholds':[1,2]}]",
     .tensors = {{"w", KT_KTM_I8, 3, {2, 2, 3}, bytes8, "s"},
                 {"b", KT_KTM_F16, 1, {2}, halves, NULL},
                 {"s", KT_KTM_F32, 1, {2}, floats, NULL}}},
    {.graph   = "{'inputs':[{'name':'x','shape':['N',3,4]},{'name':'h','shape':['N',2]},{'name':'c','shape':['N',2]}],"
                "'nodes':[{'op':'lstm','in':['x','w','r','b','h','c'],'out':['a','h1','c1']},"
                "{'op':'reshape','in':['a'],'out':['d'],'shape':[0,-1]},{'op':'dense','in':['d','v'],'out':['e']},"
                "{'op':'softmax','in':['e'],'out':['y']}],'outputs':['y','h1','c1']}",
     .tensors = {{"w", KT_KTM_F32, 2, {8, 4}, floats, NULL},
                 {"r", KT_KTM_F32, 2, {8, 2}, floats, NULL},
                 {"b", KT_KTM_F32, 1, {8}, floats, NULL},
                 {"v", KT_KTM_F16, 2, {3, 6}, halves, NULL}}},
    {.graph   = "{'inputs':[{'name':'x','shape':['N',4,2,3]}],'nodes':[{'op':'deconv','in':['x','w'],'out':['a'],"
                "'stride':[2,2],'pad':[0,1,1,0],'groups':2},{'op':'transpose','in':['a'],'out':['b'],'order':[0,2,3,1]},"
                "{'op':'slice','in':['b'],'out':['c'],'axis':1,'begin':1,'end':-1},"
                "{'op':'pad','in':['c'],'out':['d'],'axis':2,'before':1,'after':1,'reflect':true},"
                "{'op':'concat','in':['d','d'],'out':['e'],'axis':-1},{'op':'mul','in':['e','s'],'out':['f']},"
                "{'op':'resize','in':['f'],'out':['y'],'factor':[2,1]}],'outputs':['y']}",
     .tensors = {{"w", KT_KTM_F32, 4, {4, 1, 2, 2}, floats, NULL}, {"s", KT_KTM_F32, 1, {4}, floats, NULL}}},
    {.graph   = "{'inputs':[{'name':'x','shape':['N',3,2,2,2]}],'nodes':[{'op':'histogram','in':['x'],'out':['a']},"
                "{'op':'l2_normalise','in':['a'],'out':['b']},{'op':'matmul','in':['b','b'],'out':['c'],"
                "'transpose':true},{'op':'band','in':['c'],'out':['d'],'width':1},{'op':'layer_norm','in':['d'],"
                "'out':['e']},{'op':'reshape','in':['e'],'out':['f'],'shape':[0,6]},{'op':'noisy_or','in':['f','w'],"
                "'out':['g']},{'op':'max_of','in':['g','v'],'out':['y']}],'outputs':['y']}",
     .tensors = {{"w", KT_KTM_F32, 2, {4, 6}, floats, NULL}, {"v", KT_KTM_F32, 2, {2, 4}, floats, NULL}}},
};

// A seed, of which three in four get other digits in their graph: these changes keep the JSON whole.
static uint8_t *
fuzz_seed(unsigned number, size_t *length)
{
    static char graph[4096];
    ktm_text_t  text  = seeds[number % (sizeof seeds / sizeof seeds[0])];
    uint64_t    state = number | 1;
    if (!text.graph || number % 4 == 0)
        return ktm_build(&text, length);
    kt_assert(kt_text_copy(graph, sizeof graph, text.graph));
    for (unsigned changes = 1 + number / 4 % 4, tries = 0; changes && tries < 1000; tries++) {
        char *at = &graph[fuzz_random(&state) % strlen(graph)];
        if (*at < '0' || *at > '9')
            continue;
        *at = (char)('0' + fuzz_random(&state) % 10);
        changes--;
    }
    text.graph = graph;
    return ktm_build(&text, length);
}
