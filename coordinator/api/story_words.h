// story_words -- what happened to a job, in sentences for people: `kithara jobs why` and /v1/jobs/ID/story. Pure; any
// thread.
#pragma once

#include "coordinator/ledger/outbox.h"
#include "coordinator/loop/calls.h"

enum { KT_STORY_SENTENCE = 1024 };

// What follows from an event: "tried again, preferably elsewhere".
const char *kt_story_meaning(const kt_story_row_t *event);
// The whole event: "Attempt 2 on node n1 failed: I/O failed (EIO): detail; tried again, preferably elsewhere." number:
// of the attempt within its run, from 1 (the event's own number also counts what the scheduler gave up).
void kt_story_sentence(const kt_story_row_t *event, unsigned number, char out[KT_STORY_SENTENCE]);

// The present state, to be read behind the job's name ("has failed: no such file"), and what a user does next.
typedef struct kt_story_now {
    char sentence[KT_STORY_SENTENCE];
    char action[KT_STORY_SENTENCE];
} kt_story_now_t;
// published: false while the answer waits for the broker.
void kt_story_now(const kt_job_row_t *job, const kt_snapshot_t *seen, bool published, kt_story_now_t *out);
