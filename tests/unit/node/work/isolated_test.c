// The child is this test program again; KITHARA_TEST_CHILD selects what it does instead of running tests.
#include "common/clock.h"
#include "node/work/isolated.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static char          body[] = "{\"message_id\":\"m\",\"file_path\":\"/x.mp3\"}";
static kt_settings_t settings;
static kt_task_t     task;
static kt_outcome_t  outcome;

// glibc passes the arguments of main.
__attribute__((constructor)) static void
be_the_child(int argc, char **argv)
{
    const char *what = getenv("KITHARA_TEST_CHILD");
    if (!what || argc != 2 || strcmp(argv[1], "--solo-child") != 0)
        return;
    if (strcmp(what, "serve") == 0)
        _exit(kt_isolated_child());
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (strcmp(what, "hang") == 0)
        pause();
    raise(SIGKILL);
}

static void
setup(void)
{
    char  why[KT_SETTINGS_WHY];
    char *environment[] = {NULL};
    cr_assert_eq(kt_settings_load(&settings, NULL, environment, why), KT_OK);
    task = (kt_task_t){.job = 1, .run = 1, .body = body, .body_bytes = sizeof body - 1, .deadline_ms = 60000};
}

static void
teardown(void)
{
    free(outcome.document);
    kt_settings_fini(&settings);
}

TestSuite(isolated, .init = setup, .fini = teardown, .timeout = 60);

static void
run_child(const char *what)
{
    char             why[KT_DOCUMENT_WHY] = "";
    _Atomic uint64_t progress             = 0;
    setenv("KITHARA_TEST_CHILD", what, 1);
    kt_isolated_run(&settings, &task, &progress, &outcome);
    unsetenv("KITHARA_TEST_CHILD");
    cr_assert_not_null(outcome.document);
    cr_assert_eq(kt_document_check(outcome.document, outcome.document_bytes, why), KT_OK, "%s", why);
}

Test(isolated, a_child_returns_the_outcome_of_the_file)
{
    run_child("serve");
    cr_assert_eq(outcome.err, KT_EROOT, "%s: %s", kt_err_name(outcome.err), outcome.detail);
    cr_assert_not_null(strstr(outcome.document, "ANALYZER_MEDIA_ROOTS"));
}

Test(isolated, a_child_that_crashes_fails_its_file_alone)
{
    run_child("die");
    cr_assert_eq(outcome.err, KT_ECRASH);
    cr_assert_str_eq(outcome.detail, "signal SIGKILL (9)");
}

Test(isolated, a_child_that_does_not_end_is_killed_after_the_shorter_limit)
{
    char    why[KT_SETTINGS_WHY];
    int64_t from_ms = kt_clock_ms();
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_FILE_DEADLINE", "1", why), KT_OK);
    run_child("hang");
    cr_assert_eq(outcome.err, KT_ETIME, "%s: %s", kt_err_name(outcome.err), outcome.detail);
    cr_assert_lt(kt_clock_ms() - from_ms, 30000);
}

Test(isolated, a_cancelled_task_ends_its_child)
{
    task.cancelled = true;
    run_child("hang");
    cr_assert_eq(outcome.err, KT_ECANCELLED);
}
