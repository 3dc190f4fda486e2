#include "coordinator/loop/model_link.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS_PER_TURN = 16 };

static kt_bytes_t
bytes_of(const kt_digest_t *digest)
{
    return (kt_bytes_t){(const char *)digest->bytes, sizeof digest->bytes};
}

// Whether the manifest is another one than before.
static bool
update(kt_model_link_t *self)
{
    return self->store && kt_model_store_manifest(self->store, &self->sequence, &self->exists, &self->manifest);
}

static void
send_models(kt_model_link_t *self, kt_node_handle_t to)
{
    kt_wire_model_t items[KT_MODEL_MANIFEST];
    kt_msg_t        msg = {.type = KT_MSG_MODELS};
    for (size_t i = 0; i < self->manifest.n; i++)
        items[i] = (kt_wire_model_t){.name    = kt_bytes_of(self->manifest.at[i].name),
                                     .version = kt_bytes_of(self->manifest.at[i].version),
                                     .type    = kt_bytes_of(self->manifest.at[i].type),
                                     .digest  = bytes_of(&self->manifest.at[i].digest),
                                     .bytes   = self->manifest.at[i].bytes};
    msg.models.digest     = kt_model_link_digest(self);
    msg.models.items.at   = items;
    msg.models.items.n    = self->exists ? self->manifest.n : 0;
    msg.models.sample_hz  = self->manifest.sampling.hz;
    msg.models.sample_max = (uint64_t)self->manifest.sampling.most;
    kt_dispatcher_send(self->dispatcher, to, &msg);
}

void
kt_model_link_init(kt_model_link_t *self, kt_model_store_t *store, kt_dispatcher_t *dispatcher)
{
    *self = (kt_model_link_t){.store = store, .dispatcher = dispatcher};
    (void)update(self);
}

kt_bytes_t
kt_model_link_digest(kt_model_link_t *self)
{
    return self->exists ? bytes_of(&self->manifest.digest) : (kt_bytes_t){NULL, 0};
}

void
kt_model_link_welcomed(kt_model_link_t *self, kt_node_handle_t to)
{
    if (self->exists)
        send_models(self, to);
}

void
kt_model_link_tick(kt_model_link_t *self)
{
    if (!update(self))
        return;
    const kt_peers_t *peers = self->dispatcher->opts.peers;
    for (size_t i = 0; i < peers->n; i++)
        send_models(self, peers->at[i]->handle);
}

// A request that is dropped is repeated by the node.
void
kt_model_link_fetch(kt_model_link_t *self, kt_node_handle_t from, const kt_msg_fetch_t *msg)
{
    kt_digest_t digest;
    if (!self->store || msg->digest.n != sizeof digest.bytes)
        return;
    memcpy(digest.bytes, msg->digest.at, sizeof digest.bytes);
    (void)!kt_model_store_fetch(self->store, from, &digest, msg->offset);
}

void
kt_model_link_parts(kt_model_link_t *self)
{
    for (int i = 0; i < PARTS_PER_TURN; i++) {
        kt_model_part_t *part = kt_model_store_part(self->store);
        if (!part)
            return;
        kt_msg_t msg = {.type = KT_MSG_PART,
                        .part = {.digest = bytes_of(&part->digest),
                                 .offset = part->offset,
                                 .total  = part->total,
                                 .err    = part->err,
                                 .bytes  = {part->bytes, part->length}}};
        kt_dispatcher_send(self->dispatcher, part->node, &msg);
        free(part);
    }
}
