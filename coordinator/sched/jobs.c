#include "coordinator/sched/jobs.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256, FIRST_BUCKETS = 1024 };

// Jobs are taken in chunks and reused; nothing goes back to the heap before the end.
struct kt_sched_job_chunk {
    kt_sched_job_chunk_t *next;
    kt_sched_job_t        jobs[CHUNK];
};

static size_t
find_job_slot(kt_run_id_t id, size_t slots)
{
    uint64_t mixed = (id.job + ((uint64_t)id.run << 48)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (slots - 1);
}

static kt_err_t
jobs_rehash(kt_sched_t *self, size_t n_buckets)
{
    kt_sched_job_t **buckets = calloc(n_buckets, sizeof(kt_sched_job_t *));
    if (!buckets)
        return KT_ENOMEM;
    for (size_t i = 0; i < self->n_buckets; i++)
        for (kt_sched_job_t *job = self->buckets[i], *next; job; job = next) {
            next                    = job->hash_next;
            kt_sched_job_t **bucket = &buckets[find_job_slot(job->id, n_buckets)];
            job->hash_next          = *bucket;
            *bucket                 = job;
        }
    free(self->buckets);
    self->buckets   = buckets;
    self->n_buckets = n_buckets;
    return KT_OK;
}

static kt_err_t
add_chunk(kt_sched_t *self)
{
    kt_sched_job_chunk_t *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return KT_ENOMEM;
    chunk->next  = self->chunks;
    self->chunks = chunk;
    for (size_t i = 0; i < CHUNK; i++) {
        chunk->jobs[i].next = self->spare;
        self->spare         = &chunk->jobs[i];
    }
    self->n_spare += CHUNK;
    return KT_OK;
}

kt_err_t
kt_sched_jobs_reserve(kt_sched_t *self, size_t more)
{
    kt_err_t err  = KT_OK;
    size_t   want = self->n_buckets ? self->n_buckets : FIRST_BUCKETS;
    while (want < self->n_jobs + more)
        want *= 2;
    if (want != self->n_buckets)
        err = jobs_rehash(self, want);
    while (!err && self->n_spare < more)
        err = add_chunk(self);
    return err;
}

void
kt_sched_jobs_fini(kt_sched_t *self)
{
    for (kt_sched_job_chunk_t *chunk = self->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(self->buckets);
}

kt_sched_job_t *
kt_sched_job_find(const kt_sched_t *self, kt_run_id_t id)
{
    if (!self->n_buckets)
        return NULL;
    kt_sched_job_t *job = self->buckets[find_job_slot(id, self->n_buckets)];
    while (job && (job->id.job != id.job || job->id.run != id.run))
        job = job->hash_next;
    return job;
}

// The lists.

static void
list_push(kt_sched_job_list_t *list, kt_sched_job_t *job, bool front)
{
    job->prev = front ? NULL : list->last;
    job->next = front ? list->first : NULL;
    if (job->prev)
        job->prev->next = job;
    else
        list->first = job;
    if (job->next)
        job->next->prev = job;
    else
        list->last = job;
    list->count++;
}

static void
list_remove(kt_sched_job_list_t *list, kt_sched_job_t *job)
{
    if (job->prev)
        job->prev->next = job->next;
    else
        list->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        list->last = job->prev;
    job->prev = job->next = NULL;
    list->count--;
}

static bool
is_slot_open(kt_sched_job_state_t state)
{
    return state <= KT_SCHED_JOB_RUNNING;
}

static kt_sched_job_list_t *
ready_list_of(kt_sched_t *self, const kt_sched_job_t *job)
{
    return job->isolated ? &self->suspects : job->doubt ? &self->doubted : &self->ready;
}

static void
leave_place(kt_sched_t *self, kt_sched_job_t *job)
{
    self->counts[job->state]--;
    self->n_open -= job->claimed && is_slot_open(job->state);
    if (job->state == KT_SCHED_JOB_READY) {
        self->ready_cost_ms -= job->cost_ms;
        list_remove(ready_list_of(self, job), job);
    } else if (job->node) {
        job->node->n_running -= job->state == KT_SCHED_JOB_RUNNING;
        job->node->n_isolated -= job->isolated;
        list_remove(&job->node->items, job);
        job->node = NULL;
    } else {
        list_remove(&self->ledger, job);
    }
}

static void
enter_state(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_state_t state)
{
    job->state = state;
    self->counts[state]++;
    self->n_open += job->claimed && is_slot_open(state);
}

// A new job is in no list.
static void
leave_any(kt_sched_t *self, kt_sched_job_t *job)
{
    if (job->state != KT_SCHED_JOB_NEW)
        leave_place(self, job);
}

void
kt_sched_job_to_ready(kt_sched_t *self, kt_sched_job_t *job, bool front)
{
    kt_assert(job->claimed);
    leave_any(self, job);
    enter_state(self, job, KT_SCHED_JOB_READY);
    self->ready_cost_ms += job->cost_ms;
    job->isolated = kt_sched_job_suspect(job);
    list_push(ready_list_of(self, job), job, front);
}

void
kt_sched_job_to_node(kt_sched_t *self, kt_sched_job_t *job, kt_sched_node_t *node, bool running, bool isolated)
{
    leave_any(self, job);
    enter_state(self, job, running ? KT_SCHED_JOB_RUNNING : KT_SCHED_JOB_SENT);
    job->node       = node;
    job->bad_data   = false;
    job->bare       = false;
    job->since_ms   = self->now_ms;
    job->missing_ms = 0;
    job->isolated   = isolated;
    if ((running && node->n_running == 0) || node->items.count == 0)
        node->progress_ms = self->now_ms;
    if (node->items.count == 0)
        node->ended_ms = self->now_ms;
    node->n_running += running;
    node->n_isolated += isolated;
    list_push(&node->items, job, false);
}

void
kt_sched_job_to_ledger(kt_sched_t *self, kt_sched_job_t *job, kt_sched_job_state_t state)
{
    leave_any(self, job);
    enter_state(self, job, state);
    list_push(&self->ledger, job, false);
}

kt_sched_job_t *
kt_sched_job_take(kt_sched_t *self, kt_run_id_t id, bool claimed)
{
    kt_sched_job_t *job = self->spare;
    kt_assert(job);
    self->spare = job->next;
    self->n_spare--;
    memset(job, 0, sizeof *job);
    job->id                 = id;
    job->claimed            = claimed;
    job->state              = KT_SCHED_JOB_NEW;
    kt_sched_job_t **bucket = &self->buckets[find_job_slot(id, self->n_buckets)];
    job->hash_next          = *bucket;
    *bucket                 = job;
    self->n_jobs++;
    return job;
}

void
kt_sched_job_remove(kt_sched_t *self, kt_sched_job_t *job)
{
    leave_any(self, job);
    job->state = KT_SCHED_JOB_NEW;
    kt_sched_emit_drop(self, &job->tag);
    kt_sched_emit_drop(self, &job->payload);
    kt_sched_emit_drop(self, &job->document);
    kt_sched_job_doubt(job, NULL, KT_OK);
    kt_sched_job_t **link = &self->buckets[find_job_slot(job->id, self->n_buckets)];
    while (*link != job)
        link = &(*link)->hash_next;
    *link       = job->hash_next;
    job->next   = self->spare;
    self->spare = job;
    self->n_spare++;
    self->n_jobs--;
}

void
kt_sched_job_own(kt_sched_t *self, kt_sched_job_t *job, bool claimed)
{
    if (job->claimed == claimed)
        return;
    job->claimed = claimed;
    if (is_slot_open(job->state))
        self->n_open += claimed ? (size_t)1 : (size_t)-1;
}

bool
kt_sched_job_is_done(const kt_sched_t *self, kt_run_id_t id)
{
    const kt_run_id_t *slot = &self->done[find_job_slot(id, SCHED_DONE)];
    return id.job && slot->job == id.job && slot->run == id.run;
}

void
kt_sched_job_set_done(kt_sched_t *self, kt_run_id_t id)
{
    self->done[find_job_slot(id, SCHED_DONE)] = id;
}

void
kt_sched_job_doubt(kt_sched_job_t *job, kt_node_name_t *name, kt_err_t err)
{
    kt_assert(job->state != KT_SCHED_JOB_READY);
    kt_node_name_t **place = job->doubt && job->doubt != name ? &job->agrees : &job->doubt;
    if (!name && job->agrees)
        job->agrees->doubts--;
    if (!name) {
        place       = &job->doubt;
        job->agrees = NULL;
    }
    if (*place)
        (*place)->doubts--;
    if (name)
        name->doubts++;
    *place         = name;
    job->doubt_err = err;
}

bool
kt_sched_job_suspect(const kt_sched_job_t *job)
{
    return job->crashes > 0 || job->lost_unstarted >= 2;
}

bool
kt_sched_job_waits_ack(const kt_sched_job_t *job, kt_node_handle_t node)
{
    for (uint32_t i = 0; i < job->n_waiting_ack; i++)
        if (job->waiting_ack[i] == node)
            return true;
    return false;
}
