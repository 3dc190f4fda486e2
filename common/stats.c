#include "common/stats.h"

void
kt_stat_add(kt_stat_t *self, int64_t delta)
{
    atomic_fetch_add_explicit(&self->value, delta, memory_order_relaxed);
}

void
kt_stat_set(kt_stat_t *self, int64_t value)
{
    atomic_store_explicit(&self->value, value, memory_order_relaxed);
}

int64_t
kt_stat_get(const kt_stat_t *self)
{
    return atomic_load_explicit(&self->value, memory_order_relaxed);
}

// Prometheus' text format escapes backslash and line feed in a help text.
static void
add_help(kt_buf_t *out, const char *help)
{
    for (; *help; help++) {
        if (*help == '\\')
            kt_buf_str(out, "\\\\");
        else if (*help == '\n')
            kt_buf_str(out, "\\n");
        else
            kt_buf_add(out, help, 1);
    }
}

static void
add_value(kt_buf_t *out, const kt_stat_desc_t *desc, int64_t value)
{
    if (desc->scale == 0 || desc->scale == 1)  // a descriptor that leaves the scale out means 1
        kt_buf_fmt(out, " %lld\n", (long long)value);
    else
        kt_buf_fmt(out, " %.15g\n", (double)value * desc->scale);
}

void
kt_stats_render(kt_buf_t *out, const kt_stat_desc_t *descs, const kt_stat_t *stats, size_t n, const char *labels)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = descs[i].name;
        kt_buf_fmt(out, "# HELP %s ", name);
        add_help(out, descs[i].help);
        kt_buf_fmt(out, "\n# TYPE %s %s\n", name, descs[i].type == KT_STAT_COUNTER ? "counter" : "gauge");
        kt_buf_str(out, name);
        if (*labels)
            kt_buf_fmt(out, "{%s}", labels);
        add_value(out, &descs[i], kt_stat_get(&stats[i]));
    }
}
