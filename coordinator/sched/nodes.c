#include "coordinator/sched/nodes.h"

#include "coordinator/sched/jobs.h"

#include <stdlib.h>
#include <string.h>

// The map and the list of all.

static kt_snode_t **
bucket_of(kt_sched_t *self, kt_node_handle_t handle)
{
    return &self->node_buckets[(handle * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

_Static_assert(SCHED_NODE_BUCKETS == 1024, "bucket_of takes the upper ten bits");

kt_snode_t *
kt_snode_find(const kt_sched_t *self, kt_node_handle_t handle)
{
    kt_snode_t *node = *bucket_of((kt_sched_t *)self, handle);
    while (node && node->handle != handle)
        node = node->hash_next;
    return node;
}

static void
map_add(kt_sched_t *self, kt_snode_t *node)
{
    kt_snode_t **bucket = bucket_of(self, node->handle);
    node->hash_next     = *bucket;
    *bucket             = node;
}

static void
map_remove(kt_sched_t *self, kt_snode_t *node)
{
    kt_snode_t **link = bucket_of(self, node->handle);
    while (*link != node)
        link = &(*link)->hash_next;
    *link = node->hash_next;
}

// Those that want work, served in turn.

static void
hungry_add(kt_sched_t *self, kt_snode_t *node)
{
    node->hungry_prev = self->hungry_last;
    node->hungry_next = NULL;
    if (self->hungry_last)
        self->hungry_last->hungry_next = node;
    else
        self->hungry_first = node;
    self->hungry_last = node;
    node->in_hungry   = true;
    self->n_hungry++;
}

static void
hungry_remove(kt_sched_t *self, kt_snode_t *node)
{
    if (node->hungry_prev)
        node->hungry_prev->hungry_next = node->hungry_next;
    else
        self->hungry_first = node->hungry_next;
    if (node->hungry_next)
        node->hungry_next->hungry_prev = node->hungry_prev;
    else
        self->hungry_last = node->hungry_prev;
    node->in_hungry = false;
    self->n_hungry--;
}

void
kt_snode_rotate(kt_sched_t *self, kt_snode_t *node)
{
    if (!node->in_hungry)
        return;
    hungry_remove(self, node);
    hungry_add(self, node);
}

bool
kt_snode_usable(const kt_snode_t *node)
{
    return !node->lost && !node->leaving && !node->name->drained;
}

// Both limits are reported by the node: its free slots and its total capacity.
uint32_t
kt_snode_room(const kt_snode_t *node)
{
    size_t left = node->items.count < node->capacity ? node->capacity - node->items.count : 0;
    return node->credit < left ? node->credit : (uint32_t)left;
}

// A fully busy node is not refilled one file at a time: one batch per result would double the number of frames.
static bool
is_hungry(const kt_sched_t *self, const kt_snode_t *node)
{
    uint32_t room = kt_snode_room(node);
    if (!kt_snode_usable(node) || node->refused || room == 0)
        return false;
    return node->items.count <= node->slots || room >= self->opts.batch_size || room >= node->capacity / 4;
}

void
kt_snode_refresh(kt_sched_t *self, kt_snode_t *node)
{
    bool     usable   = kt_snode_usable(node);
    uint32_t capacity = usable ? node->capacity : 0;
    self->n_usable += (size_t)usable - (size_t)node->counted;
    self->capacity += (uint64_t)capacity - node->counted_capacity;
    node->counted          = usable;
    node->counted_capacity = capacity;
    uint64_t weight        = usable ? kt_snode_weight(node) : 0;
    self->weight += weight - node->counted_weight;
    node->counted_weight = weight;
    bool hungry          = is_hungry(self, node);
    if (hungry && !node->in_hungry)
        hungry_add(self, node);
    else if (!hungry && node->in_hungry)
        hungry_remove(self, node);
}

uint64_t
kt_snode_weight(const kt_snode_t *node)
{
    return (uint64_t)(node->slots ? node->slots : 1) * node->speed;
}

// Sums that forget by a sixteenth with each file: a ratio of sums and not a mean of ratios, so that a short file whose
// time is mostly overhead does not count as much as a long one.
void
kt_snode_measure(kt_sched_t *self, kt_snode_t *node, uint32_t cost_ms, uint32_t took_ms)
{
    node->cost_ms += cost_ms - node->cost_ms / 16;
    node->took_ms += took_ms - node->took_ms / 16;
    double speed = node->took_ms > 0 ? SCHED_SPEED * node->cost_ms / node->took_ms : SCHED_SPEED;
    node->speed  = speed < 1 ? 1 : speed > SCHED_SPEED_MAX ? SCHED_SPEED_MAX : (uint32_t)speed;
    kt_snode_refresh(self, node);
}

void
kt_snode_credit(kt_sched_t *self, kt_snode_t *node)
{
    if (node->credit < node->capacity)
        node->credit++;
    kt_snode_refresh(self, node);
}

// Connect, refuse, lose.

static void
destroy(kt_sched_t *self, kt_snode_t *node)
{
    kt_assert(node->items.count == 0);
    if (self->quiet == node)
        self->quiet = NULL;
    node->lost = true;
    kt_snode_refresh(self, node);
    kt_heap_remove(self->timers, &node->timer);
    map_remove(self, node);
    if (node->prev)
        node->prev->next = node->next;
    else
        self->nodes = node->next;
    if (node->next)
        node->next->prev = node->prev;
    node->name->nodes--;
    self->n_nodes--;
    free(node);
}

static kt_snode_t *
create(kt_sched_t *self, kt_node_handle_t handle, kt_sname_t *name)
{
    kt_snode_t *node = self->n_nodes < SCHED_NODES ? calloc(1, sizeof *node) : NULL;
    if (!node)
        return NULL;
    node->handle = handle;
    node->name   = name;
    node->speed  = SCHED_SPEED;
    node->next   = self->nodes;
    if (self->nodes)
        self->nodes->prev = node;
    self->nodes = node;
    map_add(self, node);
    name->nodes++;
    self->n_nodes++;
    return node;
}

static void
set_timer(kt_sched_t *self, kt_snode_t *node, int64_t due_ms)
{
    kt_assert(kt_heap_set(self->timers, &node->timer, due_ms) == KT_OK);
}

void
kt_snode_heard(kt_sched_t *self, kt_snode_t *node)
{
    node->heard_ms = self->now_ms;  // the timer, when it is due, looks at this
    if (node->refused) {
        node->refused = false;
        kt_snode_refresh(self, node);
    }
}

// Newest first, so that the oldest ends up at the front.
static void
give_all_back(kt_sched_t *self, kt_snode_t *node, kt_sjob_happening_t happening, bool others)
{
    for (kt_sjob_t *job = node->items.last, *prev; job; job = prev) {
        prev                = job->prev;
        kt_sjob_what_t what = {.node = node, .handle = node->handle, .exonerated = others};
        kt_sjob_happens(self, job, happening, &what);
    }
}

// A loss counts towards a black hole when a file was in work that had not been suspect before: a suspect is likelier to
// have done it than the node.
static void
snode_lose(kt_sched_t *self, kt_snode_t *node)
{
    bool             others = false;
    const kt_sjob_t *fresh  = NULL;
    for (const kt_sjob_t *job = node->items.first; job; job = job->next) {
        others = others || !job->solo;
        if (job->claimed && job->state == SJOB_RUNNING && !kt_sjob_suspect(job))
            fresh = job;
    }
    if (fresh)
        kt_snode_crash(self, node->name, fresh->id);
    node->lost = true;
    kt_snode_refresh(self, node);
    give_all_back(self, node, SJOB_ON_LOST, others);
    node->credit = node->capacity = node->free = node->kept = 0;
    kt_snode_refresh(self, node);
    set_timer(self, node, self->now_ms + SCHED_LOST_MS);
}

void
kt_snode_leave(kt_sched_t *self, kt_snode_t *node)
{
    node->leaving = true;
    kt_snode_refresh(self, node);
    give_all_back(self, node, SJOB_ON_RETURNED, false);
    destroy(self, node);
}

void
kt_snode_refuse(kt_sched_t *self, kt_snode_t *node)
{
    int64_t due_ms = self->now_ms + self->opts.node_silence_ms / 2;
    node->refused  = true;
    kt_snode_refresh(self, node);
    if (node->timer.due_ms > due_ms)
        set_timer(self, node, due_ms);
}

// HELLO

static bool
same_process(const kt_snode_t *node, const kt_event_t *event)
{
    return node->incarnation == event->hello.incarnation && strcmp(node->name->text, event->hello.name) == 0;
}

// The process that had this name is dead when it is silent while another one says the name. Two that both speak are two
// processes on one machine, and stay.
static void
settle_namesakes(kt_sched_t *self, const kt_event_t *event)
{
    for (kt_snode_t *node = self->nodes, *next; node; node = next) {
        next = node->next;
        if (node->handle == event->node || strcmp(node->name->text, event->hello.name) != 0)
            continue;
        if (!node->lost && self->now_ms - node->heard_ms >= self->opts.node_silence_ms / 2)
            snode_lose(self, node);
        if (node->lost)
            destroy(self, node);
    }
}

// The same process on a new connection: what it holds stays with it.
static kt_snode_t *
move(kt_sched_t *self, const kt_event_t *event)
{
    kt_snode_t *node = self->nodes;
    while (node && !same_process(node, event))
        node = node->next;
    if (!node || node->handle == event->node)
        return node;
    kt_snode_t *stale = kt_snode_find(self, event->node);
    if (stale) {
        snode_lose(self, stale);
        destroy(self, stale);
    }
    map_remove(self, node);
    node->handle = event->node;
    map_add(self, node);
    return node;
}

static kt_sname_t *
name_of(kt_sched_t *self, const char *text)
{
    kt_sname_t *name = self->names;
    while (name && strcmp(name->text, text) != 0)
        name = name->next;
    return name;
}

static kt_sname_t *
name_take(kt_sched_t *self, const char *text)
{
    kt_sname_t *name = name_of(self, text);
    if (name || self->n_names == SCHED_NAMES)
        return name;
    name = calloc(1, sizeof *name);
    if (!name)
        return NULL;
    strncpy(name->text, text, sizeof name->text - 1);
    name->next  = self->names;
    self->names = name;
    self->n_names++;
    return name;
}

kt_snode_t *
kt_snode_hello(kt_sched_t *self, const kt_event_t *event)
{
    if (strlen(event->hello.name) >= sizeof(((kt_sname_t *)0)->text))
        return NULL;
    kt_snode_t *node = move(self, event);
    if (!node) {
        kt_snode_t *before = kt_snode_find(self, event->node);
        if (before && !before->lost)
            snode_lose(self, before);
        if (before)
            destroy(self, before);
        settle_namesakes(self, event);
        kt_sname_t *name = name_take(self, event->hello.name);
        node             = name ? create(self, event->node, name) : NULL;
    }
    if (!node)
        return NULL;
    node->incarnation = event->hello.incarnation;
    node->slots       = event->hello.slots;
    node->lost        = false;
    node->progress_ms = node->heard_ms = self->now_ms;
    if (event->hello.drained && !node->name->drained)
        kt_snode_drain(self, node->name->text, true);
    set_timer(self, node, self->now_ms + self->opts.node_silence_ms);
    kt_snode_heard(self, node);
    kt_snode_refresh(self, node);
    return node;
}

// Timers

void
kt_snode_expire(kt_sched_t *self, kt_snode_t *node)
{
    for (kt_sjob_t *job = node->items.first, *next; job; job = next) {
        next = job->next;
        if (self->now_ms - job->since_ms < self->opts.job_deadline_ms)
            continue;
        kt_sjob_what_t what = {.node = node, .handle = node->handle};
        kt_sjob_happens(self, job, SJOB_ON_EXPIRED, &what);
    }
}

void
kt_snode_due(kt_sched_t *self)
{
    for (kt_heap_entry_t *entry; (entry = kt_heap_pop_due(self->timers, self->now_ms));) {
        kt_snode_t *node     = (kt_snode_t *)entry;
        int64_t     limit_ms = node->refused ? self->opts.node_silence_ms / 2 : self->opts.node_silence_ms;
        if (node->lost) {
            destroy(self, node);
        } else if (self->now_ms - node->heard_ms >= limit_ms) {
            snode_lose(self, node);
        } else {
            set_timer(self, node, node->heard_ms + limit_ms);
            kt_snode_expire(self, node);
        }
    }
}

// Names

// Crashes in a row, of different files, without a success between: the node is likelier to be at fault than all of
// them.
void
kt_snode_crash(kt_sched_t *self, kt_sname_t *name, kt_run_id_t id)
{
    if (name->crashes > 0 && name->last_crash.job == id.job)
        return;
    name->last_crash = id;
    if (++name->crashes < self->opts.black_hole_count)
        return;
    name->crashes       = 0;
    kt_action_t *action = kt_sched_emit(self, KT_ACT_DRAIN);
    action->node_name   = name->text;
    action->on          = true;
    kt_snode_drain(self, name->text, true);
}

void
kt_snode_drain(kt_sched_t *self, const char *text, bool on)
{
    kt_sname_t *name = name_of(self, text);
    if (!name)
        return;
    name->drained = on;
    name->crashes = 0;
    for (kt_snode_t *node = self->nodes; node; node = node->next)
        if (node->name == name)
            kt_snode_refresh(self, node);
}

// Pod names change: names without information are dropped before the table is full.
void
kt_snodes_tidy(kt_sched_t *self)
{
    if (self->n_names < SCHED_NAMES / 2)
        return;
    for (kt_sname_t **link = &self->names; *link;) {
        kt_sname_t *name = *link;
        if (name->nodes || name->drained) {
            link = &name->next;
            continue;
        }
        *link = name->next;
        free(name);
        self->n_names--;
    }
}

void
kt_snodes_fini(kt_sched_t *self)
{
    kt_heap_destroy(&self->timers);  // it writes into the nodes
    for (kt_snode_t *node = self->nodes, *next; node; node = next) {
        next = node->next;
        free(node);
    }
    for (kt_sname_t *name = self->names, *next; name; name = next) {
        next = name->next;
        free(name);
    }
}
