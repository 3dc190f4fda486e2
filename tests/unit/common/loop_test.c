#include "common/loop.h"

#include <criterion/criterion.h>
#include <czmq.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MESSAGES = 10, BURST = 4, TICK_MS = 5 };

static kt_loop_t *loop;
static zsock_t   *in, *out;
static int        fd;
static unsigned   flushes, ticks, reads, messages, events;
static unsigned   most_per_turn, this_turn, stop_at_ticks;

static void
on_flush(void *context)
{
    cr_assert_eq(context, &flushes);
    flushes++;
    most_per_turn = this_turn > most_per_turn ? this_turn : most_per_turn;
    this_turn     = 0;
}

static void
on_tick(void *context)
{
    cr_assert_eq(context, &flushes);
    if (++ticks >= stop_at_ticks)
        kt_loop_stop(loop);
}

static void
on_readable(void *context)
{
    uint64_t value;
    cr_assert_eq(context, &flushes);
    cr_assert_eq(read(fd, &value, sizeof value), sizeof value);
    if (++reads == 3)
        kt_loop_stop(loop);
    else
        cr_assert_eq(write(fd, &value, sizeof value), sizeof value);
}

static bool
receive(void *context, void *socket)
{
    char byte;
    if (zmq_recv(socket, &byte, 1, ZMQ_DONTWAIT) < 0)
        return false;
    this_turn++;
    if (++messages == MESSAGES)
        kt_loop_stop(context);
    return true;
}

static void
on_event(void *context, int event, int value)
{
    (void)value;
    cr_assert_eq(event, ZMQ_EVENT_LISTENING);
    events++;
    kt_loop_stop(context);
}

static void
setup(void)
{
    kt_loop_opts_t opts = {on_flush, on_tick, &flushes, TICK_MS};
    kt_socket_setup();
    stop_at_ticks = 2000;  // no test needs so long
    fd            = eventfd(0, EFD_CLOEXEC);
    cr_assert_eq(kt_loop_new(&loop, &opts), KT_OK);
}

static void
teardown(void)
{
    kt_loop_destroy(&loop);
    kt_loop_destroy(&loop);  // idempotent
    zsock_destroy(&in);
    zsock_destroy(&out);
    close(fd);
}

TestSuite(loop, .init = setup, .fini = teardown, .timeout = 60);

Test(loop, each_tick_is_a_turn_and_stop_ends_the_loop_after_it)
{
    stop_at_ticks = 3;
    kt_loop_run(loop);
    cr_assert_eq(ticks, 3);
    cr_assert_eq(flushes, 3);
}

Test(loop, a_descriptor_is_handled_while_it_is_readable)
{
    uint64_t one = 1;
    cr_assert_eq(kt_loop_watch(loop, fd, on_readable), KT_OK);
    cr_assert_eq(write(fd, &one, sizeof one), sizeof one);
    kt_loop_run(loop);
    cr_assert_eq(reads, 3);
    cr_assert_geq(flushes, 3);
}

Test(loop, a_turn_takes_a_bounded_number_of_messages)
{
    in  = zsock_new_pair("@inproc://loop-test");
    out = zsock_new_pair(">inproc://loop-test");
    cr_assert(in && out);
    for (int i = 0; i < MESSAGES; i++)
        cr_assert_eq(zmq_send(zsock_resolve(out), "x", 1, 0), 1);
    cr_assert_eq(kt_loop_socket(loop, in, BURST, receive, loop), KT_OK);
    kt_loop_run(loop);
    cr_assert_eq(messages, MESSAGES);
    cr_assert_eq(most_per_turn, BURST);
}

Test(loop, events_of_a_socket_reach_the_handler)
{
    in = zsock_new(ZMQ_PULL);
    cr_assert(in);
    cr_assert_eq(kt_loop_monitor(loop, in, BURST, ZMQ_EVENT_LISTENING, on_event, loop), KT_OK);
    cr_assert_geq(zsock_bind(in, "tcp://127.0.0.1:*"), 0);
    kt_loop_run(loop);
    cr_assert_eq(events, 1);
}

Test(loop, the_number_of_sources_is_bounded)
{
    for (int i = 0; i < KT_LOOP_SOURCES; i++)
        cr_assert_eq(kt_loop_watch(loop, fd, on_readable), KT_OK);
    cr_assert_eq(kt_loop_watch(loop, fd, on_readable), KT_ENOMEM);
    in = zsock_new(ZMQ_PULL);
    cr_assert_eq(kt_loop_socket(loop, in, BURST, receive, loop), KT_ENOMEM);
    cr_assert_eq(kt_loop_monitor(loop, in, BURST, ZMQ_EVENT_LISTENING, on_event, loop), KT_ENOMEM);
}
