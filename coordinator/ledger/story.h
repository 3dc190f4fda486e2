// ledger_story -- the one order in which every ledger returns a job's story: run by run, and within a run as it must
// have happened. Times label the rows and do not order them: they are clocks of several machines. Any thread.
#pragma once

#include "coordinator/ledger/outbox.h"

#include <stddef.h>

void kt_story_sort(kt_story_row_t *rows, size_t n);
