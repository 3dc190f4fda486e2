// The parts of AMQP that need no broker: tags of deliveries, the window of what is not confirmed, pauses.
#include "coordinator/amqp/backoff.h"
#include "coordinator/amqp/confirms.h"
#include "coordinator/amqp/connection.h"
#include "coordinator/amqp/delivery_tags.h"
#include "coordinator/amqp/id_set.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct acks {
    char     text[256];
    kt_err_t err;
} acks_t;

static kt_err_t
note_ack(void *context, uint64_t tag, bool multiple)
{
    acks_t *self = context;
    size_t  at   = strlen(self->text);
    snprintf(self->text + at, sizeof self->text - at, "%llu%s ", (unsigned long long)tag, multiple ? "*" : "");
    return self->err;
}

static void
deliver(kt_tags_t *tags, uint64_t first, uint64_t last)
{
    for (uint64_t tag = first; tag <= last; tag++)
        cr_assert_eq(kt_tags_deliver(tags, tag), KT_OK);
}

static const char *
flush(kt_tags_t *tags, acks_t *acks)
{
    acks->text[0] = '\0';
    cr_assert_eq(kt_tags_flush(tags, note_ack, acks), acks->err);
    return acks->text;
}

Test(amqp_tags, neighbours_are_acknowledged_as_one_and_late_ones_alone)
{
    kt_tags_t tags;
    acks_t    acks = {0};
    cr_assert_eq(kt_tags_init(&tags, 16), KT_OK);
    kt_tags_begin(&tags);
    deliver(&tags, 1, 9);
    for (uint64_t tag = 1; tag <= 3; tag++)
        cr_assert(kt_tags_settle(&tags, 1, tag));
    cr_assert(kt_tags_settle(&tags, 1, 6));
    cr_assert_str_eq(flush(&tags, &acks), "3* 6 ");
    cr_assert_str_eq(flush(&tags, &acks), "", "nothing twice");
    cr_assert(kt_tags_settle(&tags, 1, 4));
    cr_assert_str_eq(flush(&tags, &acks), "4 ");
    cr_assert(kt_tags_settle(&tags, 1, 5));
    cr_assert_str_eq(flush(&tags, &acks), "5 ", "not 6, which RabbitMQ has settled already");
    cr_assert(kt_tags_settle(&tags, 1, 8));
    cr_assert(kt_tags_settle(&tags, 1, 7));
    cr_assert_str_eq(flush(&tags, &acks), "8* ");
    cr_assert_eq(tags.next - tags.first, 1);
    kt_tags_fini(&tags);
}

Test(amqp_tags, tags_of_an_earlier_connection_are_void)
{
    kt_tags_t tags;
    acks_t    acks = {0};
    cr_assert_eq(kt_tags_init(&tags, 4), KT_OK);
    kt_tags_begin(&tags);
    deliver(&tags, 1, 3);
    kt_tags_begin(&tags);
    deliver(&tags, 1, 2);
    cr_assert(!kt_tags_settle(&tags, 1, 1));
    cr_assert(!kt_tags_settle(&tags, 2, 3), "never delivered here");
    cr_assert(!kt_tags_settle(&tags, 2, 0));
    cr_assert(kt_tags_settle(&tags, 2, 2));
    cr_assert(!kt_tags_settle(&tags, 2, 2), "once");
    cr_assert_str_eq(flush(&tags, &acks), "2 ");
    kt_tags_fini(&tags);
}

Test(amqp_tags, a_broker_that_delivers_out_of_turn_or_too_much_is_noticed)
{
    kt_tags_t tags;
    cr_assert_eq(kt_tags_init(&tags, 2), KT_OK);
    kt_tags_begin(&tags);
    cr_assert_eq(kt_tags_deliver(&tags, 2), KT_EMESSAGE);
    deliver(&tags, 1, 2);
    cr_assert_eq(kt_tags_deliver(&tags, 3), KT_EMESSAGE);
    kt_tags_fini(&tags);
}

Test(amqp_tags, a_failed_acknowledgement_is_returned)
{
    kt_tags_t tags;
    acks_t    acks = {.err = KT_EIO};
    cr_assert_eq(kt_tags_init(&tags, 2), KT_OK);
    kt_tags_begin(&tags);
    deliver(&tags, 1, 1);
    kt_tags_settle(&tags, 1, 1);
    cr_assert_str_eq(flush(&tags, &acks), "1 ");
    kt_tags_fini(&tags);
}

Test(amqp_tags, the_window_moves_on_for_ever)
{
    kt_tags_t tags;
    acks_t    acks = {0};
    cr_assert_eq(kt_tags_init(&tags, 3), KT_OK);
    kt_tags_begin(&tags);
    for (uint64_t tag = 1; tag <= 100; tag++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%llu ", (unsigned long long)tag);
        deliver(&tags, tag, tag);
        cr_assert(kt_tags_settle(&tags, 1, tag));
        cr_assert_str_eq(flush(&tags, &acks), expected);
    }
    kt_tags_fini(&tags);
}

// Items are rejects; what becomes of them is written down: A acknowledged, N refused, R returned, L lost.
static char        rejects[] = "abcdefghijklmnopqrstuvwxyz";
static kt_window_t window;
static char        outcome[256];

static void
note_settled(void *context, void *item, bool acked, bool returned)
{
    size_t at = strlen(outcome);
    (void)context;
    snprintf(outcome + at, sizeof outcome - at, "%c%c ", *(char *)item, !acked ? 'N' : returned ? 'R' : 'A');
}

static void
open_window(void)
{
    cr_assert_eq(kt_window_init(&window, 8), KT_OK);
    outcome[0] = '\0';
}

static void
close_window(void)
{
    kt_window_fini(&window);
}

TestSuite(amqp_window, .init = open_window, .fini = close_window);

static void
publish(size_t n)
{
    static size_t next;
    for (size_t i = 0; i < n; i++, next++)
        kt_window_add(&window, &rejects[next % 26], 100 + next);
}

static const char *
settle(uint64_t number, bool multiple, bool acked)
{
    outcome[0] = '\0';
    cr_assert_eq(kt_window_settle(&window, number, multiple, acked, note_settled, NULL), KT_OK);
    return outcome;
}

Test(amqp_window, answers_come_one_by_one_in_any_order)
{
    publish(3);
    cr_assert_str_eq(settle(2, false, true), "bA ");
    cr_assert_str_eq(settle(2, false, true), "", "once");
    cr_assert_str_eq(settle(3, false, false), "cN ");
    cr_assert_eq(window.open, 1);
    cr_assert_str_eq(settle(1, false, true), "aA ");
    cr_assert_eq(window.open, 0);
    cr_assert_eq(window.first, window.next);
}

Test(amqp_window, a_multiple_answer_settles_all_that_is_open_up_to_it)
{
    publish(6);
    cr_assert_str_eq(settle(2, false, false), "bN ");
    cr_assert_str_eq(settle(4, true, true), "aA cA dA ");
    cr_assert_str_eq(settle(0, true, false), "eN fN ", "0: all that is out");
    cr_assert_str_eq(settle(0, true, true), "");
}

Test(amqp_window, a_returned_message_is_acknowledged_as_returned)
{
    publish(4);
    cr_assert(kt_window_return(&window, 102));
    cr_assert(kt_window_return(&window, 100), "they need not come in order");
    cr_assert(!kt_window_return(&window, 55));
    cr_assert_str_eq(settle(4, true, true), "aR bA cR dA ");
    cr_assert(!kt_window_return(&window, 102), "settled already");
}

Test(amqp_window, numbers_that_were_never_published_are_an_error)
{
    publish(2);
    cr_assert_eq(kt_window_settle(&window, 3, false, true, note_settled, NULL), KT_EMESSAGE);
    cr_assert_eq(kt_window_settle(&window, 0, false, true, note_settled, NULL), KT_EMESSAGE);
    cr_assert_eq(kt_window_settle(&window, UINT64_MAX, true, true, note_settled, NULL), KT_EMESSAGE);
    cr_assert_eq(window.open, 2);
}

Test(amqp_window, a_full_window_has_room_again_from_its_oldest_end)
{
    publish(8);
    cr_assert(!kt_window_has_room(&window, 1));
    settle(5, false, true);
    cr_assert(!kt_window_has_room(&window, 1), "its span counts");
    settle(1, false, true);
    cr_assert(kt_window_has_room(&window, 1));
    publish(1);
    cr_assert(!kt_window_has_room(&window, 1));
}

Test(amqp_window, a_new_connection_gives_back_what_is_open_and_counts_anew)
{
    publish(3);
    settle(2, false, true);
    outcome[0] = '\0';
    kt_window_begin(&window, note_settled, NULL);
    cr_assert_str_eq(outcome, "aN cN ");
    publish(1);
    cr_assert_str_eq(settle(1, false, true), "dA ");
}

Test(amqp_backoff, pauses_double_up_to_half_a_minute_and_differ)
{
    kt_backoff_t one, two;
    int64_t      most = KT_BACKOFF_FIRST_MS, same = 0;
    kt_backoff_init(&one, 1);
    kt_backoff_init(&two, 2);
    for (int i = 0; i < 20; i++) {
        int64_t a = kt_backoff_next(&one), b = kt_backoff_next(&two);
        cr_assert(a >= most / 2 && a <= most && b >= most / 2 && b <= most, "%lld %lld of %lld", (long long)a,
                  (long long)b, (long long)most);
        same += a == b;
        most = most * 2 > KT_BACKOFF_MOST_MS ? KT_BACKOFF_MOST_MS : most * 2;
    }
    cr_assert_lt(same, 5);
    cr_assert_eq(most, 30000);
    kt_backoff_reset(&one);
    cr_assert_leq(kt_backoff_next(&one), KT_BACKOFF_FIRST_MS);
}

Test(id_set, what_is_added_is_there_until_it_is_removed)
{
    kt_ids_t ids;
    cr_assert_eq(kt_ids_init(&ids, 1000), KT_OK);
    for (uint64_t id = 1; id <= 1000; id++)
        cr_assert(kt_ids_add(&ids, id * 7));
    cr_assert(!kt_ids_add(&ids, 9999991), "full");
    cr_assert(!kt_ids_add(&ids, 0));
    for (uint64_t id = 1; id <= 1000; id += 2)
        kt_ids_remove(&ids, id * 7);
    kt_ids_remove(&ids, 5);
    kt_ids_remove(&ids, 0);
    cr_assert_eq(ids.n, 500);
    for (uint64_t id = 1; id <= 1000; id++)
        cr_assert_eq(kt_ids_has(&ids, id * 7), id % 2 == 0);
    cr_assert(!kt_ids_add(&ids, 14), "in already");
    cr_assert(!kt_ids_has(&ids, 0));
    kt_ids_fini(&ids);
}
