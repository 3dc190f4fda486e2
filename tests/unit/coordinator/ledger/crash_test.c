// A coordinator's ledger killed at any instruction: the parent opens it again and the audit finds every rule kept, and
// nothing that was answered is missing.
#include "common/clock.h"
#include "tests/unit/coordinator/ledger/fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 24, GROUP = 16 };

static void
insert_group(kt_ledger_t *ledger, uint64_t first)
{
    kt_job_t      job[GROUP];
    kt_new_job_t  row[GROUP];
    kt_inserted_t how[GROUP];
    uint64_t      ids[GROUP];
    for (size_t i = 0; i < GROUP; i++)
        fixture_job(first + i, (kt_priority_t)(i % 3), 0, &job[i], &row[i]);
    if (ledger->ops->insert_jobs(ledger, row, GROUP, how, ids))
        _exit(2);
}

// Writes to the pipe how many results were answered in all, after each commit.
static void
work(const char *folder, uint64_t first, int pipe_fd)
{
    kt_ledger_t *ledger = fixture_sqlite(folder);
    kt_lease_t   lease  = fixture_lease(ledger, "killed");
    for (uint64_t stored = 0;; first += GROUP) {
        kt_run_id_t  ids[GROUP];
        kt_result_t  results[GROUP];
        kt_attempt_t blame = {.attempt = 1, .err = KT_ENODELOST, .node_name = "n"};
        kt_stored_t  how[GROUP];
        insert_group(ledger, first);
        size_t n = fixture_claim_n(ledger, &lease, GROUP, 0, ids);
        for (size_t i = 0; i < n; i++)
            results[i] = i % 4 ? fixture_success(ids[i]) : fixture_failure(ids[i], KT_EFORMAT);
        blame.id = ids[0];
        if (n < 4 || ledger->ops->blame(ledger, &lease, &blame, 1) ||
            ledger->ops->fail(ledger, &lease, results, 1, how) || ledger->ops->store(ledger, results + 1, 3, how) ||
            ledger->ops->release(ledger, &lease, ids + 4, n - 4))
            _exit(3);
        stored += 4;
        if (write(pipe_fd, &stored, sizeof stored) != sizeof stored)
            _exit(4);
    }
}

// The last number of the child before it was killed. It is killed once it has written `after` numbers, plus a moment of
// a random length that is spent waiting for one more.
static uint64_t
listen_and_kill(pid_t child, int fd, int after, int moment_ms)
{
    uint64_t last = 0, said;
    for (int i = 0; i < after; i++, last = said)
        cr_assert_eq(read(fd, &said, sizeof said), sizeof said);
    struct pollfd never = {.fd = -1};
    poll(&never, 1, moment_ms);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    while (read(fd, &said, sizeof said) == sizeof said)
        last = said;
    return last;
}

Test(ledger_crash, killed_at_any_moment_it_keeps_every_rule_and_all_that_was_answered, .timeout = 100)
{
    char     folder[FIXTURE_PATH];
    uint64_t answered = 0, first = 1;
    fixture_folder(folder);
    srand(5);
    for (int round = 0; round < KILLS; round++) {
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            work(folder, first, ends[1]);
        }
        close(ends[1]);
        answered += listen_and_kill(child, ends[0], rand() % 4, rand() % 12);
        close(ends[0]);
        kt_ledger_t *ledger = fixture_sqlite(folder);
        fixture_audit_clean(ledger);
        kt_totals_t totals = fixture_totals(ledger);
        cr_assert_geq(totals.done + totals.failed, answered);
        answered = totals.done + totals.failed;
        first    = 1 + totals.queued + totals.claimed + totals.done + totals.failed;
        kt_ledger_close(&ledger);
    }
    cr_assert_gt(answered, 0);
    fixture_remove(folder);
}
