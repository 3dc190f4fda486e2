#include "node/work/isolated.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(outcome, settings_reach_a_child_as_they_are)
{
    char          why[KT_SETTINGS_WHY];
    char         *nothing[] = {NULL};
    kt_settings_t settings, copy;
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_HOP_LENGTH", "256", why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_MEDIA_ROOTS", "/a b:/c#d", why), KT_OK);
    cr_assert_eq(kt_settings_copy(&settings, &copy), KT_OK);
    cr_assert_eq(copy.hop_length, 256);
    cr_assert_str_eq(copy.media_roots, "/a b:/c#d");
    cr_assert_eq(copy.file_deadline_s, settings.file_deadline_s);
    kt_settings_fini(&copy);
    kt_settings_fini(&settings);
}

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

// Here the program that would be the child is the test itself, which knows no --solo-child: it ends without a word.
Test(outcome, a_child_that_says_nothing_is_a_crash_of_its_file_alone)
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
