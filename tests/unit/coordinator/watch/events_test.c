#include "coordinator/watch/events.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { START_MS = 5000, FIRST = START_MS * 1000 };

static char         out[1 << 20];
static kt_events_t *events;

static void
setup(void)
{
    cr_assert_eq(kt_events_new(&events, START_MS), KT_OK);
}

static void
teardown(void)
{
    kt_events_destroy(&events);
}

TestSuite(events, .init = setup, .fini = teardown);

static kt_listener_t *
listen_from(const char *last)
{
    kt_listener_t *self = NULL;
    cr_assert_eq(kt_listener_new(&self, events, last), KT_OK);
    return self;
}

static const char *
read_all(kt_listener_t *self)
{
    size_t n = kt_listener_read(self, out, sizeof out - 1, 0);
    out[n]   = '\0';
    return out;
}

Test(events, a_listener_gets_what_comes_after_it_in_order)
{
    kt_events_publish(events, "job", "{\"job\":1}");
    kt_listener_t *self = listen_from(NULL);
    cr_assert_str_eq(read_all(self), ":\n\n", "an event from before the listener");
    kt_events_publish(events, "job", "{\"job\":2}");
    kt_events_publish(events, "state", "{}");
    cr_assert_str_eq(read_all(self), "id: 5000001\nevent: job\ndata: {\"job\":2}\n\n"
                                     "id: 5000002\nevent: state\ndata: {}\n\n");
    cr_assert_str_eq(read_all(self), ":\n\n");
    kt_listener_destroy(&self);
}

Test(events, one_that_comes_again_gets_what_it_missed)
{
    for (int i = 0; i < 3; i++)
        kt_events_publish(events, "job", "{}");
    kt_listener_t *self = listen_from("5000001");
    cr_assert_str_eq(read_all(self), "id: 5000002\nevent: job\ndata: {}\n\n");
    kt_listener_destroy(&self);
    const char *const WRONG[] = {"", "x", "-1", "99999999999999999999", "5000003", "9000000"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        self = listen_from(WRONG[i]);
        cr_assert_str_eq(read_all(self), ":\n\n", "%s", WRONG[i]);
        kt_listener_destroy(&self);
    }
}

Test(events, a_listener_that_does_not_read_loses_the_oldest_and_is_told)
{
    kt_listener_t *self = listen_from(NULL), *old = listen_from("17");
    for (int i = 0; i < KT_EVENTS_KEPT + 5; i++)
        kt_events_publish(events, "job", "{}");
    cr_assert_eq(strstr(read_all(self), "event: lost\ndata: {\"since\":5000000}\n\nid: 5000005\n"), out, "%.80s", out);
    cr_assert_not_null(strstr(out, "id: 5001028\n"));
    cr_assert_eq(strstr(read_all(old), "event: lost\ndata: {\"since\":18}\n\nid: 5000005\n"), out, "%.80s", out);
    kt_listener_destroy(&self);
    kt_listener_destroy(&old);
}

Test(events, a_read_has_whole_events_and_the_next_one_goes_on)
{
    kt_listener_t *self = listen_from(NULL);
    char           json[600];
    memset(json, 'x', sizeof json - 1);
    json[sizeof json - 1] = '\0';
    size_t bytes          = 0;
    for (int i = 0; i < 100; i++)
        kt_events_publish(events, "job", json);
    for (int reads = 0; bytes < 100 * 600; reads++) {
        size_t n = kt_listener_read(self, out, 2 * KT_EVENT_BYTES, 0);
        cr_assert(n <= 2 * KT_EVENT_BYTES && reads < 100);
        cr_assert_eq(strncmp(out, "id: ", 4), 0);
        cr_assert_eq(strncmp(out + n - 2, "\n\n", 2), 0);
        bytes += n;
    }
    kt_listener_destroy(&self);
}

Test(events, an_event_that_is_too_long_is_dropped)
{
    static char json[KT_EVENT_BYTES + 1];
    memset(json, 'x', sizeof json - 1);
    kt_listener_t *self = listen_from(NULL);
    for (int i = 0; i < KT_EVENTS_KEPT; i++)
        kt_events_publish(events, "job", "{}");
    kt_events_publish(events, "job", json);
    read_all(self);
    cr_assert_null(strchr(out, 'x'));
    cr_assert_not_null(strstr(out, "id: 5001023\n"));
    kt_listener_destroy(&self);
}

Test(events, listeners_are_bounded)
{
    kt_listener_t *all[KT_EVENTS_LISTENERS], *more = NULL;
    for (int i = 0; i < KT_EVENTS_LISTENERS; i++)
        all[i] = listen_from(NULL);
    cr_assert_eq(kt_listener_new(&more, events, NULL), KT_EFULL);
    kt_listener_destroy(&all[7]);
    cr_assert_eq(kt_events_listeners(events), KT_EVENTS_LISTENERS - 1);
    all[7] = listen_from(NULL);
    for (int i = 0; i < KT_EVENTS_LISTENERS; i++)
        kt_listener_destroy(&all[i]);
}

static void *
read_long(void *context)
{
    static char text[2 * KT_EVENT_BYTES];
    return (void *)kt_listener_read(context, text, sizeof text, 60000);
}

Test(events, closing_ends_a_read_that_waits, .timeout = 20)
{
    kt_listener_t *self = listen_from(NULL), *late = NULL;
    pthread_t      thread;
    void          *n = NULL;
    cr_assert_eq(pthread_create(&thread, NULL, read_long, self), 0);
    kt_events_close(events);
    pthread_join(thread, &n);
    cr_assert_null(n);
    cr_assert_eq(kt_listener_new(&late, events, NULL), KT_ECLOSED);
    kt_listener_destroy(&self);
}
