#include "coordinator/loop/calls.h"

#include "common/clock.h"
#include "common/cond.h"

#include <stdlib.h>

kt_call_t *
kt_call_new(size_t max_requests)
{
    kt_call_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    pthread_mutex_init(&self->lock, NULL);
    kt_cond_init(&self->changed);
    self->requests = calloc(max_requests ? max_requests : 1, sizeof(kt_ledger_request_t *));
    if (!self->requests)
        kt_call_destroy(&self);
    return self;
}

void
kt_call_destroy(kt_call_t **self_p)
{
    kt_call_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_requests; i++)
        kt_ledger_request_destroy(&self->requests[i]);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self->snapshot.nodes);
    free(self->snapshot.keys);
    free(self->requests);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_call_ask(kt_call_t **call_p, kt_queue_t *queue, int64_t timeout_ms)
{
    kt_call_t *self        = *call_p;
    kt_call_t *pushed      = self;
    int64_t    deadline_ms = kt_clock_ms() + timeout_ms;
    kt_err_t   err         = kt_queue_push(queue, &pushed);
    if (err) {
        kt_call_destroy(call_p);
        return err;
    }

    pthread_mutex_lock(&self->lock);
    while (!self->done && kt_cond_wait_until(&self->changed, &self->lock, deadline_ms))
        continue;
    bool done       = self->done;
    self->abandoned = !done;
    pthread_mutex_unlock(&self->lock);
    if (!done) {
        *call_p = NULL;
        return KT_ETIME;
    }
    err = self->err;
    if (err)
        kt_call_destroy(call_p);
    return err;
}

void
kt_call_finish(kt_call_t *self, kt_err_t err)
{
    pthread_mutex_lock(&self->lock);
    bool abandoned = self->abandoned;
    self->err      = err;
    self->done     = true;
    if (!abandoned)
        pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (abandoned)
        kt_call_destroy(&self);
}
