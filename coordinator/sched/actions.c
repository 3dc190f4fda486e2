#include "coordinator/sched/state.h"

#include <stdlib.h>
#include <string.h>

static kt_err_t
actions_grow(void **at, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return KT_OK;
    size_t wanted = *capacity ? *capacity : 64;
    while (wanted < need)
        wanted *= 2;
    void *memory = realloc(*at, wanted * size);
    if (!memory)
        return KT_ENOMEM;
    *at       = memory;
    *capacity = wanted;
    return KT_OK;
}

kt_err_t
kt_actions_reserve(kt_actions_t *self, size_t actions, size_t jobs)
{
    void    *at   = self->at;
    void    *sent = self->jobs;
    kt_err_t err  = actions_grow(&at, &self->capacity, actions, sizeof *self->at);
    self->at      = at;
    if (err)
        return err;
    err        = actions_grow(&sent, &self->jobs_capacity, jobs, sizeof *self->jobs);
    self->jobs = sent;
    return err;
}

void
kt_actions_fini(kt_actions_t *self)
{
    free(self->at);
    free(self->jobs);
    memset(self, 0, sizeof *self);
}

kt_action_t *
kt_sched_emit(kt_sched_t *self, kt_action_type_t type)
{
    kt_assert(self->out->n < self->out->capacity);
    kt_action_t *action = &self->out->at[self->out->n++];
    memset(action, 0, sizeof *action);
    action->type = type;
    return action;
}

void
kt_sched_emit_node(kt_sched_t *self, kt_action_type_t type, kt_node_handle_t node, kt_run_id_t id)
{
    kt_action_t *action = kt_sched_emit(self, type);
    action->node        = node;
    action->id          = id;
}

void
kt_sched_emit_drop(kt_sched_t *self, void **tag_p)
{
    if (!*tag_p)
        return;
    kt_sched_emit(self, KT_ACT_DROP)->tag = *tag_p;
    *tag_p                                = NULL;
}

// Rate-limits WHO to an unknown peer.
void
kt_sched_ask_who(kt_sched_t *self, kt_node_handle_t node)
{
    size_t slot = node % SCHED_ASKED;
    if (self->asked[slot].node == node && self->asked[slot].at_ms &&
        self->now_ms < self->asked[slot].at_ms + SCHED_WHO_MS)
        return;
    self->asked[slot].node                = node;
    self->asked[slot].at_ms               = self->now_ms;
    kt_sched_emit(self, KT_ACT_WHO)->node = node;
}
