// kt_parts -- parts of a film in which something holds, at least some time long. One instance per thread; the list is
// bounded: past `most` parts the shortest are dropped.
#pragma once

#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_part {
    double begin_s, end_s;
} kt_part_t;

typedef struct kt_parts {
    double     least_s;
    size_t     most, n, room;
    bool       holds;
    double     begin_s;  // of the part that holds
    kt_part_t *at;
} kt_parts_t;

void     kt_parts_fini(kt_parts_t *self);
kt_err_t kt_parts_push(kt_parts_t *self, double time_s, bool holds);  // from time_s on. KT_ENOMEM
// A picture that equals none before it: what holds begins anew.
kt_err_t kt_parts_restart(kt_parts_t *self, double time_s);
// [{begin, end}] in the order of time. NULL: out of memory.
json_t *kt_parts_json(const kt_parts_t *self);
