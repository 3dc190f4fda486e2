// Who may work here: HELLO, the keys that are allowed, the end of connections. A key that is not allowed, a name that
// belongs to another key, a wire version that we do not speak are refused.
#include "common/clock.h"
#include "common/log.h"
#include "common/settings_shared.h"
#include "common/text.h"
#include "coordinator/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_SILENCE_MS = 60000 };

static void
refuse(kt_coordinator_t *self, kt_node_handle_t to, kt_err_t err, const char *text)
{
    kt_msg_t msg = {.type = KT_MSG_REFUSE, .refuse = {.err = err, .text = kt_bytes_of(text)}};
    kt_core_send(self, to, &msg);
}

static void
welcome(kt_coordinator_t *self, const kt_peer_t *peer, uint64_t wire)
{
    char              texts[KT_SHARED_SETTINGS][24];
    kt_wire_setting_t shared[KT_SHARED_SETTINGS];
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++) {
        snprintf(texts[i], sizeof texts[i], "%lld", (long long)kt_shared_setting_value(self->settings, i));
        shared[i] = (kt_wire_setting_t){kt_bytes_of(kt_shared_setting_name(i)), kt_bytes_of(texts[i])};
    }
    kt_msg_t msg            = {.type = KT_MSG_WELCOME};
    msg.welcome.wire        = wire < KT_WIRE_VERSION ? wire : KT_WIRE_VERSION;
    msg.welcome.coordinator = kt_bytes_of(self->name);
    msg.welcome.epoch       = self->lease.epoch;
    msg.welcome.settings.at = shared;
    msg.welcome.settings.n  = KT_SHARED_SETTINGS;
    kt_core_send(self, peer->handle, &msg);
}

// Why this key may not use this name here; NULL: it may. Logged with the id of the reason.
static const char *
objection(kt_coordinator_t *self, const char *key, const char *name, int64_t now_ms)
{
    const kt_key_t  *allowed = kt_keys_find(&self->keys, key);
    const kt_peer_t *other   = kt_peers_named(&self->peers, name);
    if (!allowed) {
        kt_log_warn("AUTH-KEY-UNKNOWN", "key=%s node=%s", key, name);
        return "this key is not allowed";
    }
    if (allowed->name[0] && strcmp(allowed->name, name) != 0) {
        kt_log_warn("AUTH-NAME-FOREIGN", "key=%s node=%s want=%s", key, name, allowed->name);
        return "this key belongs to another node name";
    }
    if (other && strcmp(other->key, key) != 0 && now_ms - other->heard_ms < self->settings->node_silence_ms) {
        kt_log_warn("AUTH-NAME-TAKEN", "key=%s node=%s holder=%s", key, name, other->key);
        return "another key uses this node name now";
    }
    return NULL;
}

static bool
is_name(const char *name)
{
    return *name && !name[strcspn(name, " \t\r\n/")];
}

static void
fill_peer(kt_peer_t *peer, const char *key, const kt_msg_hello_t *hello)
{
    snprintf(peer->key, sizeof peer->key, "%s", key);
    kt_bytes_copy(peer->name, sizeof peer->name, hello->name);
    kt_bytes_copy(peer->host, sizeof peer->host, hello->host);
    kt_bytes_copy(peer->version, sizeof peer->version, hello->version);
    kt_bytes_copy(peer->device, sizeof peer->device, hello->device);
    peer->incarnation = hello->incarnation;
    peer->slots       = (uint32_t)(hello->slots > 256 ? 256 : hello->slots);
}

// The same node on a connection that is gone: its name must not lead to the old one any longer.
static void
forget_older(kt_coordinator_t *self, const kt_peer_t *peer)
{
    for (size_t i = self->peers.n; i-- > 0;) {
        const kt_peer_t *other = self->peers.at[i];
        if (other != peer && strcmp(other->name, peer->name) == 0)
            kt_peers_remove(&self->peers, other->handle);
    }
}

static void
accept_hello(kt_coordinator_t *self, kt_peer_t *peer, const kt_msg_hello_t *hello)
{
    bool drained = kt_drains_has(&self->drains, peer->name);
    forget_older(self, peer);
    kt_log_info("NODE-HELLO", "node=%s host=%s version=%s device=%s slots=%u incarnation=%llu drained=%d", peer->name,
                peer->host, peer->version, peer->device, peer->slots, (unsigned long long)peer->incarnation, drained);
    welcome(self, peer, hello->wire);
    kt_event_t event        = {.type = KT_EV_HELLO, .node = peer->handle};
    event.hello.name        = peer->name;
    event.hello.incarnation = peer->incarnation;
    event.hello.slots       = peer->slots;
    event.hello.drained     = drained || self->draining;
    kt_core_step_or_fail(self, &event);
    if (drained)
        kt_core_tell_drain(self, peer->name, true, "drained by an operator");
}

void
kt_core_hello(kt_coordinator_t *self, kt_node_handle_t from, const char *key, const kt_msg_hello_t *hello)
{
    char       name[KT_PEER_TEXT];
    kt_peer_t *peer   = NULL;
    int64_t    now_ms = kt_clock_ms();
    kt_bytes_copy(name, sizeof name, hello->name);
    if (hello->wire < KT_WIRE_LEAST || hello->wire_least > KT_WIRE_VERSION) {
        kt_log_warn("WIRE-VERSION", "node=%s wire=%llu least=%llu", name, (unsigned long long)hello->wire,
                    (unsigned long long)hello->wire_least);
        self->counters.refused_hellos.wire++;
        refuse(self, from, KT_EVERSION, "this wire version is not spoken here");
        return;
    }
    const char *why = is_name(name) ? objection(self, key, name, now_ms) : "a node needs a name without blanks";
    if (why) {
        self->counters.refused_hellos.name++;
        kt_peers_remove(&self->peers, from);
        refuse(self, from, KT_EAUTH, why);
        return;
    }
    if (kt_peers_add(&self->peers, from, &peer)) {
        kt_log_error("NODE-NO-ROOM", "node=%s nodes=%zu", name, self->peers.n);
        self->counters.refused_hellos.room++;
        refuse(self, from, KT_EFULL, "no room for another node");
        return;
    }
    fill_peer(peer, key, hello);
    peer->heard_ms = now_ms;
    accept_hello(self, peer, hello);
}

// What the node had goes elsewhere at once.
static void
expel(kt_coordinator_t *self, const kt_peer_t *peer)
{
    kt_event_t event = {.type = KT_EV_GONE, .node = peer->handle};
    kt_log_warn("AUTH-REVOKED", "node=%s key=%s", peer->name, peer->key);
    refuse(self, peer->handle, KT_EAUTH, "this key is no longer allowed");
    kt_peers_remove(&self->peers, event.node);
    kt_core_step_or_fail(self, &event);
}

void
kt_core_check_keys(kt_coordinator_t *self, bool force)
{
    bool     changed;
    kt_err_t err = kt_keys_reload(&self->keys, force, &changed);
    if (err || !changed) {
        if (err && force)
            kt_log_error("KEYS-UNREAD", "file=\"%s\" err=%s", self->keys.path, kt_err_name(err));
        return;
    }
    kt_log_info("KEYS-READ", "file=\"%s\" keys=%zu", self->keys.path, self->keys.n);
    if (kt_core_allow_keys(self))
        kt_log_error("KEYS-UNREAD", "file=\"%s\" err=ENOMEM", self->keys.path);
    for (size_t i = self->peers.n; i-- > 0;) {
        const kt_peer_t *peer = self->peers.at[i];
        const kt_key_t  *key  = kt_keys_find(&self->keys, peer->key);
        if (!key || (key->name[0] && strcmp(key->name, peer->name) != 0))
            expel(self, peer);
    }
}

void
kt_core_prune_peers(kt_coordinator_t *self, int64_t now_ms)
{
    int64_t silence_ms = 4 * self->settings->node_silence_ms;
    if (silence_ms < PEER_SILENCE_MS)
        silence_ms = PEER_SILENCE_MS;
    for (size_t i = self->peers.n; i-- > 0;)
        if (now_ms - self->peers.at[i]->heard_ms > silence_ms)
            kt_peers_remove(&self->peers, self->peers.at[i]->handle);
}

kt_err_t
kt_core_allow_keys(kt_coordinator_t *self)
{
    size_t n                    = self->keys.n;
    char(*texts)[KT_CURVE_TEXT] = calloc(n ? n : 1, sizeof *texts);
    if (!texts)
        return KT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        memcpy(texts[i], self->keys.at[i].key, sizeof texts[i]);
    kt_err_t err = kt_zap_allow(self->zap, (const char(*)[41])texts, n);
    free(texts);
    return err;
}

static void
say_lost(kt_coordinator_t *self, const kt_node_view_t *view)
{
    kt_peer_t *peer = kt_peers_find(&self->peers, view->handle);
    bool       lost = strcmp(view->state, "lost") == 0;
    if (!peer || peer->said_lost == lost)
        return;
    peer->said_lost = lost;
    if (lost)
        kt_log_warn("NODE-LOST", "node=%s silent_ms=%lld", view->name, (long long)view->silent_ms);
    else
        kt_log_info("NODE-BACK", "node=%s", view->name);
}

void
kt_core_watch_nodes(kt_coordinator_t *self, int64_t now_ms)
{
    size_t          all   = kt_sched_view_nodes(self->sched, now_ms, NULL, 0);
    kt_node_view_t *views = all ? calloc(all, sizeof *views) : NULL;
    if (!views)
        return;
    size_t n = kt_sched_view_nodes(self->sched, now_ms, views, all);
    for (size_t i = 0; i < n && i < all; i++)
        say_lost(self, &views[i]);
    free(views);
}
