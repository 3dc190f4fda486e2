#include "coordinator/loop/roster.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
kt_roster_init(kt_roster_t *self, kt_ledger_port_t *port, kt_keys_t *keys, bool kept, void *context,
               void (*changed)(void *context))
{
    *self = (kt_roster_t){.port = port, .keys = keys, .kept = kept, .context = context, .changed = changed};
}

void
kt_roster_fini(kt_roster_t *self)
{
    free(self->nodes);
    self->nodes = NULL;
    self->n = self->capacity = 0;
}

// The index of the name, or where it is to be inserted.
static size_t
node_position(const kt_roster_t *self, const char *name)
{
    size_t low = 0, high = self->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(self->nodes[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const kt_fleet_node_t *
kt_roster_find(const kt_roster_t *self, const char *name)
{
    size_t i = node_position(self, name);
    return i < self->n && strcmp(self->nodes[i].name, name) == 0 ? &self->nodes[i] : NULL;
}

// NULL: out of memory, or no room.
static kt_fleet_node_t *
take_node(kt_roster_t *self, const char *name)
{
    size_t i = node_position(self, name);
    if (i < self->n && strcmp(self->nodes[i].name, name) == 0)
        return &self->nodes[i];
    if (self->n == self->capacity) {
        size_t           capacity = self->capacity ? self->capacity * 2 : 64;
        kt_fleet_node_t *nodes    = self->n < KT_FLEET_ROWS ? realloc(self->nodes, capacity * sizeof *nodes) : NULL;
        if (!nodes)
            return NULL;
        self->nodes    = nodes;
        self->capacity = capacity;
    }
    memmove(self->nodes + i + 1, self->nodes + i, (self->n - i) * sizeof *self->nodes);
    self->n++;
    self->nodes[i] = (kt_fleet_node_t){0};
    snprintf(self->nodes[i].name, sizeof self->nodes[i].name, "%s", name);
    return &self->nodes[i];
}

bool
kt_roster_take(kt_roster_t *self, const kt_fleet_t *fleet, int64_t wall_ms)
{
    bool     changed = false;
    kt_err_t err     = kt_keys_overrule(self->keys, fleet->keys, fleet->n_keys, wall_ms, &changed);
    for (size_t i = 0; i < self->n; i++)
        self->nodes[i].drained = false;
    for (size_t i = 0; i < fleet->n_nodes && !err; i++) {
        const kt_fleet_node_t *from = &fleet->nodes[i];
        kt_fleet_node_t       *to   = take_node(self, from->name);
        if (!to)
            continue;
        int64_t seen_ms = to->seen_ms;
        if (from->seen_ms < seen_ms) {  // seen here since it was saved
            char host[KT_FLEET_NAME];
            memcpy(host, to->host, sizeof host);
            *to         = *from;
            to->seen_ms = seen_ms;
            memcpy(to->host, host, sizeof host);
        } else {
            *to = *from;
        }
    }
    if (changed)
        self->changed(self->context);
    return !err;
}

typedef struct read_args {
    kt_fleet_t fleet;
} read_args_t;

static void
free_read(void *context)
{
    kt_fleet_fini(&((read_args_t *)context)->fleet);
    free(context);
}

static kt_err_t
run_read(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    read_args_t *args = context;
    return ledger->ops->fleet ? ledger->ops->fleet->read(ledger, &args->fleet) : KT_ENOTYET;
}

static void
roster_on_read(void *context, kt_ledger_request_t **request_p)
{
    kt_roster_t *self = context;
    self->reading     = false;
    if (!(*request_p)->err)
        (void)kt_roster_take(self, &((read_args_t *)(*request_p)->call.args)->fleet, kt_clock_wall_ms());
}

// False: out of memory; a later tick asks again.
static bool
roster_post(kt_roster_t *self, kt_ledger_request_type_t type, kt_ledger_call_fn *run, void *args,
            void (*free_args)(void *args), kt_ledger_answered_fn *answered)
{
    kt_ledger_request_t *request = args ? kt_ledger_request_new(type, self) : NULL;
    if (!request) {
        free(args);
        return false;
    }
    request->answered  = answered;
    request->call.run  = run;
    request->call.args = args;
    request->call.free = free_args;
    kt_ledger_port_post(self->port, &request);
    return true;
}

void
kt_roster_read(kt_roster_t *self)
{
    if (self->kept &&
        roster_post(self, KT_LREQ_LOOK, run_read, calloc(1, sizeof(read_args_t)), free_read, roster_on_read))
        self->reading = true;
}

typedef struct save_args {
    size_t          n;
    kt_fleet_node_t nodes[];
} save_args_t;

static kt_err_t
run_save(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    const save_args_t *args = context;
    return ledger->ops->fleet ? ledger->ops->fleet->seen(ledger, args->nodes, args->n) : KT_ENOTYET;
}

static void
roster_on_saved(void *context, kt_ledger_request_t **request_p)
{
    kt_roster_t *self = context;
    self->saving      = false;
    if ((*request_p)->err)
        self->saved_wall_ms = 0;  // all again
}

static void
roster_save(kt_roster_t *self, int64_t wall_ms)
{
    save_args_t *args = malloc(sizeof *args + self->n * sizeof *args->nodes);
    if (!args)
        return;
    args->n = 0;
    for (size_t i = 0; i < self->n; i++)
        if (self->nodes[i].seen_ms > self->saved_wall_ms)
            args->nodes[args->n++] = self->nodes[i];
    if (!args->n) {
        free(args);
        return;
    }
    if (roster_post(self, KT_LREQ_CALL, run_save, args, free, roster_on_saved)) {
        self->saving        = true;
        self->saved_wall_ms = wall_ms;
    }
}

// Names of pods change: one without a key of its own leaves the list a day after it was seen.
static void
drop_unkeyed(kt_roster_t *self, int64_t wall_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->n; i++) {
        const kt_fleet_node_t *node = &self->nodes[i];
        bool                   old  = wall_ms - node->seen_ms > KT_ROSTER_UNKEYED_MS;
        if (!old || node->drained || kt_keys_named(self->keys, node->name))
            self->nodes[kept++] = *node;
    }
    self->n = kept;
}

void
kt_roster_tick(kt_roster_t *self, const kt_peers_t *peers, int64_t now_ms, int64_t wall_ms)
{
    for (size_t i = 0; i < peers->n; i++) {
        const kt_peer_t *peer = peers->at[i];
        kt_fleet_node_t *node = take_node(self, peer->name);
        int64_t          at   = wall_ms - (now_ms - peer->heard_ms);
        if (!node || at <= node->seen_ms)
            continue;
        self->save_soon = self->save_soon || !node->seen_ms || node->forgotten_ms >= node->seen_ms;
        node->seen_ms   = at;
        snprintf(node->host, sizeof node->host, "%s", peer->host);
    }
    if (!self->kept || self->port->err)
        return;
    if (!self->reading && now_ms - self->read_ms >= KT_ROSTER_READ_MS) {
        self->read_ms = now_ms;
        kt_roster_read(self);
    }
    if (self->saving || (!self->save_soon && now_ms - self->saved_ms < KT_ROSTER_SAVE_MS))
        return;
    self->save_soon = false;
    self->saved_ms  = now_ms;
    drop_unkeyed(self, wall_ms);
    roster_save(self, wall_ms);
}

bool
kt_roster_expects(const kt_roster_t *self, const char *name)
{
    const kt_fleet_node_t *node = kt_roster_find(self, name);
    if (node && node->forgotten_ms && node->forgotten_ms >= node->seen_ms)
        return false;
    return kt_keys_named(self->keys, name) || (node && node->seen_ms && kt_keys_named(self->keys, ""));
}

size_t
kt_roster_names(const kt_roster_t *self, const char **out, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n && n < capacity; i++)
        if (kt_roster_expects(self, self->nodes[i].name))
            out[n++] = self->nodes[i].name;
    for (size_t i = 0; i < self->keys->n && n < capacity; i++) {
        const kt_key_t *key  = &self->keys->at[i];
        bool            once = !key->join && *key->name && kt_keys_named(self->keys, key->name) == key;
        if (once && !kt_roster_find(self, key->name))
            out[n++] = key->name;
    }
    return n;
}
