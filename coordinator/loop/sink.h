// kt_sink -- where the parts of the loop report: events for the scheduler, errors that end the process, new work in the
// ledger. Passed by value. Loop thread.
#pragma once

#include "coordinator/sched/event.h"

typedef struct kt_sink {
    void *context;
    void (*event)(void *context, const kt_event_t *event);       // one step of the scheduler
    void (*fatal)(void *context, const char *id, kt_err_t err);  // logs the id and ends the loop
    void (*work)(void *context);                                 // the ledger has new jobs
} kt_sink_t;
