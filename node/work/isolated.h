// kt_isolated -- a suspect of a crash, alone in a process of its own: the same program again (--solo-child), the task
// and its outcome as wire messages over a socket pair. Whatever the child does, the caller gets an outcome within the
// deadline: a child that dies by a signal is KT_ECRASH, one that does not end KT_ETIME.
#pragma once

#include "common/settings.h"
#include "node/work/task.h"

// A worker's thread. progress grows while the child advances.
void kt_isolated_run(const kt_settings_t *settings, const kt_task_t *task, _Atomic uint64_t *progress,
                     kt_outcome_t *outcome);
// The child's main; its exit status.
int kt_isolated_child(void);

// A failure's document in place of whatever the outcome holds.
void kt_outcome_fail(kt_outcome_t *outcome, const char *body, size_t body_bytes, kt_err_t err, const char *detail);
// The analysis of one task here, by a worker of this process.
typedef struct kt_worker kt_worker_t;
void kt_outcome_run(kt_outcome_t *outcome, kt_worker_t *worker, const kt_task_t *task, int64_t limit_ms,
                    _Atomic uint64_t *progress);

// The settings by a descriptor that a child can inherit, and back.
KT_MUST_USE kt_err_t kt_settings_pass(const kt_settings_t *settings, int *fd);  // KT_ENOMEM, KT_ESYSTEM
KT_MUST_USE kt_err_t kt_settings_take(kt_settings_t *out, int fd);
KT_MUST_USE kt_err_t kt_settings_copy(const kt_settings_t *settings, kt_settings_t *out);
