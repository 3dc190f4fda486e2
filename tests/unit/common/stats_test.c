#include "common/stats.h"

#include <criterion/criterion.h>
#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20000 };

static const kt_stat_desc_t DESCS[] = {
    {"kithara_results_total", "Results, each \\ one\nline", KT_STAT_COUNTER, "", 1},
    {"kithara_store_seconds_total", "Time in the ledger", KT_STAT_COUNTER, "seconds", 1e-6},
    {"kithara_queue_items", "Items", KT_STAT_GAUGE, "", 0},
};

static kt_stat_t stats[3];

static void *
count(void *unused)
{
    for (int i = 0; i < ROUNDS; i++)
        kt_stat_add(&stats[0], 1);
    return unused;
}

Test(stats, additions_of_many_threads_are_all_counted)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(kt_stat_get(&stats[0]), THREADS * ROUNDS);
}

Test(stats, prometheus_reads_help_type_and_scaled_value)
{
    kt_buf_t out;
    kt_buf_init(&out, 4096);
    kt_stat_add(&stats[0], 3);
    kt_stat_set(&stats[1], 1500000);
    kt_stat_set(&stats[2], -2);
    kt_stats_render(&out, DESCS, stats, 3, "node=\"a\"");
    cr_assert_str_eq(out.bytes, "# HELP kithara_results_total Results, each \\\\ one\\nline\n"
                                "# TYPE kithara_results_total counter\n"
                                "kithara_results_total{node=\"a\"} 3\n"
                                "# HELP kithara_store_seconds_total Time in the ledger\n"
                                "# TYPE kithara_store_seconds_total counter\n"
                                "kithara_store_seconds_total{node=\"a\"} 1.5\n"
                                "# HELP kithara_queue_items Items\n"
                                "# TYPE kithara_queue_items gauge\n"
                                "kithara_queue_items{node=\"a\"} -2\n");
    kt_buf_fini(&out);
}

Test(stats, without_labels_there_are_no_braces)
{
    kt_buf_t out;
    kt_buf_init(&out, 4096);
    kt_stats_render(&out, &DESCS[2], &stats[2], 1, "");
    cr_assert(strstr(out.bytes, "\nkithara_queue_items 0\n"));
    kt_buf_fini(&out);
}
