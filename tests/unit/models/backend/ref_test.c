#include "models/backend/backend.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const float w[] = {1, 2, 3, -1, 0, 1};
static const float b[] = {0.5f, -0.5f};

Test(ref, a_graph_runs_in_its_arena)
{
    const ktm_text_t text = {
        .graph   = "{'inputs':[{'name':'x','shape':['N',1,4]}],'nodes':["
                   "{'op':'conv','in':['x','w','b'],'out':['a'],'pad':[1,1]},"
                   "{'op':'relu','in':['a'],'out':['c']},"
                   "{'op':'reduce_max','in':['c'],'out':['y'],'axes':[-1]}],'outputs':['y']}",
        .tensors = {{"w", KT_KTM_F32, 3, {2, 1, 3}, w, NULL}, {"b", KT_KTM_F32, 1, {2}, b, NULL}},
    };
    const int64_t            sizes[KT_FREE_DIMS] = {1};
    _Alignas(64) const float x[4]                = {1, 2, 3, 4};
    _Alignas(64) float       y[2];
    char                     why[KT_KTM_WHY] = "";
    size_t                   length;
    uint8_t                 *bytes = ktm_build(&text, &length);
    kt_ktm_t                *file  = NULL;
    kt_graph_t              *graph = NULL;
    kt_exec_t               *exec  = NULL;
    cr_assert_eq(kt_ktm_read(&file, bytes, length, why), KT_OK, "%s", why);
    cr_assert_eq(kt_graph_new(&graph, file, why), KT_OK, "%s", why);
    cr_assert_eq(kt_backend_ref.prepare(&exec, graph, sizes, NULL, why), KT_OK, "%s", why);
    void *arena = aligned_alloc(64, exec->arena_bytes);
    cr_assert_eq(kt_exec_run(exec, arena, (const float *[]){x}, (float *[]){y}), KT_OK);
    // conv: [0+2+6, 1+4+9, 2+6+12, 3+8] + .5 and [2, 2, 2, -3] - .5
    cr_assert_float_eq(y[0], 20.5f, 1e-6f);
    cr_assert_float_eq(y[1], 1.5f, 1e-6f);
    free(arena);
    kt_exec_destroy(&exec);
    kt_graph_destroy(&graph);
    kt_ktm_destroy(&file);
    free(bytes);
}
