// Jobs, leases and claims of the ledger in memory.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/ledger/memory/memory.h"

#include <stdlib.h>
#include <string.h>

static void
add_job(kt_mem_t *self, const kt_new_job_t *row, uint64_t hash)
{
    const kt_job_t *from     = row->job;
    kt_mem_job_t   *job      = kt_mem_add(&self->jobs);
    job->facts.id            = (kt_run_id_t){.job = self->jobs.n, .run = 1};
    job->hash                = hash;
    job->body_digest         = from->body_digest;
    job->message_id          = kt_mem_text(self, from->message_id, strlen(from->message_id));
    job->file_path           = kt_mem_text(self, from->file_path, strlen(from->file_path));
    job->body                = kt_mem_text(self, row->body, row->body_bytes);
    job->body_bytes          = row->body_bytes;
    job->properties          = row->properties ? kt_mem_text(self, row->properties, row->properties_bytes) : NULL;
    job->n_properties        = row->properties_bytes;
    job->priority            = from->priority;
    job->declared_bytes      = from->declared_bytes;
    job->declared_duration_s = from->declared_duration_s;
    job->created_ms          = row->wall_ms;
    self->counts[KT_JOB_QUEUED]++;
    kt_mem_map_add(self, job);
    kt_mem_enqueue(self, job);
}

kt_err_t
kt_mem_insert_jobs(kt_ledger_t *base, const kt_new_job_t *jobs, size_t n, kt_inserted_t *how, uint64_t *ids)
{
    kt_mem_t *self  = (kt_mem_t *)base;
    size_t    bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!kt_rule_job_ok(&jobs[i]))
            return KT_EBADDATA;
        bytes += strlen(jobs[i].job->message_id) + strlen(jobs[i].job->file_path) + jobs[i].body_bytes +
                 jobs[i].properties_bytes + 4;
    }
    bool room = kt_mem_room(&self->jobs, n) && kt_mem_map_room(self, n) && kt_mem_text_room(self, bytes);
    // A job has at most one entry in a heap: room for all jobs of all priorities is enough.
    for (unsigned rank = 0; rank < KT_RANKS && room; rank++)
        room = kt_mem_room(&self->heaps[rank], self->jobs.n - self->heaps[rank].n + n);
    if (!room)
        return KT_ENOMEM;

    for (size_t i = 0; i < n; i++) {
        uint64_t            hash  = kt_mem_hash(jobs[i].job->message_id);
        const kt_mem_job_t *known = kt_mem_find(self, jobs[i].job->message_id, hash);
        how[i]                    = KT_INSERTED_NEW;
        if (known)
            how[i] = memcmp(&known->body_digest, &jobs[i].job->body_digest, sizeof known->body_digest)
                         ? KT_INSERTED_CLASH
                         : KT_INSERTED_KNOWN;
        else
            add_job(self, &jobs[i], hash);
        ids[i] = known ? known->facts.id.job : self->jobs.n;
    }
    return KT_OK;
}

static kt_mem_lease_t *
find_lease(const kt_mem_t *self, uint64_t epoch)
{
    for (size_t i = 0; i < self->leases.n; i++) {
        kt_mem_lease_t *lease = kt_mem_row(&self->leases, i);
        if (lease->lease.epoch == epoch)
            return lease;
    }
    return NULL;
}

bool
kt_mem_has_lease(const kt_mem_t *self, uint64_t epoch)
{
    return find_lease(self, epoch) != NULL;
}

// Drops the leases that have run out, or that this name had, and frees what is claimed without a lease.
static void
sweep(kt_mem_t *self, const char *name)
{
    int64_t now_ms = kt_clock_wall_ms();
    size_t  kept   = 0;
    for (size_t i = 0; i < self->leases.n; i++) {
        kt_mem_lease_t *lease = kt_mem_row(&self->leases, i);
        if (lease->expires_ms > now_ms && (!name || strcmp(lease->lease.coordinator, name)))
            memmove(kt_mem_row(&self->leases, kept++), lease, sizeof *lease);
    }
    bool same      = kept == self->leases.n;
    self->leases.n = kept;
    for (size_t i = 0; i < self->jobs.n && !same; i++) {
        kt_mem_job_t *job = kt_mem_row(&self->jobs, i);
        if (job->facts.state == KT_JOB_CLAIMED && !find_lease(self, job->facts.epoch))
            kt_mem_set_state(self, job, KT_JOB_QUEUED);
    }
}

kt_err_t
kt_mem_lease_open(kt_ledger_t *base, const char *coordinator, int64_t length_ms, kt_lease_t *out)
{
    kt_mem_t  *self  = (kt_mem_t *)base;
    kt_lease_t lease = {.length_ms = length_ms};
    if (!kt_rule_node_name_ok(coordinator) || !kt_text_copy(lease.coordinator, sizeof lease.coordinator, coordinator))
        return KT_EINVAL;
    if (!kt_mem_room(&self->leases, 1))
        return KT_ENOMEM;
    sweep(self, coordinator);
    lease.epoch         = self->next_epoch++;
    kt_mem_lease_t *row = kt_mem_add(&self->leases);
    *row                = (kt_mem_lease_t){.lease = lease, .expires_ms = kt_clock_wall_ms() + length_ms};
    self->epoch         = lease.epoch;
    kt_mem_outbox_take_over(self, lease.epoch);
    *out = lease;
    return KT_OK;
}

kt_err_t
kt_mem_lease_renew(kt_ledger_t *base, const kt_lease_t *lease)
{
    kt_mem_t       *self = (kt_mem_t *)base;
    kt_mem_lease_t *row  = find_lease(self, lease->epoch);
    if (!row || strcmp(row->lease.coordinator, lease->coordinator))
        return KT_EFENCED;
    row->expires_ms = kt_clock_wall_ms() + lease->length_ms;
    sweep(self, NULL);
    kt_mem_outbox_take_over(self, lease->epoch);
    return KT_OK;
}

typedef struct take {
    uint64_t epoch;
    int64_t  wall_ms;
} take_t;

static kt_err_t
take_rank(kt_mem_t *self, const take_t *take, unsigned rank, int64_t created_until_ms, size_t limit, kt_claimed_t *out,
          size_t *n)
{
    kt_mem_job_t *job;
    for (size_t most = *n + limit;
         *n < most && (job = kt_mem_oldest(self, rank)) && job->created_ms <= created_until_ms; ++*n) {
        char *body = malloc(job->body_bytes + 1);
        if (!body)
            return KT_ENOMEM;
        memcpy(body, job->body, job->body_bytes + 1);
        out[*n] = (kt_claimed_t){
            .id                  = job->facts.id,
            .attempts            = job->attempts,
            .crashes             = job->crashes,
            .priority            = job->priority,
            .declared_bytes      = job->declared_bytes,
            .declared_duration_s = job->declared_duration_s,
            .created_wall_ms     = job->created_ms,
            .body                = body,
            .body_bytes          = job->body_bytes,
        };
        kt_mem_dequeue(self, kt_rule_rank(job->priority));
        kt_mem_set_state(self, job, KT_JOB_CLAIMED);
        job->facts.epoch = take->epoch;
        job->claimed_ms  = take->wall_ms;
    }
    return KT_OK;
}

kt_err_t
kt_mem_claim(kt_ledger_t *base, const kt_lease_t *lease, size_t want, int64_t wall_ms, kt_claimed_t *out, size_t *n)
{
    kt_mem_t       *self = (kt_mem_t *)base;
    kt_mem_lease_t *row  = find_lease(self, lease->epoch);
    take_t          take = {lease->epoch, wall_ms};
    size_t          got  = 0;
    kt_err_t        err  = row && !strcmp(row->lease.coordinator, lease->coordinator) ? KT_OK : KT_EFENCED;
    for (unsigned rank = 1; rank < KT_RANKS && !err; rank++) {
        size_t share = kt_rule_aged_share(&self->turns[rank], want);
        share        = share < want - got ? share : want - got;
        err          = take_rank(self, &take, rank, wall_ms - KT_CLAIM_AGED_MS, share, out, &got);
    }
    for (unsigned rank = 0; rank < KT_RANKS && !err; rank++)
        err = take_rank(self, &take, rank, INT64_MAX, want - got, out, &got);
    if (!err)
        *n = got;
    for (size_t i = 0; err && i < got; i++) {
        kt_mem_set_state(self, kt_mem_job(self, out[i].id.job), KT_JOB_QUEUED);
        free(out[i].body);
    }
    return err;
}

kt_err_t
kt_mem_release(kt_ledger_t *base, const kt_lease_t *lease, const kt_run_id_t *ids, size_t n)
{
    kt_mem_t *self = (kt_mem_t *)base;
    for (size_t i = 0; i < n; i++) {
        kt_mem_job_t *job = kt_mem_claimed(self, lease, ids[i]);
        if (job)
            kt_mem_set_state(self, job, KT_JOB_QUEUED);
    }
    return KT_OK;
}
