#include "coordinator/amqp/confirms.h"

#include "common/assert.h"

#include <stdlib.h>

kt_err_t
kt_window_init(kt_window_t *self, size_t capacity)
{
    *self         = (kt_window_t){.first = 1, .next = 1, .capacity = capacity};
    self->entries = calloc(capacity, sizeof *self->entries);
    return self->entries ? KT_OK : KT_ENOMEM;
}

void
kt_window_fini(kt_window_t *self)
{
    free(self->entries);
    self->entries = NULL;
}

static kt_window_entry_t *
entry_of(kt_window_t *self, uint64_t number)
{
    return &self->entries[number % self->capacity];
}

bool
kt_window_has_room(const kt_window_t *self, size_t n)
{
    return self->next - self->first + n <= self->capacity;
}

void
kt_window_add(kt_window_t *self, void *item, uint64_t key)
{
    kt_assert(item && kt_window_has_room(self, 1));
    *entry_of(self, self->next++) = (kt_window_entry_t){.item = item, .key = key};
    self->open++;
}

// Messages are confirmed in about the order in which they were sent, so the search continues where the last one ended.
bool
kt_window_return(kt_window_t *self, uint64_t key)
{
    uint64_t span = self->next - self->first;
    if (self->looked < self->first || self->looked >= self->next)
        self->looked = self->first;
    for (uint64_t i = 0; i < span; i++) {
        uint64_t           number = self->first + (self->looked - self->first + i) % span;
        kt_window_entry_t *entry  = entry_of(self, number);
        if (!entry->item || entry->key != key)
            continue;
        entry->returned = true;
        self->looked    = number + 1;
        return true;
    }
    return false;
}

static void
settle_one(kt_window_t *self, uint64_t number, bool acked, kt_window_fn *fn, void *context)
{
    kt_window_entry_t *entry = entry_of(self, number);
    void              *item  = entry->item;
    if (!item)
        return;
    entry->item = NULL;
    self->open--;
    fn(context, item, acked, entry->returned);
}

kt_err_t
kt_window_settle(kt_window_t *self, uint64_t number, bool multiple, bool acked, kt_window_fn *fn, void *context)
{
    if (number >= self->next || (!number && !multiple))
        return KT_EMESSAGE;
    if (multiple && !number)
        number = self->next - 1;
    for (uint64_t at = multiple ? self->first : number; at <= number; at++)
        if (at >= self->first)
            settle_one(self, at, acked, fn, context);
    while (self->first < self->next && !entry_of(self, self->first)->item)
        self->first++;
    return KT_OK;
}

void
kt_window_begin(kt_window_t *self, kt_window_fn *fn, void *context)
{
    for (; self->first < self->next; self->first++) {
        kt_window_entry_t *entry = entry_of(self, self->first);
        if (entry->item)
            fn(context, entry->item, false, false);
        entry->item = NULL;
    }
    self->first = self->next = 1;
    self->open = self->looked = 0;
}
