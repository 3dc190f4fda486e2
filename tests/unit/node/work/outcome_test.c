#include "node/work/isolated.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(outcome, a_failure_replaces_whatever_was_there)
{
    static const char body[]               = "{\"message_id\":\"m\",\"file_path\":\"/x.mp3\"}";
    char              why[KT_DOCUMENT_WHY] = "";
    kt_outcome_t      outcome              = {.document = strdup("{}"), .document_bytes = 2, .processing_us = 1500000};
    kt_outcome_fail(&outcome, body, sizeof body - 1, KT_ECRASH, "signal SIGSEGV (11)");
    cr_assert_eq(outcome.err, KT_ECRASH);
    cr_assert_eq(kt_document_check(outcome.document, outcome.document_bytes, why), KT_OK, "%s", why);
    cr_assert_not_null(strstr(outcome.document, "\"ECRASH\""));
    cr_assert_not_null(strstr(outcome.document, "SIGSEGV"));
    cr_assert_not_null(strstr(outcome.document, "\"/x.mp3\""));
    free(outcome.document);
}

// The child is this test program, which rejects --solo-child: it ends without a result.
Test(outcome, a_child_without_a_result_is_a_crash_of_its_file_alone)
{
    char             why[KT_SETTINGS_WHY], body[] = "{\"message_id\":\"m\",\"file_path\":\"/x.mp3\"}";
    char            *nothing[] = {NULL};
    kt_settings_t    settings;
    _Atomic uint64_t progress = 0;
    kt_outcome_t     outcome  = {0};
    kt_task_t        task     = {.job = 1, .run = 1, .body = body, .body_bytes = sizeof body - 1, .deadline_ms = 1000};
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    kt_isolated_run(&settings, &task, &progress, &outcome);
    cr_assert_eq(outcome.err, KT_ECRASH);
    cr_assert_not_null(outcome.document);
    free(outcome.document);
    kt_settings_fini(&settings);
}
