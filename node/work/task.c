#include "node/work/task.h"

#include "common/assert.h"

#include <stdlib.h>
#include <string.h>

static size_t
bucket_of(uint64_t job, uint64_t run)
{
    return (size_t)((job * UINT64_C(0x9E3779B97F4A7C15) + run) >> 40) % KT_ITEM_BUCKETS;
}

kt_item_t *
kt_items_find(const kt_items_t *self, uint64_t job, uint64_t run)
{
    kt_item_t *item = self->buckets[bucket_of(job, run)];
    while (item && (item->job != job || item->run != run))
        item = item->chain;
    return item;
}

static void
link_in(kt_items_t *self, kt_item_t *item)
{
    kt_item_t **bucket = &self->buckets[bucket_of(item->job, item->run)];
    item->chain        = *bucket;
    *bucket            = item;
    item->previous     = self->last;
    if (self->last)
        self->last->next = item;
    else
        self->first = item;
    self->last = item;
    self->n++;
}

kt_err_t
kt_items_add(kt_items_t *self, const kt_wire_work_t *work, size_t coordinator, kt_item_t **out)
{
    if (self->n == KT_ITEMS_MAX)
        return KT_EFULL;
    kt_item_t *item = calloc(1, sizeof *item);
    char      *body = malloc(work->body.n + 1);
    if (!item || !body) {
        free(item);
        free(body);
        return KT_ENOMEM;
    }
    memcpy(body, work->body.at, work->body.n);
    body[work->body.n] = '\0';
    item->job          = work->job;
    item->run          = (uint32_t)work->run;
    item->attempt      = (uint32_t)work->attempt;
    item->coordinator  = coordinator;
    item->body         = body;
    item->body_bytes   = work->body.n;
    item->deadline_ms  = work->deadline_ms;
    item->solo         = work->solo;
    item->alone        = work->alone;
    item->parked       = work->alone;
    self->n_alone += work->alone;
    item->started  = (kt_ticket_t){item, false};
    item->finished = (kt_ticket_t){item, true};
    link_in(self, item);
    *out = item;
    return KT_OK;
}

void
kt_items_keep(kt_items_t *self, kt_item_t *item)
{
    kt_assert(item->stage != KT_ITEM_KEPT && !item->detached);
    item->stage = KT_ITEM_KEPT;
    self->n_kept++;
    self->n_alone -= item->alone;
}

void
kt_items_detach(kt_items_t *self, kt_item_t *item)
{
    kt_item_t **at = &self->buckets[bucket_of(item->job, item->run)];
    while (*at != item)
        at = &(*at)->chain;
    *at = item->chain;
    if (item->previous)
        item->previous->next = item->next;
    else
        self->first = item->next;
    if (item->next)
        item->next->previous = item->previous;
    else
        self->last = item->previous;
    self->n--;
    self->n_kept -= item->stage == KT_ITEM_KEPT;
    self->n_alone -= item->alone && item->stage != KT_ITEM_KEPT;
    item->detached = true;
}

void
kt_item_destroy(kt_item_t **self_p)
{
    if (!*self_p)
        return;
    free((*self_p)->body);
    free((*self_p)->outcome.document);
    free(*self_p);
    *self_p = NULL;
}

void
kt_items_forget(kt_items_t *self, kt_item_t **item_p)
{
    kt_items_detach(self, *item_p);
    kt_item_destroy(item_p);
}

void
kt_items_fini(kt_items_t *self)
{
    while (self->first) {
        kt_item_t *item = self->first;
        kt_items_forget(self, &item);
    }
}
