#include "coordinator/loop/admission.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/settings_shared.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_SILENCE_MS = 60000, RIVAL_MS = 10000, RIVAL_LOG_MS = 60000, VERSION_LOG_MS = 1000, REFUSE_TEXT = 257 };

static void
admission_refuse(kt_admission_t *self, kt_node_handle_t to, kt_err_t err, const char *text)
{
    kt_msg_t msg = {.type = KT_MSG_REFUSE, .refuse = {.err = err, .text = kt_bytes_of(text)}};
    kt_dispatcher_send(self->opts.dispatcher, to, &msg);
}

static void
admission_refuse_version(kt_admission_t *self, kt_node_handle_t from, const char *name, const kt_msg_hello_t *hello)
{
    char text[REFUSE_TEXT];
    bool old = hello->wire < KT_WIRE_LEAST_NODE;
    snprintf(text, sizeof text, "wire version %llu is not served, this coordinator has %d to %d: update the %s",
             (unsigned long long)(old ? hello->wire : hello->wire_least), KT_WIRE_LEAST_NODE, KT_WIRE_VERSION,
             old ? "node" : "coordinator");
    self->opts.counters->refused_hellos.wire++;
    admission_refuse(self, from, KT_EVERSION, text);
    int64_t now_ms = kt_clock_ms();  // each such node repeats its HELLO all the time
    if (self->version_logged_ms && now_ms - self->version_logged_ms < VERSION_LOG_MS)
        return;
    self->version_logged_ms = now_ms;
    kt_log_warn("WIRE-VERSION", "node=%s wire=%llu least=%llu refused=%llu text=\"%s\"", name,
                (unsigned long long)hello->wire, (unsigned long long)hello->wire_least,
                (unsigned long long)self->opts.counters->refused_hellos.wire, text);
}

// The reason why this key may not use this name, logged; NULL: it may.
static const char *
admission_objection(kt_admission_t *self, const char *key, const char *name, int64_t now_ms)
{
    const kt_key_t  *allowed = kt_keys_find(self->opts.keys, key);
    const kt_peer_t *other   = kt_peers_named(self->opts.peers, name);
    if (!allowed || allowed->join) {
        kt_log_warn("AUTH-KEY-UNKNOWN", "key=%s node=%s", key, name);
        return "this key is not allowed";
    }
    if (allowed->name[0] && strcmp(allowed->name, name) != 0) {
        kt_log_warn("AUTH-NAME-FOREIGN", "key=%s node=%s want=%s", key, name, allowed->name);
        return "this key belongs to another node name";
    }
    if (other && strcmp(other->key, key) != 0 && now_ms - other->heard_ms < self->opts.settings->node_silence_ms) {
        kt_log_warn("AUTH-NAME-TAKEN", "key=%s node=%s holder=%s", key, name, other->key);
        return "another key uses this node name now";
    }
    return NULL;
}

// Whether the connection still exists: an ACK of nothing is sent on it.
static bool
admission_reaches(kt_admission_t *self, kt_node_handle_t handle)
{
    kt_msg_t msg = {.type = KT_MSG_ACK};
    kt_dispatcher_send(self->opts.dispatcher, handle, &msg);
    kt_dispatcher_flush(self->opts.dispatcher);  // forgets the peer if it does not
    return kt_peers_find(self->opts.peers, handle) != NULL;
}

typedef enum rival { RIVAL_NONE, RIVAL_WAITS, RIVAL_REFUSED } rival_t;

// Another process comes with the key and name of a peer. After a restart the peer's connection is closed, or silent
// from now on. A peer that sends after the other's first HELLO is at work: it stays, and the other one is refused.
// Until one of the two is known the HELLO is not answered; the node repeats it.
static rival_t
admission_judge_rival(kt_admission_t *self, kt_node_handle_t from, const char *name, const kt_msg_hello_t *hello,
                      int64_t now_ms)
{
    kt_peer_t *holder = kt_peers_named(self->opts.peers, name);
    if (!holder || holder->handle == from || holder->incarnation == hello->incarnation ||
        !admission_reaches(self, holder->handle))
        return RIVAL_NONE;
    if (now_ms - holder->heard_ms >= self->opts.settings->node_silence_ms)
        return RIVAL_NONE;
    if (!holder->rival_since_ms || now_ms - holder->rival_last_ms > RIVAL_MS)
        holder->rival_since_ms = now_ms;
    holder->rival_last_ms = now_ms;
    kt_bytes_copy(holder->rival_host, sizeof holder->rival_host, hello->host);
    return holder->heard_ms > holder->rival_since_ms ? RIVAL_REFUSED : RIVAL_WAITS;
}

static void
admission_refuse_rival(kt_admission_t *self, kt_node_handle_t from, const char *name, int64_t now_ms)
{
    char       text[REFUSE_TEXT], quoted[2 * REFUSE_TEXT];
    kt_peer_t *holder = kt_peers_named(self->opts.peers, name);
    snprintf(text, sizeof text,
             "%.40s already works on host %.40s, this is host %.40s with the same key: give each its own state folder "
             "and ANALYZER_NODE_NAME",
             name, holder->host, holder->rival_host);
    self->opts.counters->refused_hellos.twin++;
    if (!holder->rival_logged_ms || now_ms - holder->rival_logged_ms >= RIVAL_LOG_MS) {
        holder->rival_logged_ms = now_ms;
        kt_log_warn("NODE-TWICE", "node=%s host=%s refused_host=%s key=%s refused=%llu text=\"%s\"", name, holder->host,
                    holder->rival_host, holder->key, (unsigned long long)self->opts.counters->refused_hellos.twin,
                    kt_log_quote(quoted, sizeof quoted, text));
    }
    kt_peers_remove(self->opts.peers, from);
    admission_refuse(self, from, KT_EAUTH, text);
}

static void
admission_accept(kt_admission_t *self, kt_peer_t *peer, const kt_msg_hello_t *hello)
{
    bool drained = kt_drains_has(self->opts.drains, peer->name);
    for (size_t i = self->opts.peers->n; i-- > 0;) {
        const kt_peer_t *other = self->opts.peers->at[i];
        if (other != peer && strcmp(other->name, peer->name) == 0)
            kt_peers_remove(self->opts.peers, other->handle);  // the connection before the node reconnected
    }
    kt_log_info("NODE-HELLO", "node=%s host=%s version=%s device=%s slots=%u incarnation=%016llx drained=%d",
                peer->name, peer->host, peer->version, peer->device, peer->slots, (unsigned long long)peer->incarnation,
                drained);

    char              texts[KT_SHARED_SETTINGS][KT_SHARED_TEXT];
    kt_wire_setting_t shared[KT_SHARED_SETTINGS];
    for (size_t i = 0; i < KT_SHARED_SETTINGS; i++) {
        kt_shared_setting_text(self->opts.settings, i, texts[i]);
        shared[i] = (kt_wire_setting_t){kt_bytes_of(kt_shared_setting_name(i)), kt_bytes_of(texts[i])};
    }
    kt_msg_t msg            = {.type = KT_MSG_WELCOME};
    msg.welcome.wire        = hello->wire < KT_WIRE_VERSION ? hello->wire : KT_WIRE_VERSION;
    msg.welcome.coordinator = kt_bytes_of(self->opts.coordinator);
    msg.welcome.epoch       = self->opts.lease->epoch;
    msg.welcome.settings.at = shared;
    msg.welcome.settings.n  = KT_SHARED_SETTINGS;
    msg.welcome.models      = kt_model_link_digest(self->opts.models);
    msg.welcome.instance    = self->opts.instance;
    kt_dispatcher_send(self->opts.dispatcher, peer->handle, &msg);
    kt_model_link_welcomed(self->opts.models, peer->handle);

    kt_event_t event        = {.type = KT_EV_HELLO, .node = peer->handle};
    event.hello.name        = peer->name;
    event.hello.incarnation = peer->incarnation;
    event.hello.slots       = peer->slots;
    event.hello.drained     = drained || self->opts.dispatcher->draining;
    kt_dispatcher_step_or_fail(self->opts.dispatcher, &event);
    if (drained)
        kt_dispatcher_send_drain(self->opts.dispatcher, peer->name, true, "drained by an operator");
}

void
kt_admission_hello(kt_admission_t *self, kt_node_handle_t from, const char *key, const kt_msg_hello_t *hello)
{
    char       name[KT_PEER_TEXT];
    kt_peer_t *peer   = NULL;
    int64_t    now_ms = kt_clock_ms();
    kt_bytes_copy(name, sizeof name, hello->name);
    if (hello->wire < KT_WIRE_LEAST_NODE || hello->wire_least > KT_WIRE_VERSION) {
        admission_refuse_version(self, from, name, hello);
        return;
    }
    bool        named = *name && !name[strcspn(name, " \t\r\n/")];
    const char *why   = named ? admission_objection(self, key, name, now_ms) : "a node needs a name without blanks";
    if (why) {
        self->opts.counters->refused_hellos.name++;
        kt_peers_remove(self->opts.peers, from);
        admission_refuse(self, from, KT_EAUTH, why);
        return;
    }
    rival_t rival = admission_judge_rival(self, from, name, hello, now_ms);
    if (rival == RIVAL_REFUSED)
        admission_refuse_rival(self, from, name, now_ms);
    if (rival != RIVAL_NONE)
        return;
    if (kt_peers_add(self->opts.peers, from, &peer)) {
        kt_log_error("NODE-NO-ROOM", "node=%s nodes=%zu", name, self->opts.peers->n);
        self->opts.counters->refused_hellos.room++;
        admission_refuse(self, from, KT_EFULL, "no room for another node");
        return;
    }
    snprintf(peer->key, sizeof peer->key, "%s", key);
    (void)kt_curve_bytes(key, peer->key_bytes);  // the ZAP handler knows keys only
    memcpy(peer->name, name, sizeof peer->name);
    kt_bytes_copy(peer->host, sizeof peer->host, hello->host);
    kt_bytes_copy(peer->version, sizeof peer->version, hello->version);
    kt_bytes_copy(peer->device, sizeof peer->device, hello->device);
    peer->incarnation = hello->incarnation;
    peer->slots       = (uint32_t)(hello->slots > 256 ? 256 : hello->slots);
    peer->heard_ms    = now_ms;
    admission_accept(self, peer, hello);
}

void
kt_admission_check_keys(kt_admission_t *self, bool force)
{
    bool     changed;
    kt_err_t err = kt_keys_reload(self->opts.keys, force, &changed);
    if (err || !changed) {
        if (err && force)
            kt_log_error("KEYS-UNREAD", "file=\"%s\" err=%s", self->opts.keys->path, kt_err_name(err));
        return;
    }
    kt_admission_apply_keys(self);
}

void
kt_admission_apply_keys(kt_admission_t *self)
{
    kt_log_info("KEYS-READ", "file=\"%s\" keys=%zu of_ledger=%zu", self->opts.keys->path, self->opts.keys->n,
                self->opts.keys->n_ledger);
    if (self->opts.allow(self->opts.context))
        kt_log_error("KEYS-UNREAD", "file=\"%s\" err=ENOMEM", self->opts.keys->path);
    for (size_t i = self->opts.peers->n; i-- > 0;) {
        const kt_peer_t *peer = self->opts.peers->at[i];
        const kt_key_t  *key  = kt_keys_find(self->opts.keys, peer->key);
        if (key && !key->join && (!key->name[0] || strcmp(key->name, peer->name) == 0))
            continue;
        kt_event_t gone = {.type = KT_EV_GONE, .node = peer->handle};  // requeues the jobs of the node at once
        kt_log_warn("AUTH-REVOKED", "node=%s key=%s", peer->name, peer->key);
        admission_refuse(self, peer->handle, KT_EAUTH, "this key is no longer allowed");
        kt_peers_remove(self->opts.peers, gone.node);
        kt_dispatcher_step_or_fail(self->opts.dispatcher, &gone);
    }
}

void
kt_admission_prune(kt_admission_t *self, int64_t now_ms)
{
    int64_t silence_ms = 4 * self->opts.settings->node_silence_ms;
    if (silence_ms < PEER_SILENCE_MS)
        silence_ms = PEER_SILENCE_MS;
    for (size_t i = self->opts.peers->n; i-- > 0;)
        if (now_ms - self->opts.peers->at[i]->heard_ms > silence_ms)
            kt_peers_remove(self->opts.peers, self->opts.peers->at[i]->handle);
}

void
kt_admission_log_nodes(kt_admission_t *self, int64_t now_ms)
{
    size_t          all   = kt_sched_view_nodes(self->opts.dispatcher->sched, now_ms, NULL, 0);
    kt_node_view_t *views = all ? calloc(all, sizeof *views) : NULL;
    if (!views)
        return;
    size_t n = kt_sched_view_nodes(self->opts.dispatcher->sched, now_ms, views, all);
    for (size_t i = 0; i < n && i < all; i++) {
        const kt_node_view_t *view = &views[i];
        kt_peer_t            *peer = kt_peers_find(self->opts.peers, view->handle);
        bool                  lost = strcmp(view->state, "lost") == 0;
        if (!peer || peer->logged_lost == lost)
            continue;
        peer->logged_lost = lost;
        if (lost)
            kt_log_warn("NODE-LOST", "node=%s silent_ms=%lld", view->name, (long long)view->silent_ms);
        else
            kt_log_info("NODE-BACK", "node=%s", view->name);
    }
    free(views);
}
