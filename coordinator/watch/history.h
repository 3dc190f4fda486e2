// kt_history -- the work of the last hour and the last day, in two rings of KT_HISTORY_POINTS points in memory and,
// where kt_history_keep was called, in a file of 40 KB. One thread adds, any thread reads.
#pragma once

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum { KT_HISTORY_POINTS = 360, KT_HISTORY_SAMPLE_MS = 10000 };

typedef enum kt_history_span { KT_HISTORY_HOUR, KT_HISTORY_DAY, KT_HISTORY_SPANS } kt_history_span_t;

// The state at a time; done and failed since the start of the process.
typedef struct kt_history_sample {
    int64_t  wall_ms;
    uint64_t waiting, in_work, done, failed;
    uint32_t live, absent;  // nodes
} kt_history_sample_t;

// A step of a span: waiting, in_work and live at its last sample, the most absent nodes of any, and what was done and
// failed within it.
typedef kt_history_sample_t kt_history_point_t;

typedef struct kt_history kt_history_t;

KT_MUST_USE kt_err_t kt_history_new(kt_history_t **self_p);  // KT_ENOMEM
void                 kt_history_destroy(kt_history_t **self_p);
// Continues the history of a file, which is made if it is missing, and writes each sample into it; slots of it that are
// not valid are left out. What was added before is dropped. A crash of the machine may lose the last half minute.
// KT_ELOCKED: another process keeps its history there; or as kt_file_write_err_of_errno. Then it goes on in memory.
KT_MUST_USE kt_err_t kt_history_keep(kt_history_t *self, const char *path, int64_t wall_ms);
void                 kt_history_add(kt_history_t *self, const kt_history_sample_t *sample);
// The points of a span, oldest first; steps without a sample are missing. Returns their number, and the step in
// seconds.
size_t kt_history_read(kt_history_t *self, kt_history_span_t span, kt_history_point_t out[KT_HISTORY_POINTS],
                       int64_t *step_s);
