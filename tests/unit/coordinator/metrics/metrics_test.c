#include "coordinator/metrics/metrics.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *type, *unit, *labels, *help;
} ROWS[] = {
#define KT_METRIC(id, name, type, unit, labels, help) {name, #type, unit, labels, help},
#include "coordinator/metrics/metrics.def"
#undef KT_METRIC
};

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

Test(metrics, names_follow_the_conventions)
{
    for (size_t i = 0; i < KT_METRICS; i++) {
        const char *name = ROWS[i].name;
        cr_expect(strncmp(name, "kithara_", 8) == 0 || strncmp(name, "process_", 8) == 0, "%s", name);
        cr_expect_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name), "%s", name);
        cr_expect_eq(strcmp(ROWS[i].type, "COUNTER") == 0, ends_with(name, "_total"), "%s", name);
        if (*ROWS[i].unit)
            cr_expect(strstr(name, ROWS[i].unit), "%s lacks its unit %s", name, ROWS[i].unit);
        cr_expect(*ROWS[i].help && !strpbrk(ROWS[i].help, "\n\\|"), "%s", name);
        for (size_t j = 0; j < i; j++)
            cr_expect(strcmp(name, ROWS[j].name) != 0, "%s", name);
    }
}

Test(metrics, no_label_names_a_job_or_a_file)
{
    static const char *const never[] = {"job", "file", "path", "message"};
    for (size_t i = 0; i < KT_METRICS; i++)
        for (size_t j = 0; j < sizeof never / sizeof *never; j++)
            cr_expect_not(strstr(ROWS[i].labels, never[j]), "%s", ROWS[i].name);
}

Test(metrics, samples_are_written_in_the_text_format)
{
    kt_buf_t out;
    kt_buf_init(&out, 4096);
    kt_metric_one(&out, KT_METRIC_LEDGER_UP, 1);
    kt_metric_begin(&out, KT_METRIC_NODE_FILES);
    kt_metric_add(&out, KT_METRIC_NODE_FILES, "", (const char *[]){"node", "a\"b\\c\nd", "outcome", "done", NULL},
                  1e15);
    kt_metric_add(&out, KT_METRIC_STAGE, "_sum", (const char *[]){"stage", "decode", NULL}, 0.1);
    kt_metric_add(&out, KT_METRIC_STAGE, "", NULL, (double)NAN);
    kt_metric_add(&out, KT_METRIC_STAGE, "", NULL, -(double)INFINITY);
    cr_assert_str_eq(out.bytes, "# HELP kithara_ledger_up 1 while the ledger answers\n"
                                "# TYPE kithara_ledger_up gauge\n"
                                "kithara_ledger_up 1\n"
                                "# HELP kithara_node_files_total files that a node finished since it connected: done, "
                                "failed\n# TYPE kithara_node_files_total counter\n"
                                "kithara_node_files_total{node=\"a\\\"b\\\\c\\nd\",outcome=\"done\"} 1000000000000000\n"
                                "kithara_stage_seconds_sum{stage=\"decode\"} 0.1\n"
                                "kithara_stage_seconds NaN\nkithara_stage_seconds -Inf\n");
    kt_buf_fini(&out);
}

Test(metrics, a_label_has_no_control_characters)
{
    kt_buf_t out;
    kt_buf_init(&out, 1 << 16);
    kt_metric_add(&out, KT_METRIC_STAGE, "",
                  (const char *[]){"stage",
                                   "a\rb\x1B[2Jc\xC2\x9B"
                                   "d\xE2\x80\xAE"
                                   "e\xFF\xC3\xB6",
                                   NULL},
                  1);
    cr_assert_str_eq(out.bytes, "kithara_stage_seconds{stage=\"a?b?[2Jc?d?e?\xC3\xB6\"} 1\n");
    kt_buf_fini(&out);
}

Test(metrics, the_page_has_a_row_for_each)
{
    kt_buf_t out;
    kt_buf_init(&out, 1 << 20);
    kt_metrics_markdown(&out);
#define KT_METRIC(id, name, type, unit, labels, help) cr_expect(strstr(out.bytes, "| `" name "` | "), "%s", name);
#include "coordinator/metrics/metrics.def"
#undef KT_METRIC
    kt_buf_fini(&out);
}
