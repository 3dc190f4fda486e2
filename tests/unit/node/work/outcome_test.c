#include "node/work/outcome.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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
