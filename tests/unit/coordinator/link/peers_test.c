#include "coordinator/link/peers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MANY = 3000, REFS = 20000 };

typedef struct told {
    size_t           messages, acks, cancels, nacks, largest;
    kt_node_handle_t last;
} told_t;

static void
count(void *context, kt_peer_t *peer, const kt_msg_t *msg)
{
    told_t *told = context;
    size_t  n    = msg->type == KT_MSG_ACK      ? msg->ack.items.n
                   : msg->type == KT_MSG_CANCEL ? msg->cancel.items.n
                                                : msg->nack.items.n;
    told->messages++;
    told->last = peer->handle;
    told->acks += msg->type == KT_MSG_ACK ? n : 0;
    told->cancels += msg->type == KT_MSG_CANCEL ? n : 0;
    told->nacks += msg->type == KT_MSG_NACK ? n : 0;
    told->largest = n > told->largest ? n : told->largest;
}

Test(peers, many_are_found_by_handle)
{
    kt_peers_t peers;
    kt_peers_init(&peers);
    for (uint64_t i = 0; i < MANY; i++) {
        kt_peer_t *peer = NULL;
        cr_assert_eq(kt_peers_add(&peers, i * 7919 % MANY + 1, &peer), KT_OK);
    }
    cr_assert_eq(peers.n, MANY);
    for (uint64_t i = 1; i <= MANY; i += 2)
        kt_peers_remove(&peers, i);
    for (uint64_t i = 1; i <= MANY; i++)
        cr_assert_eq(kt_peers_find(&peers, i) != NULL, i % 2 == 0);
    kt_peers_fini(&peers);
}

Test(peers, a_name_leads_to_the_connection_of_the_last_message)
{
    kt_peers_t peers;
    kt_peer_t *old = NULL, *new = NULL;
    kt_peers_init(&peers);
    cr_assert_eq(kt_peers_add(&peers, 1, &new), KT_OK);
    cr_assert_eq(kt_peers_add(&peers, 2, &old), KT_OK);
    snprintf(old->name, sizeof old->name, "gpu7");
    snprintf(new->name, sizeof new->name, "gpu7");
    old->heard_ms = 10;
    new->heard_ms = 20;
    cr_assert_eq(kt_peers_named(&peers, "gpu7"), new);
    cr_assert_null(kt_peers_named(&peers, "gpu8"));
    kt_peers_fini(&peers);
}

Test(peers, a_turns_references_are_one_message_a_kind)
{
    kt_peers_t peers;
    kt_peer_t *peer = NULL;
    told_t     told = {0};
    kt_peers_init(&peers);
    cr_assert_eq(kt_peers_add(&peers, 5, &peer), KT_OK);
    for (uint64_t i = 0; i < 100; i++) {
        kt_peer_ack(&peers, peer, (kt_run_id_t){i, 1});
        kt_peer_cancel(&peers, peer, (kt_run_id_t){i, 1});
        kt_peer_nack(&peers, peer, (kt_run_id_t){i, 1}, KT_EBADDATA);
    }
    kt_peers_flush(&peers, count, &told);
    cr_assert_eq(told.messages, 3);
    cr_assert(told.acks == 100 && told.cancels == 100 && told.nacks == 100);
    kt_peers_flush(&peers, count, &told);
    cr_assert_eq(told.messages, 3, "nothing is sent twice");
    kt_peers_fini(&peers);
}

Test(peers, long_lists_are_cut_at_the_tables_bound)
{
    kt_peers_t peers;
    kt_peer_t *peer = NULL;
    told_t     told = {0};
    kt_peers_init(&peers);
    cr_assert_eq(kt_peers_add(&peers, 5, &peer), KT_OK);
    for (uint64_t i = 0; i < REFS; i++)
        kt_peer_ack(&peers, peer, (kt_run_id_t){i, 1});
    kt_peers_flush(&peers, count, &told);
    cr_assert_eq(told.acks, REFS);
    cr_assert_eq(told.messages, 3);
    cr_assert_leq(told.largest, 8192);
    kt_peers_fini(&peers);
}

Test(peers, one_that_left_in_the_same_turn_is_sent_nothing)
{
    kt_peers_t peers;
    kt_peer_t *peer = NULL;
    told_t     told = {0};
    kt_peers_init(&peers);
    cr_assert_eq(kt_peers_add(&peers, 5, &peer), KT_OK);
    kt_peer_ack(&peers, peer, (kt_run_id_t){1, 1});
    kt_peers_remove(&peers, 5);
    kt_peers_flush(&peers, count, &told);
    cr_assert_eq(told.messages, 0);
    kt_peers_fini(&peers);
}
