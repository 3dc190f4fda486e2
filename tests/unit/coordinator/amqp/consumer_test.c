// Deliveries are settled only after the ledger has committed what they mean.
#include "../loop/posted.h"
#include "coordinator/amqp/consumer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static kt_ledger_port_t port;
static kt_consumer_t    consumer;
static size_t           work, fatals, rejected, acknowledged, left;

static void
on_event(void *context, const kt_event_t *event)
{
    (void)context, (void)event;
}

static void
on_fatal(void *context, const char *id, kt_err_t err)
{
    (void)context, (void)id, (void)err;
    fatals++;
}

static void
on_work(void *context)
{
    (void)context;
    work++;
}

static void
settle(void *context, kt_delivery_t **delivery_p)
{
    (void)context;
    acknowledged += (*delivery_p)->epoch != 0;
    left += (*delivery_p)->epoch == 0;
    kt_delivery_destroy(delivery_p);
}

static void
on_rejected(void *context)
{
    (void)context;
    rejected++;
}

static void
set_up(void)
{
    kt_sink_t          sink = {NULL, on_event, on_fatal, on_work};
    kt_consumer_opts_t opts = {.port = &port, .sink = sink, .settle = settle, .on_rejected = on_rejected};
    work = fatals = rejected = acknowledged = left = 0;
    kt_ledger_port_init(&port, sink);
    posted_set_up(&port);
    kt_consumer_init(&consumer, &opts);
}

static void
tear_down(void)
{
    posted_tear_down();
    kt_ledger_port_fini(&port);
    kt_consumer_fini(&consumer);
}

TestSuite(consumer, .init = set_up, .fini = tear_down);

static void
deliver(const char *body)
{
    kt_delivery_t *delivery = calloc(1, sizeof *delivery);
    delivery->epoch         = 1;
    delivery->body          = strdup(body);
    delivery->body_bytes = delivery->all_bytes = strlen(body);
    cr_assert_eq(kt_consumer_read(delivery), KT_OK);
    kt_consumer_deliver(&consumer, &delivery);
    cr_assert_null(delivery);
}

static void
answer_insert(kt_inserted_t how, kt_err_t err)
{
    kt_ledger_request_t *insert = posted_take(KT_LREQ_INSERT);
    cr_assert_not_null(insert);
    insert->insert.inserted = how;
    posted_answer(&port, insert, err);
}

static const char JOB[] = "{\"message_id\":\"a\",\"file_path\":\"/x.mp3\"}";

Test(consumer, a_new_job_is_acknowledged_after_its_commit_and_reported_as_work)
{
    deliver(JOB);
    cr_assert_eq(acknowledged, 0);
    answer_insert(KT_INSERTED_NEW, KT_OK);
    cr_assert_eq(acknowledged, 1);
    cr_assert_eq(work, 1);
    cr_assert_eq(consumer.accepted, 1);
    cr_assert_eq(consumer.n, 0);
}

Test(consumer, a_known_job_is_acknowledged_and_is_no_work)
{
    deliver(JOB);
    answer_insert(KT_INSERTED_KNOWN, KT_OK);
    cr_assert_eq(acknowledged, 1);
    cr_assert_eq(work, 0);
    cr_assert_eq(consumer.known, 1);
}

Test(consumer, what_cannot_be_read_is_rejected_into_the_outbox_first)
{
    deliver("no json");
    kt_ledger_request_t *reject = posted_take(KT_LREQ_REJECT);
    cr_assert_str_eq(reject->reject.body, "no json");
    cr_assert_eq(acknowledged, 0);
    posted_answer(&port, reject, KT_OK);
    cr_assert_eq(acknowledged, 1);
    cr_assert_eq(rejected, 1);
    cr_assert_eq(consumer.rejected, 1);
}

Test(consumer, a_clash_and_a_text_that_cannot_be_stored_are_rejected_with_the_reason)
{
    deliver(JOB);
    answer_insert(KT_INSERTED_CLASH, KT_OK);
    deliver(JOB);
    answer_insert(KT_INSERTED_NEW, KT_EBADDATA);
    kt_err_t errs[] = {KT_ECLASH, KT_EBADDATA};
    for (size_t i = 0; i < 2; i++) {
        kt_ledger_request_t *reject = posted_take(KT_LREQ_REJECT);
        cr_assert_eq(reject->reject.reject.err, errs[i]);
        cr_assert_str_eq(reject->reject.body, JOB);
        posted_answer(&port, reject, KT_OK);
    }
    cr_assert_eq(acknowledged, 2);
    cr_assert_eq(work, 0);
}

Test(consumer, an_error_of_the_ledger_leaves_the_message_with_the_broker)
{
    deliver(JOB);
    answer_insert(KT_INSERTED_NEW, KT_ECLOSED);
    deliver("no json");
    posted_answer(&port, posted_take(KT_LREQ_REJECT), KT_EIO);
    cr_assert_eq(acknowledged, 0);
    cr_assert_eq(left, 2);
    cr_assert_eq(fatals, 0);
}

Test(consumer, a_damaged_ledger_ends_the_loop)
{
    deliver(JOB);
    answer_insert(KT_INSERTED_NEW, KT_ESTATE);
    cr_assert_eq(fatals, 1);
    cr_assert_eq(left, 1);
}

Test(consumer, it_is_done_when_all_is_settled_or_the_time_is_over)
{
    deliver(JOB);
    kt_consumer_drain(&consumer, posted_clock.ms);
    cr_assert_not(kt_consumer_is_done(&consumer, posted_clock.ms));
    cr_assert(kt_consumer_is_done(&consumer, posted_clock.ms + 5000));
    answer_insert(KT_INSERTED_NEW, KT_OK);
    cr_assert(kt_consumer_is_done(&consumer, posted_clock.ms));
}

Test(consumer, what_is_unsettled_at_the_end_is_freed)
{
    kt_amqp_stats_t stats = {0};
    deliver(JOB);
    deliver(JOB);
    kt_consumer_stats(&consumer, &stats);
    cr_assert_eq(stats.delivered, 2);
    cr_assert_eq(stats.unsettled, 2);
}
