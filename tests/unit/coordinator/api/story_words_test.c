// What happened to a job, in words: every event, every state.
#include "coordinator/api/story_words.h"

#include <criterion/criterion.h>
#include <string.h>

Test(story_words, every_event_is_a_sentence)
{
    static const struct {
        kt_story_row_t event;
        const char    *text;
        unsigned       number;
    } rows[] = {
        {{.type = KT_STORY_ACCEPTED}, "The job was accepted; it is in the ledger: from here on it cannot be lost.", 0},
        {{.type = KT_STORY_CLAIMED, .name = "north"}, "Coordinator north holds it.", 0},
        {{.type = KT_STORY_ATTEMPT, .attempt = 2, .err = KT_EIO, .name = "n1", .detail = "read: 5"},
         "Attempt 2 on node n1 failed: I/O failed (EIO): read: 5; tried again, preferably elsewhere.",
         2},
        {{.type = KT_STORY_OUTCOME, .attempt = 1, .err = KT_ENOFILE, .name = "n1"},
         "Attempt 1 on node n1 failed: no such file (ENOFILE); ended: another attempt would give the same.",
         1},
        {{.type = KT_STORY_OUTCOME, .err = KT_EIO, .detail = "I/O failed on /mnt"},
         "Attempt 3 failed: I/O failed on /mnt (EIO); ended: its attempts are used up.",
         3},
        {{.type = KT_STORY_OUTCOME, .attempt = 1, .name = "n1"},
         "Attempt 1 on node n1 succeeded; the result is stored.",
         1},
        {{.type = KT_STORY_PUBLISHED, .at_ms = 1}, "Its answer was published: the broker has confirmed it.", 0},
        {{.type = KT_STORY_PUBLISHED}, "Its answer waits for the broker.", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[KT_STORY_SENTENCE];
        kt_story_sentence(&rows[i].event, rows[i].number, text);
        cr_assert_str_eq(text, rows[i].text);
    }
}

Test(story_words, every_state_says_how_it_stands_and_what_to_do)
{
    const kt_snapshot_t lost = {.coordinator = "c"}, leaving = {.view.ledger_up = true, .draining = true},
                        fenced = {.view.ledger_up = true}, empty = {.view = {.ledger_up = true, .lease_held = true}},
                        shut   = {.view = {.ledger_up = true, .lease_held = true, .nodes_live = 2, .nodes_drained = 2}},
                        busy   = {.view   = {.ledger_up = true, .lease_held = true, .nodes_live = 2},
                                  .totals = {.queued = 7}},
                        runs   = {.job_known = true, .job = {.state = "running", .node = "n1", .for_ms = 1500}},
                        stored = {.job_known = true, .job = {.state = "storing"}};
    const struct {
        const kt_snapshot_t *seen;
        kt_job_state_t       state;
        kt_err_t             err;
        bool                 waits;  // the answer, for the broker
        const char          *sentence, *action;
    } rows[] = {
        {&lost, KT_JOB_QUEUED, KT_OK, false, "waits: the ledger does not answer", "start the database"},
        {&leaving, KT_JOB_QUEUED, KT_OK, false, "is ending", "start a coordinator"},
        {&fenced, KT_JOB_QUEUED, KT_OK, false, "has no lease", "nothing"},
        {&empty, KT_JOB_QUEUED, KT_OK, false, "waits: no node is here", "kithara keys token new"},
        {&shut, KT_JOB_QUEUED, KT_OK, false, "all 2 nodes are drained", "kithara nodes undrain"},
        {&busy, KT_JOB_QUEUED, KT_OK, false, "7 jobs are queued", "nothing"},
        {&busy, KT_JOB_CLAIMED, KT_OK, false, "at another coordinator", "ask the coordinator"},
        {&runs, KT_JOB_CLAIMED, KT_OK, false, "runs on node n1 for 1.5 s", "nothing"},
        {&stored, KT_JOB_CLAIMED, KT_OK, false, "is being stored", "nothing"},
        {&busy, KT_JOB_FAILED, KT_ENOFILE, false, "has failed: no such file", "check the path; `kithara jobs retry 4`"},
        {&busy, KT_JOB_FAILED, KT_ENODELOST, false, "has failed: the node was lost", "look at the log"},
        {&busy, KT_JOB_DONE, KT_OK, false, "is done", "nothing"},
        {&busy, KT_JOB_DONE, KT_OK, true, "its answer waits for the broker", "kithara status"},
        {&busy, KT_JOB_CANCELLED, KT_ECANCELLED, false, "is cancelled", "`kithara jobs retry 4`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kt_story_now_t now;
        kt_job_row_t   job = {.id = {.job = 4, .run = 1}, .state = rows[i].state, .err = rows[i].err};
        kt_story_now(&job, rows[i].seen, !rows[i].waits, &now);
        cr_assert(strstr(now.sentence, rows[i].sentence), "%zu: %s", i, now.sentence);
        cr_assert(strstr(now.action, rows[i].action), "%zu: %s", i, now.action);
    }
}

Test(story_words, a_failure_that_waits_for_a_second_node_is_told)
{
    kt_story_now_t now;
    kt_snapshot_t  seen = {.job_known = true,
                           .job       = {.state = "sent", .node = "n2", .doubt_node = "n1", .doubt_err = KT_ENOFILE}};
    kt_job_row_t   job  = {.id = {.job = 4, .run = 1}, .state = KT_JOB_CLAIMED};
    kt_story_now(&job, &seen, false, &now);
    cr_assert(strstr(now.sentence, "is with node n2"));
    cr_assert(strstr(now.sentence, "failed on node n1 with ENOFILE"), "%s", now.sentence);
}

Test(story_words, the_node_that_lost_it_is_named)
{
    kt_story_now_t now;
    kt_snapshot_t  seen = {.job_known = true, .job = {.state = "running", .node = "n2", .taken_from = "n1"}};
    kt_job_row_t   job  = {.id = {.job = 4, .run = 1}, .state = KT_JOB_CLAIMED};
    kt_story_now(&job, &seen, false, &now);
    cr_assert(strstr(now.sentence, "runs on node n2"));
    cr_assert(strstr(now.sentence, "taken back from node n1, which made no progress or ended none"), "%s",
              now.sentence);
}
