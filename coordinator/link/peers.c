#include "coordinator/link/peers.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_ITEMS = 8192, LIST_BYTES = 64 << 20 };

void
kt_peers_init(kt_peers_t *self)
{
    *self = (kt_peers_t){0};
    kt_buf_init(&self->dirty, sizeof(kt_node_handle_t) * KT_PEERS_MAX * 4);
}

static void
peer_destroy(kt_peer_t **peer_p)
{
    kt_buf_fini(&(*peer_p)->acks);
    kt_buf_fini(&(*peer_p)->cancels);
    kt_buf_fini(&(*peer_p)->nacks);
    free(*peer_p);
    *peer_p = NULL;
}

void
kt_peers_fini(kt_peers_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        peer_destroy(&self->at[i]);
    free(self->at);
    kt_buf_fini(&self->dirty);
    kt_peers_init(self);
}

// The index of the handle, or where it is to be inserted.
static size_t
peer_position(const kt_peers_t *self, kt_node_handle_t handle)
{
    size_t low = 0, high = self->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->at[middle]->handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

kt_peer_t *
kt_peers_find(const kt_peers_t *self, kt_node_handle_t handle)
{
    size_t i = peer_position(self, handle);
    return i < self->n && self->at[i]->handle == handle ? self->at[i] : NULL;
}

kt_err_t
kt_peers_add(kt_peers_t *self, kt_node_handle_t handle, kt_peer_t **out)
{
    kt_peer_t *peer = kt_peers_find(self, handle);
    if (peer) {
        *out = peer;
        return KT_OK;
    }
    if (self->n >= KT_PEERS_MAX)
        return KT_EFULL;
    if (self->n == self->capacity) {
        size_t      capacity = self->capacity ? self->capacity * 2 : 64;
        kt_peer_t **at       = realloc(self->at, capacity * sizeof *at);
        if (!at)
            return KT_ENOMEM;
        self->at       = at;
        self->capacity = capacity;
    }
    peer = calloc(1, sizeof *peer);
    if (!peer)
        return KT_ENOMEM;
    peer->handle = handle;
    kt_buf_init(&peer->acks, LIST_BYTES);
    kt_buf_init(&peer->cancels, LIST_BYTES);
    kt_buf_init(&peer->nacks, LIST_BYTES);
    size_t i = peer_position(self, handle);
    memmove(self->at + i + 1, self->at + i, (self->n - i) * sizeof *self->at);
    self->at[i] = peer;
    self->n++;
    *out = peer;
    return KT_OK;
}

kt_peer_t *
kt_peers_named(const kt_peers_t *self, const char *name)
{
    kt_peer_t *found = NULL;
    for (size_t i = 0; i < self->n; i++)
        if (strcmp(self->at[i]->name, name) == 0 && (!found || found->heard_ms < self->at[i]->heard_ms))
            found = self->at[i];
    return found;
}

void
kt_peers_remove(kt_peers_t *self, kt_node_handle_t handle)
{
    size_t i = peer_position(self, handle);
    if (i >= self->n || self->at[i]->handle != handle)
        return;
    peer_destroy(&self->at[i]);
    self->n--;
    memmove(self->at + i, self->at + i + 1, (self->n - i) * sizeof *self->at);
}

static void
mark_dirty(kt_peers_t *self, kt_peer_t *peer)
{
    if (peer->dirty)
        return;
    kt_buf_add(&self->dirty, &peer->handle, sizeof peer->handle);
    peer->dirty = self->dirty.err == KT_OK;
}

void
kt_peer_ack(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id)
{
    kt_wire_ref_t ref = {.job = id.job, .run = id.run};
    kt_buf_add(&peer->acks, &ref, sizeof ref);
    mark_dirty(self, peer);
}

void
kt_peer_cancel(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id)
{
    kt_wire_ref_t ref = {.job = id.job, .run = id.run};
    kt_buf_add(&peer->cancels, &ref, sizeof ref);
    mark_dirty(self, peer);
}

void
kt_peer_nack(kt_peers_t *self, kt_peer_t *peer, kt_run_id_t id, kt_err_t err)
{
    kt_wire_refusal_t refusal = {.job = id.job, .run = id.run, .err = err};
    kt_buf_add(&peer->nacks, &refusal, sizeof refusal);
    mark_dirty(self, peer);
}

static void
flush_refs(kt_buf_t *refs, kt_msg_type_t type, kt_peer_t *peer, kt_peer_send_fn *send, void *context)
{
    const kt_wire_ref_t *at = (const kt_wire_ref_t *)(void *)refs->bytes;
    size_t               n  = refs->length / sizeof *at;
    for (size_t i = 0; i < n; i += LIST_ITEMS) {
        kt_msg_t msg   = {.type = type};
        size_t   count = n - i < LIST_ITEMS ? n - i : LIST_ITEMS;
        if (type == KT_MSG_ACK) {
            msg.ack.items.at = at + i;
            msg.ack.items.n  = count;
        } else {
            msg.cancel.items.at = at + i;
            msg.cancel.items.n  = count;
        }
        send(context, peer, &msg);
    }
    kt_buf_clear(refs);
}

static void
flush_nacks(kt_peer_t *peer, kt_peer_send_fn *send, void *context)
{
    const kt_wire_refusal_t *at = (const kt_wire_refusal_t *)(void *)peer->nacks.bytes;
    size_t                   n  = peer->nacks.length / sizeof *at;
    for (size_t i = 0; i < n; i += LIST_ITEMS) {
        kt_msg_t msg      = {.type = KT_MSG_NACK};
        msg.nack.items.at = at + i;
        msg.nack.items.n  = n - i < LIST_ITEMS ? n - i : LIST_ITEMS;
        send(context, peer, &msg);
    }
    kt_buf_clear(&peer->nacks);
}

void
kt_peers_flush(kt_peers_t *self, kt_peer_send_fn *send, void *context)
{
    const kt_node_handle_t *handles = (const kt_node_handle_t *)(void *)self->dirty.bytes;
    size_t                  n       = self->dirty.length / sizeof *handles;
    for (size_t i = 0; i < n; i++) {
        kt_peer_t *peer = kt_peers_find(self, handles[i]);
        if (!peer)
            continue;
        peer->dirty = false;
        flush_refs(&peer->acks, KT_MSG_ACK, peer, send, context);
        flush_refs(&peer->cancels, KT_MSG_CANCEL, peer, send, context);
        flush_nacks(peer, send, context);
    }
    kt_buf_clear(&self->dirty);
}
