// Conformance: nodes and keys, of the ledgers that keep them.
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdio.h>
#include <string.h>

static const char KEY_1[]  = "1111111111111111111111111111111111111111";
static const char KEY_2[]  = "2222222222222222222222222222222222222222";
static const char TOKEN_[] = "tttttttttttttttttttttttttttttttttttttttt";

static kt_fleet_key_t
key_of(const char *text, const char *name, int64_t changed_ms)
{
    kt_fleet_key_t key = {.changed_ms = changed_ms};
    snprintf(key.key, sizeof key.key, "%s", text);
    snprintf(key.name, sizeof key.name, "%s", name);
    return key;
}

static void
put_token(kt_ledger_t *ledger, int64_t now_ms, int64_t expires_ms)
{
    kt_fleet_key_t token = key_of(TOKEN_, "", now_ms);
    token.kind           = KT_KEY_JOIN;
    token.expires_ms     = expires_ms;
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &token), KT_OK);
}

static kt_fleet_t
read_fleet(kt_ledger_t *ledger)
{
    kt_fleet_t fleet = {0};
    cr_assert_eq(ledger->ops->fleet->read(ledger, &fleet), KT_OK);
    return fleet;
}

CONFORMS_STORED(a_key_is_one_row_and_the_last_state_counts)
{
    kt_fleet_key_t key = key_of(KEY_1, "gpu7", 5);
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &key), KT_OK);
    key.revoked    = true;
    key.changed_ms = 6;
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &key), KT_OK);
    kt_fleet_t fleet = read_fleet(ledger);
    cr_assert_eq(fleet.n_keys, 1);
    cr_assert(fleet.keys[0].revoked && fleet.keys[0].changed_ms == 6 && fleet.keys[0].kind == KT_KEY_NODE);
    cr_assert_str_eq(fleet.keys[0].key, KEY_1);
    cr_assert_str_eq(fleet.keys[0].name, "gpu7");
    kt_fleet_fini(&fleet);
    key = key_of("short", "gpu7", 5);
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &key), KT_EINVAL);
}

CONFORMS_STORED(a_token_enters_a_key_until_it_expires_or_is_revoked)
{
    kt_fleet_key_t key = key_of(KEY_1, "gpu7", 999);
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &key), KT_EAUTH, "no such token");
    put_token(ledger, 10, 1000);
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &key), KT_OK);
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &key), KT_OK, "again");
    cr_assert_eq(ledger->ops->fleet->join(ledger, KEY_1, &key), KT_EAUTH, "a node's key is no token");
    key.changed_ms = 1000;
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &key), KT_EAUTH, "expired");
    put_token(ledger, 2000, 3000);
    key.changed_ms = 2001;
    key.name[0]    = '\0';
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &key), KT_EINVAL, "no name");
}

CONFORMS_STORED(a_name_that_another_key_has_is_not_taken_by_a_token)
{
    kt_fleet_key_t first = key_of(KEY_1, "gpu7", 5), second = key_of(KEY_2, "gpu7", 6);
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &first), KT_OK);
    put_token(ledger, 5, 1000);
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &second), KT_ECLASH);
    first.revoked = true;
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &first), KT_OK);
    cr_assert_eq(ledger->ops->fleet->join(ledger, TOKEN_, &second), KT_OK);
}

CONFORMS_STORED(an_expired_token_is_removed_by_the_next_key)
{
    put_token(ledger, 5, 1000);
    kt_fleet_key_t key = key_of(KEY_1, "", 1001);
    cr_assert_eq(ledger->ops->fleet->put_key(ledger, &key), KT_OK);
    kt_fleet_t fleet = read_fleet(ledger);
    cr_assert_eq(fleet.n_keys, 1);
    cr_assert_eq(fleet.keys[0].kind, KT_KEY_NODE);
    kt_fleet_fini(&fleet);
}

CONFORMS_STORED(a_node_keeps_its_last_time_and_host_its_drain_and_whether_it_is_forgotten)
{
    kt_fleet_node_t seen[2] = {{.name = "b", .host = "second", .seen_ms = 20},
                               {.name = "a", .host = "first", .seen_ms = 10}};
    kt_ask_t        drain   = {.type = KT_ASK_DRAIN, .node_name = "b", .by = "me@here", .why = "a new disk"};
    cr_assert_eq(ledger->ops->fleet->seen(ledger, seen, 2), KT_OK);
    seen[0].seen_ms = 15;
    cr_assert_eq(ledger->ops->fleet->seen(ledger, seen, 1), KT_OK);
    cr_assert_eq(ledger->ops->ask(ledger, &drain, 1), KT_OK);
    kt_fleet_t fleet = read_fleet(ledger);
    cr_assert_eq(fleet.n_nodes, 2);
    cr_assert_str_eq(fleet.nodes[0].name, "a");
    cr_assert_str_eq(fleet.nodes[0].host, "first");
    cr_assert(!fleet.nodes[0].drained && fleet.nodes[1].drained && fleet.nodes[1].drained_ms > 0);
    cr_assert_eq(fleet.nodes[1].seen_ms, 20);
    cr_assert_str_eq(fleet.nodes[1].drained_by, "me@here");
    cr_assert_str_eq(fleet.nodes[1].drained_why, "a new disk");
    kt_fleet_fini(&fleet);
    cr_assert_eq(ledger->ops->fleet->forget(ledger, "b", 30), KT_OK);
    cr_assert_eq(ledger->ops->fleet->forget(ledger, "", 30), KT_EINVAL);
    fleet = read_fleet(ledger);
    cr_assert(!fleet.nodes[1].drained && fleet.nodes[1].forgotten_ms == 30);
    kt_fleet_fini(&fleet);
}
