// Open addressing with linear probing; removal moves the followers up, so that there are no tombstones.
#include "coordinator/loop/claims.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1024 };

static size_t
claims_home(kt_run_id_t id, size_t capacity)
{
    uint64_t mixed = (id.job ^ (uint64_t)id.run << 48) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 20) & (capacity - 1);
}

void
kt_tag_destroy(void *tag)
{
    kt_payload_t *payload = tag;
    kt_claim_t   *claim   = tag;
    if (((kt_tag_t *)tag)->kind == KT_TAG_CLAIM)
        free(claim->body);
    else if (!payload->posted)
        kt_ledger_request_destroy(&payload->request);
    free(tag);
}

void
kt_claims_fini(kt_claims_t *self)
{
    free(self->slots);
    *self = (kt_claims_t){0};
}

// The slot of that run, or the empty one where it would go.
static size_t
claims_slot(kt_claim_t *const *slots, size_t capacity, kt_run_id_t id)
{
    size_t i = claims_home(id, capacity);
    while (slots[i] && (slots[i]->id.job != id.job || slots[i]->id.run != id.run))
        i = (i + 1) & (capacity - 1);
    return i;
}

kt_err_t
kt_claims_add(kt_claims_t *self, kt_run_id_t id, char **body, size_t body_bytes, kt_claim_t **out)
{
    if (!self->capacity || self->n * 2 >= self->capacity) {
        size_t       capacity = self->capacity ? self->capacity * 2 : FIRST_CAPACITY;
        kt_claim_t **slots    = calloc(capacity, sizeof *slots);
        if (!slots)
            return KT_ENOMEM;
        for (size_t i = 0; i < self->capacity; i++)
            if (self->slots[i])
                slots[claims_slot(slots, capacity, self->slots[i]->id)] = self->slots[i];
        free(self->slots);
        self->slots    = slots;
        self->capacity = capacity;
    }

    kt_claim_t *claim = malloc(sizeof *claim);
    if (!claim)
        return KT_ENOMEM;
    *claim   = (kt_claim_t){.tag = {KT_TAG_CLAIM}, .id = id, .body = *body, .body_bytes = body_bytes};
    *body    = NULL;
    size_t i = claims_slot(self->slots, self->capacity, id);
    self->n += self->slots[i] == NULL;
    self->slots[i] = claim;
    *out           = claim;
    return KT_OK;
}

kt_claim_t *
kt_claims_find(const kt_claims_t *self, kt_run_id_t id)
{
    return self->capacity ? self->slots[claims_slot(self->slots, self->capacity, id)] : NULL;
}

void
kt_claims_drop(kt_claims_t *self, kt_claim_t *claim)
{
    size_t hole = claims_slot(self->slots, self->capacity, claim->id), mask = self->capacity - 1;
    if (self->slots[hole] != claim)
        return;
    for (size_t i = (hole + 1) & mask; self->slots[i]; i = (i + 1) & mask) {
        size_t home = claims_home(self->slots[i]->id, self->capacity);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;  // its home is behind the hole
        self->slots[hole] = self->slots[i];
        hole              = i;
    }
    self->slots[hole] = NULL;
    self->n--;
}

int64_t
kt_claims_oldest_ms(const kt_claims_t *self)
{
    int64_t oldest_ms = 0;
    for (size_t i = 0; i < self->capacity; i++) {
        const kt_claim_t *claim = self->slots[i];
        if (claim && !claim->sent && claim->created_wall_ms && (!oldest_ms || claim->created_wall_ms < oldest_ms))
            oldest_ms = claim->created_wall_ms;
    }
    return oldest_ms;
}
