// Who may work here, and who is no longer.
#include "loop_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(admission, .init = loop_set_up, .fini = loop_tear_down);

static void
refused(kt_node_handle_t from, const char *key, const char *name)
{
    loop_clear_sent();
    loop_hello(from, key, name);
    cr_assert_eq(loop_last(KT_MSG_REFUSE)->refuse.err, KT_EAUTH);
    cr_assert_eq(loop_n_sent(KT_MSG_WELCOME), 0);
    cr_assert_null(kt_peers_find(&loop.peers, from));
}

Test(admission, an_allowed_node_is_welcomed_with_the_shared_settings)
{
    bool hop = false, mode = false;
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    const kt_msg_welcome_t *welcome = &loop_last(KT_MSG_WELCOME)->welcome;
    cr_assert_eq(welcome->epoch, 7);
    for (size_t i = 0; i < welcome->settings.n; i++) {
        kt_bytes_t name = welcome->settings.at[i].name, value = welcome->settings.at[i].value;
        hop  = hop || (name.n == 19 && memcmp(name.at, "ANALYZER_HOP_LENGTH", 19) == 0 && value.n == 3 &&
                      memcmp(value.at, "512", 3) == 0);
        mode = mode || (name.n == 19 && memcmp(name.at, "ANALYZER_VIDEO_MODE", 19) == 0 && value.n == 4 &&
                        memcmp(value.at, "full", 4) == 0);
    }
    cr_assert(hop && mode);
    cr_assert_eq(kt_peers_named(&loop.peers, "node-a")->handle, NODE_A);
}

Test(admission, a_key_that_is_unknown_or_belongs_to_another_name_is_refused)
{
    refused(NODE_A, KEY_OTHER, "node-a");
    refused(NODE_A, KEY_B, "node-a");
    refused(NODE_A, KEY_A, "");
    refused(NODE_A, KEY_A, "two words");
    cr_assert_eq(loop.counters.refused_hellos.name, 4);
}

Test(admission, a_wire_version_that_is_not_spoken_here_is_refused)
{
    kt_msg_t msg = {
        .type  = KT_MSG_HELLO,
        .hello = {.wire = KT_WIRE_VERSION + 2, .wire_least = KT_WIRE_VERSION + 1, .name = kt_bytes_of("node-a")}};
    loop_frame(NODE_A, KEY_A, &msg);
    cr_assert_eq(loop_last(KT_MSG_REFUSE)->refuse.err, KT_EVERSION);
    cr_assert_eq(loop.counters.refused_hellos.wire, 1);
}

static void
expect_version_text(uint64_t wire, uint64_t least, const char *part)
{
    char     text[KT_PEER_TEXT * 4];
    kt_msg_t msg = {.type = KT_MSG_HELLO, .hello = {.wire = wire, .wire_least = least, .name = kt_bytes_of("node-a")}};
    loop_frame(NODE_A, KEY_A, &msg);
    kt_bytes_copy(text, sizeof text, loop_last(KT_MSG_REFUSE)->refuse.text);
    cr_assert(strstr(text, part), "%s", text);
}

Test(admission, the_text_names_the_version_and_the_side_to_update)
{
    expect_version_text(1, 1, "wire version 1 is not served, this coordinator has 2 to 2: update the node");
    expect_version_text(KT_WIRE_VERSION + 2, KT_WIRE_VERSION + 1, "update the coordinator");
}

Test(admission, nodes_of_another_version_are_logged_once_per_second)
{
    expect_version_text(1, 1, "update");
    int64_t first_ms = loop.admission.version_logged_ms;
    posted_clock.ms += 999;
    expect_version_text(1, 1, "update");
    cr_assert_eq(loop.admission.version_logged_ms, first_ms);
    posted_clock.ms += 1;
    expect_version_text(1, 1, "update");
    cr_assert_eq(loop.admission.version_logged_ms, first_ms + 1000);
    cr_assert_eq(loop.counters.refused_hellos.wire, 3, "all are counted");
}

Test(admission, a_name_that_another_key_uses_now_is_refused_until_it_is_silent)
{
    loop_keys.at[0].name[0] = loop_keys.at[1].name[0] = '\0';  // any name
    loop_hello(NODE_A, KEY_A, "shared");
    refused(NODE_B, KEY_B, "shared");
    posted_clock.ms += loop_settings.node_silence_ms;
    loop_hello(NODE_B, KEY_B, "shared");
    cr_assert_eq(kt_peers_named(&loop.peers, "shared")->handle, NODE_B);
}

Test(admission, a_new_connection_of_a_node_replaces_the_older_one)
{
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_hello(NODE_A + 100, KEY_A, "node-a");
    cr_assert_null(kt_peers_find(&loop.peers, NODE_A));
    cr_assert_eq(loop.peers.n, 1);
}

Test(admission, of_two_processes_with_one_key_and_name_the_one_at_work_stays_and_both_hosts_are_named)
{
    loop_hello_of(NODE_A, KEY_A, "node-a", 1, "first");
    loop_clear_sent();
    for (int i = 0; i < 20; i++) {
        posted_clock.ms += 500;
        loop_hello_of(NODE_A + 100, KEY_A, "node-a", 2, "second");
        cr_assert_eq(loop_n_sent(KT_MSG_REFUSE), (size_t)i);  // the first is not answered: it may be a restart
        posted_clock.ms += 100;
        loop_beat(NODE_A, KEY_A, 4);
    }
    char text[257];
    kt_bytes_copy(text, sizeof text, loop_last(KT_MSG_REFUSE)->refuse.text);
    cr_assert(strstr(text, "host first") && strstr(text, "host second"), "%s", text);
    cr_assert_eq(loop_n_sent(KT_MSG_WELCOME) + loop_n_sent(KT_MSG_WHO), 0);
    cr_assert_eq(kt_peers_named(&loop.peers, "node-a")->handle, NODE_A);
    cr_assert_eq(loop.peers.n, 1);
    cr_assert_eq(loop.counters.refused_hellos.twin, 19);
    kt_sched_view_t view;
    kt_sched_view(loop.dispatcher.sched, &view);
    cr_assert_eq(view.nodes_live, 1);
}

Test(admission, a_restarted_node_is_welcomed_at_once_if_its_old_connection_is_closed)
{
    loop_hello_of(NODE_A, KEY_A, "node-a", 1, "first");
    loop_clear_sent();
    loop_closed = NODE_A;
    loop_hello_of(NODE_A + 100, KEY_A, "node-a", 2, "first");
    cr_assert_eq(loop_last_to(KT_MSG_WELCOME), NODE_A + 100);
    cr_assert_eq(loop.peers.n, 1);
}

Test(admission, a_restarted_node_is_welcomed_once_its_old_connection_is_silent)
{
    loop_hello_of(NODE_A, KEY_A, "node-a", 1, "first");
    loop_clear_sent();
    for (int64_t until_ms = posted_clock.ms + loop_settings.node_silence_ms; posted_clock.ms < until_ms;) {
        loop_hello_of(NODE_A + 100, KEY_A, "node-a", 2, "first");
        cr_assert_eq(loop_n_sent(KT_MSG_REFUSE) + loop_n_sent(KT_MSG_WELCOME), 0);
        posted_clock.ms += 50;
    }
    loop_hello_of(NODE_A + 100, KEY_A, "node-a", 2, "first");
    cr_assert_eq(loop_last_to(KT_MSG_WELCOME), NODE_A + 100);
}

Test(admission, a_drained_node_is_sent_drain)
{
    kt_drains_set(&loop.drains, "node-a", true);
    loop_open_lease();
    loop_hello(NODE_A, KEY_A, "node-a");
    cr_assert(loop_last(KT_MSG_DRAIN)->drain.on);
    loop_beat(NODE_A, KEY_A, 4);
    loop_answer_claim(1, 1, KT_OK);
    cr_assert_eq(loop_n_sent(KT_MSG_BATCH), 0);
}

Test(admission, a_node_whose_key_was_revoked_is_expelled)
{
    char   folder[] = "/tmp/kithara-admission-XXXXXX", path[64];
    size_t others;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/allowed", folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "%s node-b\n", KEY_B);
    fclose(file);
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_hello(NODE_B, KEY_B, "node-b");
    others       = loop.peers.n;
    loop_keys.at = NULL;  // the fixture's are static
    loop_keys.n  = 0;
    snprintf(loop_keys.path, sizeof loop_keys.path, "%s", path);
    kt_admission_check_keys(&loop.admission, true);
    cr_assert_eq(loop_allows, 1);
    cr_assert_eq(loop.peers.n, others - 1);
    cr_assert_null(kt_peers_find(&loop.peers, NODE_A));
    cr_assert_eq(loop_last_to(KT_MSG_REFUSE), NODE_A);
    kt_keys_fini(&loop_keys);
    unlink(path);
    rmdir(folder);
}

Test(admission, peers_that_are_silent_for_a_minute_are_removed)
{
    loop_hello(NODE_A, KEY_A, "node-a");
    kt_admission_prune(&loop.admission, posted_clock.ms + 60000);
    cr_assert_eq(loop.peers.n, 1);
    kt_admission_prune(&loop.admission, posted_clock.ms + 60001);
    cr_assert_eq(loop.peers.n, 0);
}

Test(admission, a_lost_node_and_its_return_are_logged_once)
{
    loop_hello(NODE_A, KEY_A, "node-a");
    loop_pass(4000);
    cr_assert(kt_peers_find(&loop.peers, NODE_A)->logged_lost);
    loop_beat(NODE_A, KEY_A, 1);
    loop_hello(NODE_A, KEY_A, "node-a");
    kt_admission_log_nodes(&loop.admission, posted_clock.ms);
    cr_assert_not(kt_peers_find(&loop.peers, NODE_A)->logged_lost);
}
