// kt_stats -- counters and gauges with static descriptors {name, help, type, unit}, updated by atomic operations from
// any thread, read by whoever renders them. A subsystem declares its own array; there is no registry of globals.
#pragma once

#include "common/buf.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_stat_type { KT_STAT_COUNTER, KT_STAT_GAUGE } kt_stat_type_t;

typedef struct kt_stat_desc {
    const char    *name;  // snake_case with the base unit: "kithara_results_total", "kithara_store_seconds_total"
    const char    *help;
    kt_stat_type_t type;
    const char    *unit;   // "", "seconds", "bytes"
    double         scale;  // shown value = stored integer * scale (microseconds kept as integers: 1e-6)
} kt_stat_desc_t;

typedef struct kt_stat {
    _Atomic int64_t value;
} kt_stat_t;

void    kt_stat_add(kt_stat_t *self, int64_t delta);
void    kt_stat_set(kt_stat_t *self, int64_t value);
int64_t kt_stat_get(const kt_stat_t *self);

// Prometheus text of n stats; labels is "" or `node="a"`.
void kt_stats_render(kt_buf_t *out, const kt_stat_desc_t *descs, const kt_stat_t *stats, size_t n, const char *labels);
