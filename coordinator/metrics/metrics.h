// kt_metrics -- the table of metrics (metrics.def) and their output at /metrics: Prometheus text format 0.0.4. Pure;
// one thread per buffer.
#pragma once

#include "common/buf.h"

#include <stdint.h>

typedef enum kt_metric {
#define KT_METRIC(id, name, type, unit, labels, help) KT_METRIC_##id,
#include "coordinator/metrics/metrics.def"
#undef KT_METRIC
    KT_METRICS
} kt_metric_t;

#define KT_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

// Writes HELP and TYPE; the samples follow, one per set of labels. Not called for a metric without samples.
void kt_metric_begin(kt_buf_t *out, kt_metric_t metric);
// labels: name, value, name, value, ..., NULL; NULL: none. suffix: "", or "_bucket", "_sum", "_count" of a histogram.
void kt_metric_add(kt_buf_t *out, kt_metric_t metric, const char *suffix, const char *const *labels, double value);
void kt_metric_one(kt_buf_t *out, kt_metric_t metric, double value);  // begin and the one sample without labels
void kt_metrics_markdown(kt_buf_t *out);                              // docs/metrics.md
