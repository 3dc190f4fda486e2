// Every backend of this machine against numpy's results.
#include "tests/unit/models/backend/conformance.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void
run_all(const kt_backend_t *backend, const char *isa, bool fuse, float tolerance)
{
    const conformance_case_t *cases;
    const kt_exec_opts_t      opts = {.isa = isa};
    char                      why[CONFORMANCE_WHY];
    for (size_t i = 0, n = conformance_cases(&cases); i < n; i++)
        cr_expect(conformance_run(&cases[i], backend, &opts, fuse, tolerance, why), "%s", why);
}

Test(conformance, ref_gives_the_results_of_numpy)
{
    run_all(&kt_backend_ref, NULL, false, 1e-6f);
}

Test(conformance, ref_gives_them_for_a_whole_batch)
{
    kt_backend_t batched = kt_backend_ref;
    batched.batched      = true;
    run_all(&batched, NULL, false, 1e-6f);
}

Test(conformance, ref_gives_them_for_the_fused_graph)
{
    run_all(&kt_backend_ref, NULL, true, 1e-6f);
}

Test(conformance, cpu_gives_the_results_of_numpy)
{
    run_all(&kt_backend_cpu, NULL, true, 1e-5f);
}

Test(conformance, cpu_base_gives_the_results_of_numpy)
{
    run_all(&kt_backend_cpu, "base", false, 1e-5f);
}

Test(conformance, each_operator_has_a_case)
{
    const conformance_case_t *cases;
    size_t                    n = conformance_cases(&cases);
    char                      text[64];
    for (int op = 0; op < KT_OPS; op++) {
        bool found = false;
        snprintf(text, sizeof text, "'op':'%s'", kt_op_name((kt_op_t)op));
        for (size_t i = 0; i < n; i++)
            found = found || strstr(cases[i].graph, text);
        cr_expect(found, "%s", text);
    }
}
