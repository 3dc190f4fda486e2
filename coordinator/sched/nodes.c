#include "coordinator/sched/nodes.h"

#include "coordinator/sched/jobs.h"

#include <stdlib.h>
#include <string.h>

// The map and the list of all.

static kt_sched_node_t **
bucket_of(kt_sched_t *self, kt_node_handle_t handle)
{
    return &self->node_buckets[(handle * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

_Static_assert(SCHED_NODE_BUCKETS == 1024, "bucket_of takes the upper ten bits");

kt_sched_node_t *
kt_sched_node_find(const kt_sched_t *self, kt_node_handle_t handle)
{
    kt_sched_node_t *node = *bucket_of((kt_sched_t *)self, handle);
    while (node && node->handle != handle)
        node = node->hash_next;
    return node;
}

static void
map_add(kt_sched_t *self, kt_sched_node_t *node)
{
    kt_sched_node_t **bucket = bucket_of(self, node->handle);
    node->hash_next          = *bucket;
    *bucket                  = node;
}

static void
map_remove(kt_sched_t *self, kt_sched_node_t *node)
{
    kt_sched_node_t **link = bucket_of(self, node->handle);
    while (*link != node)
        link = &(*link)->hash_next;
    *link = node->hash_next;
}

// Those with room for work, served in turn.

static void
ready_nodes_add(kt_sched_t *self, kt_sched_node_t *node)
{
    node->ready_nodes_prev = self->ready_nodes_last;
    node->ready_nodes_next = NULL;
    if (self->ready_nodes_last)
        self->ready_nodes_last->ready_nodes_next = node;
    else
        self->ready_nodes_first = node;
    self->ready_nodes_last = node;
    node->is_ready         = true;
    self->n_ready_nodes++;
}

static void
ready_nodes_remove(kt_sched_t *self, kt_sched_node_t *node)
{
    if (node->ready_nodes_prev)
        node->ready_nodes_prev->ready_nodes_next = node->ready_nodes_next;
    else
        self->ready_nodes_first = node->ready_nodes_next;
    if (node->ready_nodes_next)
        node->ready_nodes_next->ready_nodes_prev = node->ready_nodes_prev;
    else
        self->ready_nodes_last = node->ready_nodes_prev;
    node->is_ready = false;
    self->n_ready_nodes--;
}

void
kt_sched_node_rotate(kt_sched_t *self, kt_sched_node_t *node)
{
    if (!node->is_ready)
        return;
    ready_nodes_remove(self, node);
    ready_nodes_add(self, node);
}

bool
kt_sched_node_usable(const kt_sched_node_t *node)
{
    return !node->lost && !node->leaving && !node->name->drained;
}

uint32_t
kt_sched_node_slots(const kt_sched_node_t *node)
{
    const uint32_t slots = node->slots ? node->slots : 1, proven = node->name->proven;
    return proven && proven < slots ? proven : slots;
}

bool
kt_sched_node_may_begin(const kt_sched_node_t *node)
{
    return node->n_running < (size_t)SCHED_PLACES * kt_sched_node_slots(node);
}

// Both limits are reported by the node: its free slots and its total capacity.
uint32_t
kt_sched_node_room(const kt_sched_node_t *node)
{
    size_t left = node->items.count < node->capacity ? node->capacity - node->items.count : 0;
    return node->credit < left ? node->credit : (uint32_t)left;
}

// A fully busy node is not refilled one file at a time: one batch per result would double the number of frames.
static bool
node_takes_work(const kt_sched_t *self, const kt_sched_node_t *node)
{
    uint32_t room = kt_sched_node_room(node);
    if (!kt_sched_node_usable(node) || node->refused || node->stalled || room == 0)
        return false;
    return node->items.count <= node->slots || room >= self->opts.batch_size || room >= node->capacity / 4;
}

void
kt_sched_node_refresh(kt_sched_t *self, kt_sched_node_t *node)
{
    bool     usable   = kt_sched_node_usable(node);
    uint32_t capacity = usable ? node->capacity : 0;
    self->n_usable += (size_t)usable - (size_t)node->counted;
    self->capacity += (uint64_t)capacity - node->counted_capacity;
    node->counted          = usable;
    node->counted_capacity = capacity;
    uint64_t weight        = usable ? kt_sched_node_weight(node) : 0;
    self->weight += weight - node->counted_weight;
    node->counted_weight = weight;
    bool ready_nodes     = node_takes_work(self, node);
    if (ready_nodes && !node->is_ready)
        ready_nodes_add(self, node);
    else if (!ready_nodes && node->is_ready)
        ready_nodes_remove(self, node);
}

uint64_t
kt_sched_node_weight(const kt_sched_node_t *node)
{
    return (uint64_t)(node->slots ? node->slots : 1) * node->speed;
}

// Sums that decay by a sixteenth with each file: a ratio of sums and not a mean of ratios, so that a short file whose
// time is mostly overhead does not count as much as a long one.
void
kt_sched_node_measure(kt_sched_t *self, kt_sched_node_t *node, uint32_t cost_ms, uint32_t took_ms, int64_t seen_ms)
{
    const uint32_t long_ms = took_ms < seen_ms ? took_ms : (uint32_t)seen_ms;
    node->cost_ms += cost_ms - node->cost_ms / 16;
    node->took_ms += took_ms - node->took_ms / 16;
    node->longest_ms -= node->longest_ms / 16;
    node->longest_ms = node->longest_ms > long_ms ? node->longest_ms : long_ms;
    double speed     = node->took_ms > 0 ? SCHED_SPEED * node->cost_ms / node->took_ms : SCHED_SPEED;
    node->speed      = speed < 1 ? 1 : speed > SCHED_SPEED_MAX ? SCHED_SPEED_MAX : (uint32_t)speed;
    kt_sched_node_refresh(self, node);
}

void
kt_sched_node_credit(kt_sched_t *self, kt_sched_node_t *node)
{
    if (node->credit < node->capacity)
        node->credit++;
    kt_sched_node_refresh(self, node);
}

void
kt_sched_node_ended(kt_sched_t *self, kt_sched_node_t *node)
{
    node->believed++;
    if (node->capacity < node->believed && node->capacity < node->claimed) {
        node->capacity++;
        node->credit++;
    }
    node->ended++;
    node->ended_ms = self->now_ms;
    node->hoards   = false;
    if (node->name->proven && ++node->name->proven >= node->slots)
        node->name->proven = 0;
    kt_sched_node_progress(self, node);
    kt_sched_node_refresh(self, node);
}

// Connect, refuse, lose.

static void
node_destroy(kt_sched_t *self, kt_sched_node_t *node)
{
    kt_assert(node->items.count == 0);
    if (self->reserved == node)
        self->reserved = NULL;
    node->lost = true;
    kt_sched_node_refresh(self, node);
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

static kt_sched_node_t *
node_create(kt_sched_t *self, kt_node_handle_t handle, kt_node_name_t *name)
{
    kt_sched_node_t *node = self->n_nodes < SCHED_NODES ? calloc(1, sizeof *node) : NULL;
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
set_timer(kt_sched_t *self, kt_sched_node_t *node, int64_t due_ms)
{
    kt_assert(kt_heap_set(self->timers, &node->timer, due_ms) == KT_OK);
}

void
kt_sched_node_heard(kt_sched_t *self, kt_sched_node_t *node)
{
    node->heard_ms = self->now_ms;  // the timer compares this when it is due
    if (node->refused) {
        node->refused = false;
        kt_sched_node_refresh(self, node);
    }
}

// Newest first, so that the oldest ends up at the front.
static void
give_all_back(kt_sched_t *self, kt_sched_node_t *node, kt_sched_job_event_t event, bool others)
{
    for (kt_sched_job_t *job = node->items.last, *prev; job; job = prev) {
        prev                     = job->prev;
        kt_sched_job_args_t args = {.node = node, .handle = node->handle, .exonerated = others};
        kt_sched_job_apply(self, job, event, &args);
    }
}

// A loss counts towards a black hole when a file was in work that had not been suspect before: a suspect is likelier to
// have done it than the node.
static void
lose_node(kt_sched_t *self, kt_sched_node_t *node)
{
    bool                  others = false;
    const kt_sched_job_t *fresh  = NULL;
    for (const kt_sched_job_t *job = node->items.first; job; job = job->next) {
        others = others || !job->isolated;
        if (job->claimed && job->state == KT_SCHED_JOB_RUNNING && !kt_sched_job_suspect(job))
            fresh = job;
    }
    if (fresh)
        kt_sched_node_crash(self, node->name, fresh->id);
    node->lost = true;
    kt_sched_node_refresh(self, node);
    give_all_back(self, node, KT_SCHED_JOB_ON_LOST, others);
    node->credit = node->capacity = node->free = node->kept = node->claimed = 0;
    kt_sched_node_refresh(self, node);
    set_timer(self, node, self->now_ms + SCHED_LOST_MS);
}

void
kt_sched_node_leave(kt_sched_t *self, kt_sched_node_t *node)
{
    node->leaving = true;
    kt_sched_node_refresh(self, node);
    give_all_back(self, node, KT_SCHED_JOB_ON_RETURNED, false);
    node_destroy(self, node);
}

void
kt_sched_node_refuse(kt_sched_t *self, kt_sched_node_t *node)
{
    int64_t due_ms = self->now_ms + self->opts.node_silence_ms / 2;
    node->refused  = true;
    kt_sched_node_refresh(self, node);
    if (node->timer.due_ms > due_ms)
        set_timer(self, node, due_ms);
}

// HELLO

static bool
same_process(const kt_sched_node_t *node, const kt_event_t *event)
{
    return node->incarnation == event->hello.incarnation && strcmp(node->name->text, event->hello.name) == 0;
}

// Another process under this name has ended: the coordinator admits one at a time.
static void
settle_namesakes(kt_sched_t *self, const kt_event_t *event)
{
    for (kt_sched_node_t *node = self->nodes, *next; node; node = next) {
        next = node->next;
        if (node->handle == event->node || strcmp(node->name->text, event->hello.name) != 0)
            continue;
        if (!node->lost)
            lose_node(self, node);
        node_destroy(self, node);
    }
}

// The same process on a new connection: what it holds stays with it.
static kt_sched_node_t *
node_move(kt_sched_t *self, const kt_event_t *event)
{
    kt_sched_node_t *node = self->nodes;
    while (node && !same_process(node, event))
        node = node->next;
    if (!node || node->handle == event->node)
        return node;
    kt_sched_node_t *stale = kt_sched_node_find(self, event->node);
    if (stale) {
        lose_node(self, stale);
        node_destroy(self, stale);
    }
    map_remove(self, node);
    node->handle = event->node;
    map_add(self, node);
    return node;
}

static kt_node_name_t *
name_of(kt_sched_t *self, const char *text)
{
    kt_node_name_t *name = self->names;
    while (name && strcmp(name->text, text) != 0)
        name = name->next;
    return name;
}

static kt_node_name_t *
name_take(kt_sched_t *self, const char *text)
{
    kt_node_name_t *name = name_of(self, text);
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

kt_sched_node_t *
kt_sched_node_hello(kt_sched_t *self, const kt_event_t *event)
{
    if (strlen(event->hello.name) >= sizeof(((kt_node_name_t *)0)->text))
        return NULL;
    kt_sched_node_t *node = node_move(self, event);
    if (!node) {
        kt_sched_node_t *before = kt_sched_node_find(self, event->node);
        if (before && !before->lost)
            lose_node(self, before);
        if (before)
            node_destroy(self, before);
        settle_namesakes(self, event);
        kt_node_name_t *name = name_take(self, event->hello.name);
        node                 = name ? node_create(self, event->node, name) : NULL;
    }
    if (!node)
        return NULL;
    node->incarnation = event->hello.incarnation;
    node->slots       = event->hello.slots < self->opts.slots_max ? event->hello.slots : self->opts.slots_max;
    node->lost        = false;
    node->stalled     = false;
    node->progress_ms = node->heard_ms = self->now_ms;
    if (event->hello.drained && !node->name->drained)
        kt_sched_node_drain(self, node->name->text, true);
    set_timer(self, node, self->now_ms + self->opts.node_silence_ms);
    kt_sched_node_heard(self, node);
    kt_sched_node_refresh(self, node);
    return node;
}

// Timers

void
kt_sched_node_progress(kt_sched_t *self, kt_sched_node_t *node)
{
    node->progress_ms = self->now_ms;
    if (!node->stalled)
        return;
    node->stalled = false;
    kt_sched_node_refresh(self, node);
}

// A node of long files may be quiet for longer; half a deadline is the most.
static int64_t
stall_limit_ms(const kt_sched_t *self, const kt_sched_node_t *node)
{
    int64_t pace_ms = (int64_t)(SCHED_PACES * node->took_ms / 16);  // took_ms: a sum that decays by a sixteenth
    int64_t most_ms = self->opts.job_deadline_ms / 2;
    int64_t span_ms = pace_ms > self->opts.stall_ms ? pace_ms : self->opts.stall_ms;
    return span_ms < most_ms ? span_ms : most_ms;
}

// Slots without a file on other nodes, beyond those for what is ready: a file would begin there at once.
static size_t
idle_slots(const kt_sched_t *self, const kt_sched_node_t *than)
{
    size_t                 idle = 0;
    const kt_sched_node_t *node = self->ready_nodes_first;
    for (int seen = 0; node && seen < SCHED_IDLE_SCAN; seen++, node = node->ready_nodes_next)
        if (node != than && node != self->reserved && node->slots > node->items.count)
            idle += node->slots - node->items.count;
    size_t ready = self->counts[KT_SCHED_JOB_READY];
    return idle > ready ? idle - ready : 0;
}

// Where none does, what stands still may be what all of them read from.
static bool
another_works(const kt_sched_t *self, const kt_sched_node_t *than)
{
    const kt_sched_node_t *node = self->nodes;
    while (node && (node == than || node->stalled || !kt_sched_node_usable(node)))
        node = node->next;
    return node != NULL;
}

// How long it may have files and end none: several times the longest attempt of the others and what its own are
// expected to take. An honest node of many slots and long films must not lose what it works on.
static int64_t
proof_limit_ms(const kt_sched_t *self, const kt_sched_node_t *node)
{
    int64_t longest_ms = 0, most_ms = self->opts.job_deadline_ms / 2;
    for (const kt_sched_node_t *other = self->nodes; other; other = other->next)
        if (other != node && longest_ms < other->longest_ms)
            longest_ms = other->longest_ms;
    for (const kt_sched_job_t *job = node->items.first; job; job = job->next) {
        int64_t expected_ms = (int64_t)job->cost_ms * SCHED_SPEED / node->speed;
        longest_ms          = longest_ms > expected_ms ? longest_ms : expected_ms;
    }
    int64_t span_ms = SCHED_PACES * longest_ms;
    span_ms         = span_ms > self->opts.proof_ms ? span_ms : self->opts.proof_ms;
    return span_ms < most_ms ? span_ms : most_ms;
}

static kt_action_t *
say_taken_back(kt_sched_t *self, const kt_sched_node_t *node, uint32_t count, bool stalled, int64_t for_ms)
{
    kt_action_t *action = kt_sched_emit(self, KT_ACT_TAKE_BACK);
    action->node        = node->handle;
    action->node_name   = node->name->text;
    action->count       = count;
    action->on          = stalled;
    action->for_ms      = for_ms;
    return action;
}

// A node that says that its files advance and ends none loses what it is not believed to have begun, and much later all
// and the belief in its slots, while another one works.
static void
node_ask_proof(kt_sched_t *self, kt_sched_node_t *node)
{
    int64_t since_ms = self->now_ms - node->ended_ms;
    if (!node->items.count || since_ms < self->opts.proof_ms || !another_works(self, node))
        return;
    int64_t  limit_ms = proof_limit_ms(self, node), half_ms = self->opts.job_deadline_ms / 2;
    int64_t  all_ms = SCHED_PROOFS * limit_ms > half_ms ? SCHED_PROOFS * limit_ms : half_ms;
    bool     all    = since_ms >= all_ms;
    uint32_t count  = 0;
    for (kt_sched_job_t *job = node->items.first, *next; job && since_ms >= limit_ms; job = next) {
        next = job->next;
        if (!all && (!job->claimed || job->state != KT_SCHED_JOB_SENT))
            continue;
        count++;
        kt_sched_job_args_t args = {.node = node, .handle = node->handle, .stalled = true};
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_EXPIRED, &args);
    }
    if (!count)
        return;
    node->hoards                                           = true;
    node->name->proven                                     = all ? 1 : node->name->proven;
    say_taken_back(self, node, count, true, since_ms)->err = KT_ETIME;
}

// What a node has not begun for a while is taken back when others have idle slots; a node without any progress loses
// all that it has when there is another one.
static void
node_take_back(kt_sched_t *self, kt_sched_node_t *node)
{
    int64_t  quiet_ms = self->now_ms - node->progress_ms;
    bool     stalled  = node->items.count && quiet_ms >= stall_limit_ms(self, node) && another_works(self, node);
    size_t   idle     = 0;
    uint32_t count    = 0;
    bool     known    = false;
    for (kt_sched_job_t *job = node->items.first, *next; job && !node->stalled; job = next) {
        next      = job->next;
        bool late = job->claimed && job->state == KT_SCHED_JOB_SENT && !job->isolated &&
                    self->now_ms - job->since_ms >= self->opts.wait_ms;
        if (late && !stalled && !known) {
            idle  = idle_slots(self, node);
            known = true;
        }
        if (!stalled && (!late || !idle))
            continue;
        idle -= !stalled;
        count++;
        kt_sched_job_args_t args = {.node = node, .handle = node->handle, .stalled = stalled};
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_EXPIRED, &args);
    }
    if (stalled && count)
        node->stalled = node->hoards = true;
    if (count)
        (void)say_taken_back(self, node, count, stalled, stalled ? quiet_ms : self->opts.wait_ms);
}

void
kt_sched_node_expire(kt_sched_t *self, kt_sched_node_t *node)
{
    for (kt_sched_job_t *job = node->items.first, *next; job; job = next) {
        next = job->next;
        if (self->now_ms - job->since_ms < self->opts.job_deadline_ms)
            continue;
        kt_sched_job_args_t args = {.node = node, .handle = node->handle};
        kt_sched_job_apply(self, job, KT_SCHED_JOB_ON_EXPIRED, &args);
    }
    node_take_back(self, node);
    node_ask_proof(self, node);
    kt_sched_node_refresh(self, node);
}

void
kt_sched_node_due(kt_sched_t *self)
{
    for (kt_heap_entry_t *entry; (entry = kt_heap_pop_due(self->timers, self->now_ms));) {
        kt_sched_node_t *node     = (kt_sched_node_t *)entry;
        int64_t          limit_ms = node->refused ? self->opts.node_silence_ms / 2 : self->opts.node_silence_ms;
        if (node->lost) {
            node_destroy(self, node);
        } else if (self->now_ms - node->heard_ms >= limit_ms) {
            lose_node(self, node);
        } else {
            set_timer(self, node, node->heard_ms + limit_ms);
            kt_sched_node_expire(self, node);
        }
    }
}

// Names

// Crashes in a row, of different files, without a success between: the node is likelier to be at fault than all of
// them.
void
kt_sched_node_crash(kt_sched_t *self, kt_node_name_t *name, kt_run_id_t id)
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
    kt_sched_node_drain(self, name->text, true);
}

bool
kt_sched_node_others(const kt_sched_t *self, const kt_sched_node_t *node)
{
    return self->n_usable > (size_t)node->counted;  // one node per name: settle_namesakes
}

bool
kt_sched_node_unasked(const kt_sched_t *self, const kt_sched_job_t *job)
{
    const kt_node_name_t *here = job->node ? job->node->name : NULL;
    for (const kt_sched_node_t *node = self->nodes; node; node = node->next)
        if (kt_sched_node_usable(node) && node->name != job->doubt && node->name != job->agrees && node->name != here)
            return true;
    return false;
}

static void
name_age(kt_node_name_t *name)
{
    if (name->refuted + name->good < SCHED_OUTCOMES)
        return;
    name->refuted /= 2;
    name->good /= 2;
}

void
kt_sched_name_succeed(kt_node_name_t *name)
{
    name->good++;
    name_age(name);
}

void
kt_sched_name_refute(kt_sched_t *self, kt_node_name_t *name, const kt_sched_node_t *by, kt_err_t err)
{
    name->many_refuters = name->many_refuters || (name->refuter && name->refuter != by->name->text);
    name->refuter       = by->name->text;
    name->refuted++;
    name_age(name);
    bool enough = name->refuted >= self->opts.black_hole_count && name->refuted > name->good;
    if (!enough || name->drained || !kt_sched_node_usable(by) || (self->n_usable > 2 && !name->many_refuters))
        return;
    kt_action_t *action = kt_sched_emit(self, KT_ACT_DRAIN);
    action->node_name   = name->text;
    action->on          = true;
    action->err         = err;
    action->count       = name->refuted;
    kt_sched_node_drain(self, name->text, true);
}

void
kt_sched_node_drain(kt_sched_t *self, const char *text, bool on)
{
    kt_node_name_t *name = name_of(self, text);
    if (!name)
        return;
    name->drained = on;
    name->crashes = name->refuted = name->good = 0;
    name->refuter                              = NULL;
    name->many_refuters                        = false;
    for (kt_sched_node_t *node = self->nodes; node; node = node->next)
        if (node->name == name)
            kt_sched_node_refresh(self, node);
}

// Pod names change: names without information are dropped before the table is full.
void
kt_sched_nodes_tidy(kt_sched_t *self)
{
    if (self->n_names < SCHED_NAMES / 2)
        return;
    for (kt_node_name_t **link = &self->names; *link;) {
        kt_node_name_t *name = *link;
        if (name->nodes || name->doubts || name->drained) {
            link = &name->next;
            continue;
        }
        *link = name->next;
        free(name);
        self->n_names--;
    }
}

void
kt_sched_nodes_fini(kt_sched_t *self)
{
    kt_heap_destroy(&self->timers);  // it writes into the nodes
    for (kt_sched_node_t *node = self->nodes, *next; node; node = next) {
        next = node->next;
        free(node);
    }
    for (kt_node_name_t *name = self->names, *next; name; name = next) {
        next = name->next;
        free(name);
    }
}
