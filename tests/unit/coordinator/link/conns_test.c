// Pairs of sockets stand for connections of a ROUTER at an ipc:// address.
#include "coordinator/link/conns.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = KT_CONNS_OF_KEY + 8 };

static kt_conns_t *conns;
static int         pairs[PAIRS][2];

static void
open_conns(void)
{
    cr_assert_eq(kt_conns_new(&conns, "ipc:///tmp/x"), KT_OK);
    for (int i = 0; i < PAIRS; i++)
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
}

static void
close_conns(void)
{
    kt_conns_destroy(&conns);
    kt_conns_destroy(&conns);
    for (int i = 0; i < PAIRS; i++)
        close(pairs[i][0]), close(pairs[i][1]);
}

TestSuite(conns, .init = open_conns, .fini = close_conns);

static bool
is_closed(int i)
{
    char byte;
    return recv(pairs[i][1], &byte, 1, MSG_DONTWAIT) == 0;
}

Test(conns, one_key_has_a_bounded_number_of_connections)
{
    for (int i = 0; i < KT_CONNS_OF_KEY; i++) {
        kt_conns_opened(conns, pairs[i][0], 1);
        cr_assert(kt_conns_heard(conns, pairs[i][0], "a", 1));
    }
    const int next = KT_CONNS_OF_KEY;
    kt_conns_opened(conns, pairs[next][0], 1);
    cr_expect_not(kt_conns_heard(conns, pairs[next][0], "a", 1));
    cr_expect(is_closed(next));
    cr_expect_not(kt_conns_heard(conns, pairs[next][0], "a", 2), "what it has sent before");
    cr_expect(kt_conns_heard(conns, pairs[0][0], "a", 2), "those of before stay");
    cr_expect_not(is_closed(0));
    cr_expect(kt_conns_heard(conns, pairs[next + 1][0], "b", 1), "another key has its own bound");
    kt_conns_ended(conns, pairs[0][0]);
    cr_expect(kt_conns_heard(conns, pairs[next + 2][0], "a", 1), "one has ended");
}

Test(conns, a_connection_whose_end_was_not_reported_is_not_counted)
{
    for (int i = 0; i < KT_CONNS_OF_KEY; i++)
        cr_assert(kt_conns_heard(conns, pairs[i][0], "a", 1));
    close(pairs[3][0]);
    cr_expect(kt_conns_heard(conns, pairs[KT_CONNS_OF_KEY][0], "a", 1));
    pairs[3][0] = dup(pairs[4][0]);
}

Test(conns, a_connection_that_says_nothing_is_closed)
{
    kt_conns_opened(conns, pairs[0][0], 1000);
    kt_conns_opened(conns, pairs[1][0], 1000);
    kt_conns_opened(conns, pairs[2][0], 2000);
    cr_expect(kt_conns_heard(conns, pairs[1][0], "a", 1500));
    kt_conns_opened(conns, pairs[1][0], 1600);  // the event came after the message
    cr_expect_eq(kt_conns_close_silent(conns, 999 + KT_CONNS_SILENT_MS), 0);
    cr_expect_eq(kt_conns_close_silent(conns, 1000 + KT_CONNS_SILENT_MS), 1);
    cr_expect(is_closed(0) && !is_closed(1) && !is_closed(2));
    cr_expect_eq(kt_conns_close_silent(conns, 1000 + KT_CONNS_SILENT_MS), 0);
}

Test(conns, other_descriptors_are_left_alone)
{
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    kt_conns_opened(conns, pipes[0], 1);
    kt_conns_opened(conns, -1, 1);
    kt_conns_opened(conns, 1 << 20, 1);
    kt_conns_ended(conns, 1 << 20);
    cr_expect_eq(kt_conns_close_silent(conns, 1 << 20), 0);
    cr_expect(kt_conns_heard(conns, -1, "a", 1), "a library that names no descriptor");
    close(pipes[0]), close(pipes[1]);

    kt_conns_t *tcp = NULL;  // of another address
    cr_assert_eq(kt_conns_new(&tcp, "tcp://127.0.0.1:8711"), KT_OK);
    kt_conns_opened(tcp, pairs[0][0], 1);
    cr_expect_eq(kt_conns_close_silent(tcp, 1 << 20), 0);
    cr_expect_not(is_closed(0));
    kt_conns_destroy(&tcp);
}
