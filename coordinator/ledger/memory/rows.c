#include "common/assert.h"
#include "common/clock.h"
#include "coordinator/ledger/memory/memory.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20, FIRST_ROWS = 64 };

struct kt_mem_block {
    kt_mem_block_t *next;
    size_t          used, capacity;
    char            bytes[];
};

void
kt_mem_init(kt_mem_t *self)
{
    self->jobs.row_bytes     = sizeof(kt_mem_job_t);
    self->results.row_bytes  = sizeof(kt_mem_result_t);
    self->attempts.row_bytes = sizeof(kt_mem_attempt_t);
    self->leases.row_bytes   = sizeof(kt_mem_lease_t);
    self->days.row_bytes     = sizeof(kt_mem_day_t);
    self->marks.row_bytes    = 64;
    self->outbox.row_bytes   = sizeof(kt_mem_outbox_t);
    self->next_epoch         = 1;
    kt_rule_turns_init(self->turns);
    for (unsigned rank = 0; rank < KT_RANKS; rank++)
        self->heaps[rank].row_bytes = sizeof(uint64_t);
}

void
kt_mem_fini(kt_mem_t *self)
{
    kt_mem_rows_t *const all[] = {&self->jobs, &self->results, &self->attempts, &self->leases,
                                  &self->days, &self->marks,   &self->outbox};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->at);
    for (unsigned rank = 0; rank < KT_RANKS; rank++)
        free(self->heaps[rank].at);
    free(self->map);
    while (self->blocks) {
        kt_mem_block_t *next = self->blocks->next;
        free(self->blocks);
        self->blocks = next;
    }
}

bool
kt_mem_room(kt_mem_rows_t *rows, size_t more)
{
    if (rows->capacity - rows->n >= more)
        return true;
    size_t capacity = rows->capacity ? rows->capacity : FIRST_ROWS;
    while (capacity - rows->n < more) {
        if (capacity > SIZE_MAX / 2 / rows->row_bytes)
            return false;
        capacity *= 2;
    }
    void *at = realloc(rows->at, capacity * rows->row_bytes);
    if (!at)
        return false;
    rows->at       = at;
    rows->capacity = capacity;
    return true;
}

void *
kt_mem_row(const kt_mem_rows_t *rows, size_t place)
{
    return (char *)rows->at + place * rows->row_bytes;
}

void *
kt_mem_add(kt_mem_rows_t *rows)
{
    kt_assert(rows->n < rows->capacity);
    return memset(kt_mem_row(rows, rows->n++), 0, rows->row_bytes);
}

static size_t
mem_text_need(const char *bytes, size_t length)
{
    return (bytes ? length : 0) + 1;
}

bool
kt_mem_text_room(kt_mem_t *self, size_t bytes)
{
    if (self->blocks && self->blocks->capacity - self->blocks->used >= bytes)
        return true;
    size_t          capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    kt_mem_block_t *block    = malloc(sizeof *block + capacity);
    if (!block)
        return false;
    *block       = (kt_mem_block_t){.next = self->blocks, .capacity = capacity};
    self->blocks = block;
    return true;
}

const char *
kt_mem_text(kt_mem_t *self, const char *bytes, size_t length)
{
    kt_mem_block_t *block = self->blocks;
    size_t          need  = mem_text_need(bytes, length);
    kt_assert(block && block->capacity - block->used >= need);
    char *copy = block->bytes + block->used;
    if (need > 1)
        memcpy(copy, bytes, need - 1);
    copy[need - 1] = '\0';
    block->used += need;
    return copy;
}

kt_mem_job_t *
kt_mem_job(const kt_mem_t *self, uint64_t id)
{
    return id && id <= self->jobs.n ? kt_mem_row(&self->jobs, (size_t)id - 1) : NULL;
}

// FNV-1a, 64 bits, with a last mix: message_ids come from outside, but what they can slow down is a test.
uint64_t
kt_mem_hash(const char *message_id)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *c = message_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash ^ hash >> 29;
}

kt_mem_job_t *
kt_mem_find(const kt_mem_t *self, const char *message_id, uint64_t hash)
{
    if (!self->map_slots)
        return NULL;
    for (size_t slot = hash & (self->map_slots - 1); self->map[slot]; slot = (slot + 1) & (self->map_slots - 1)) {
        kt_mem_job_t *job = kt_mem_row(&self->jobs, self->map[slot] - 1);
        if (job->hash == hash && strcmp(job->message_id, message_id) == 0)
            return job;
    }
    return NULL;
}

void
kt_mem_map_add(kt_mem_t *self, const kt_mem_job_t *job)
{
    size_t slot = job->hash & (self->map_slots - 1);
    while (self->map[slot])
        slot = (slot + 1) & (self->map_slots - 1);
    self->map[slot] = (size_t)job->facts.id.job;
}

// Never more than half full.
bool
kt_mem_map_room(kt_mem_t *self, size_t more)
{
    size_t slots = self->map_slots ? self->map_slots : 1024;
    while (slots / 2 < self->jobs.n + more)
        slots *= 2;
    if (slots == self->map_slots)
        return true;
    size_t *map = calloc(slots, sizeof *map);
    if (!map)
        return false;
    free(self->map);
    self->map       = map;
    self->map_slots = slots;
    for (size_t i = 0; i < self->jobs.n; i++)
        kt_mem_map_add(self, kt_mem_row(&self->jobs, i));
    return true;
}

void
kt_mem_enqueue(kt_mem_t *self, kt_mem_job_t *job)
{
    if (job->in_heap)
        return;
    job->in_heap         = true;
    kt_mem_rows_t *heap  = &self->heaps[kt_rule_rank(job->priority)];
    uint64_t      *ids   = (kt_mem_add(heap), heap->at);
    size_t         place = heap->n - 1;
    for (; place && ids[(place - 1) / 2] > job->facts.id.job; place = (place - 1) / 2)
        ids[place] = ids[(place - 1) / 2];
    ids[place] = job->facts.id.job;
}

void
kt_mem_dequeue(kt_mem_t *self, unsigned rank)
{
    kt_mem_rows_t *heap               = &self->heaps[rank];
    uint64_t      *ids                = heap->at;
    kt_mem_job(self, ids[0])->in_heap = false;
    uint64_t last                     = ids[--heap->n];
    size_t   place                    = 0;
    for (size_t child; (child = 2 * place + 1) < heap->n; place = child) {
        if (child + 1 < heap->n && ids[child + 1] < ids[child])
            child++;
        if (ids[child] >= last)
            break;
        ids[place] = ids[child];
    }
    ids[place] = last;
}

kt_mem_job_t *
kt_mem_oldest(kt_mem_t *self, unsigned rank)
{
    while (self->heaps[rank].n) {
        kt_mem_job_t *job = kt_mem_job(self, *(uint64_t *)self->heaps[rank].at);
        if (job->facts.state == KT_JOB_QUEUED)
            return job;
        kt_mem_dequeue(self, rank);
    }
    return NULL;
}

void
kt_mem_set_state(kt_mem_t *self, kt_mem_job_t *job, kt_job_state_t state)
{
    self->counts[job->facts.state]--;
    self->counts[state]++;
    job->facts.state = state;
    if (state != KT_JOB_CLAIMED)
        job->facts.epoch = 0;
    if (state >= KT_JOB_DONE)
        job->ended_ms = kt_clock_wall_ms();
    if (state == KT_JOB_QUEUED)
        kt_mem_enqueue(self, job);
}

kt_mem_job_t *
kt_mem_claimed(const kt_mem_t *self, const kt_lease_t *lease, kt_run_id_t id)
{
    kt_mem_job_t *job = kt_mem_job(self, id.job);
    bool          ours =
        job && job->facts.id.run == id.run && job->facts.state == KT_JOB_CLAIMED && job->facts.epoch == lease->epoch;
    return ours ? job : NULL;
}
