#include "coordinator/ledger/open/open.h"
#include "coordinator/ledger/rules.h"
#include "tests/unit/coordinator/ledger/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static kt_err_t
open_url(const char *url, const char *state_dir, kt_ledger_t **out, char why[KT_LEDGER_WHY])
{
    kt_settings_t settings = {.database_url = url, .state_dir = state_dir, .amqp_url = ""};
    why[0]                 = '\0';
    return kt_ledger_open(out, &settings, true, why);
}

Test(ledger_open, the_url_chooses_the_ledger)
{
    char         folder[FIXTURE_PATH], url[FIXTURE_PATH + 64], why[KT_LEDGER_WHY];
    kt_ledger_t *ledger = NULL;
    fixture_folder(folder);
    cr_assert_eq(open_url("memory:", folder, &ledger, why), KT_OK);
    cr_assert_str_eq(ledger->ops->name, "memory");
    kt_ledger_close(&ledger);
    snprintf(url, sizeof url, "sqlite:%s/other.db", folder);
    cr_assert_eq(open_url(url, "", &ledger, why), KT_OK, "%s", why);
    cr_assert_str_eq(ledger->ops->name, "sqlite");
    kt_ledger_close(&ledger);
    cr_assert_eq(open_url("", folder, &ledger, why), KT_OK, "%s", why);
    kt_ledger_close(&ledger);
    fixture_remove(folder);
}

Test(ledger_open, a_url_that_is_not_understood_is_never_repeated)
{
    char         why[KT_LEDGER_WHY];
    kt_ledger_t *ledger = NULL;
    cr_assert_eq(open_url("postgresql://u:secret@127.0.0.1:1/db", "", &ledger, why), KT_EUNREACHABLE);
    cr_assert(strstr(why, "127.0.0.1") && !strstr(why, "secret"), "%s", why);
    cr_assert_eq(open_url("postgresql://u:p@127.0.0.1:secret/db", "", &ledger, why), KT_EUNREACHABLE);
    cr_assert(strstr(why, "DATABASE_URL") && !strstr(why, "secret"), "%s", why);
    cr_assert_eq(open_url("postgresql://u:secret@127.0.0.1/db?secret=1", "", &ledger, why), KT_ESETTING);
    cr_assert(strstr(why, "DATABASE_URL") && !strstr(why, "secret"), "%s", why);
    cr_assert_eq(open_url("mysql://u:secret@h/db", "", &ledger, why), KT_ESETTING);
    cr_assert(strstr(why, "DATABASE_URL") && !strstr(why, "secret"), "%s", why);
    cr_assert_eq(open_url("sqlite:", "", &ledger, why), KT_ESETTING);
    cr_assert_null(ledger);
}

Test(ledger_rules, stages_are_json_whatever_their_names)
{
    char        out[KT_STAGES_TEXT];
    kt_result_t result = {.n_stages = 2};
    strcpy(result.stages[0].name, "decode");
    strcpy(result.stages[1].name, "a\"b\\c\n");
    result.stages[0].us = 12;
    result.stages[1].us = -1;
    cr_assert_str_eq(kt_rule_stages_json(&result, out), "{\"decode\":12,\"a_b_c_\":-1}");
    result.n_stages = 0;
    cr_assert_str_eq(kt_rule_stages_json(&result, out), "{}");
    result.n_stages = KT_RESULT_STAGES;
    for (size_t i = 0; i < KT_RESULT_STAGES; i++) {
        memset(result.stages[i].name, 'x', sizeof result.stages[i].name);
        result.stages[i].us = INT64_MIN;
    }
    size_t length = strlen(kt_rule_stages_json(&result, out));
    cr_assert(length < KT_STAGES_TEXT - 1 && out[length - 1] == '}', "the longest text fits");
}

Test(ledger_rules, days_are_utc_days)
{
    cr_assert_eq(kt_rule_day(0), 0);
    cr_assert_eq(kt_rule_day(86399999), 0);
    cr_assert_eq(kt_rule_day(86400000), 1);
    cr_assert_eq(kt_rule_day(-1), -1);
    cr_assert_eq(kt_rule_day(-86400001), -2);
}

Test(ledger_rules, each_state_has_a_name)
{
    cr_assert_str_eq(kt_job_state_name(KT_JOB_QUEUED), "queued");
    cr_assert_str_eq(kt_job_state_name(KT_JOB_CANCELLED), "cancelled");
    cr_assert_str_eq(kt_job_state_name((kt_job_state_t)17), "unknown");
}
