// kt_sampler -- what the loop gives to those who follow it: a sample for the history every ten seconds, an event
// "state" every second, an event "job" for each stored outcome. Loop thread.
#pragma once

#include "coordinator/loop/queries.h"
#include "coordinator/watch/events.h"
#include "coordinator/watch/history.h"

typedef struct kt_sampler {
    kt_queries_t *queries;  // all pointers are borrowed
    kt_history_t *history;  // NULL with events: nothing is sampled
    kt_events_t  *events;
    int64_t       due_ms;  // of the next sample
} kt_sampler_t;

void kt_sampler_tick(kt_sampler_t *self, int64_t now_ms, int64_t wall_ms);        // once a second
void kt_sampler_outcome(kt_sampler_t *self, const kt_ledger_request_t *request);  // a STORE or FAIL, just stored
