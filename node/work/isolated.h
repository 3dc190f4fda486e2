// kt_isolated -- a suspect of a crash in a process of its own: the same program again (--solo-child), the task and its
// outcome as wire messages over a socket pair. Whatever the child does, the caller gets an outcome within the deadline:
// KT_ECRASH for a child that ends without one, KT_ETIME for one that does not end.
#pragma once

#include "common/settings.h"
#include "node/work/task.h"

// On a worker thread; blocks until the child has ended. progress grows while the child advances.
void kt_isolated_run(const kt_settings_t *settings, const kt_task_t *task, _Atomic uint64_t *progress,
                     kt_outcome_t *outcome);
int  kt_isolated_child(void);  // the main of the child; its exit status
