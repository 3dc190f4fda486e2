#include "common/err.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

static const kt_err_t ALL[] = {
#define KT_ERR(name, value, verdict, scope, text, action) KT_##name,
#include "common/err.def"
#undef KT_ERR
};

enum { COUNT = sizeof ALL / sizeof *ALL };

Test(err, every_value_is_unique_and_never_positive)
{
    for (int i = 0; i < COUNT; i++) {
        cr_assert_leq((int)ALL[i], 0);
        for (int j = i + 1; j < COUNT; j++)
            cr_assert_neq(ALL[i], ALL[j]);
    }
}

Test(err, every_error_has_a_name_a_sentence_part_and_a_verdict)
{
    for (int i = 0; i < COUNT; i++) {
        const char *text = kt_err_text(ALL[i]);
        cr_assert_gt(strlen(kt_err_name(ALL[i])), 0);
        cr_assert_gt(strlen(text), 0);
        cr_assert_neq(text[strlen(text) - 1], '.');
        cr_assert_eq(*kt_err_action(ALL[i]) == '\0', ALL[i] == KT_OK);
        cr_assert_eq(kt_err_verdict(ALL[i]) == KT_VERDICT_NONE, ALL[i] == KT_OK);
        cr_assert_eq(kt_err_scope(ALL[i]) != KT_SCOPE_NONE, kt_err_verdict(ALL[i]) == KT_VERDICT_REJECT);
    }
}

Test(err, what_helps_after_a_final_failure_is_not_that_it_runs_again)
{
    for (int i = 0; i < COUNT; i++) {
        bool of_no_job = ALL[i] == KT_EFENCED || ALL[i] == KT_EUNKNOWN_COMMIT;  // of the coordinator's own calls
        cr_assert_eq(strncmp(kt_err_remedy(ALL[i]), "nothing", 7) == 0, of_no_job, "%s", kt_err_name(ALL[i]));
    }
    cr_assert_str_eq(kt_err_remedy(KT_EIO), "look at the disk or the network share");
    cr_assert_str_eq(kt_err_remedy(KT_ENOFILE), "check the path");
}

Test(err, an_unknown_error_code_is_retried)
{
    cr_assert_str_eq(kt_err_name((kt_err_t)-9999), "EUNKNOWN");
    cr_assert_eq(kt_err_verdict((kt_err_t)-9999), KT_VERDICT_RETRY);
    cr_assert_eq(kt_err_scope((kt_err_t)-9999), KT_SCOPE_NONE);
}
