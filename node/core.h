// The inside of kt_node, shared by the files that make it up: node.c (life), orders.c (what coordinators say),
// reports.c (what they are told), workers.c (the threads). Everything is the link thread's but where said otherwise.
#pragma once

#include "common/queue.h"
#include "common/socket.h"
#include "node/link/dealer.h"
#include "node/node.h"
#include "node/run/noop_message.h"
#include "node/run/pipeline.h"
#include "node/work/task.h"

#include <pthread.h>

enum { KT_NODE_WORKERS = 256, KT_NODE_TICK_MS = 100, KT_NODE_TEXT = 64, KT_NODE_IDLE_BEATS = 3 };

typedef struct kt_coordinator_view {
    char     address[256];
    bool     welcomed;
    bool     drained;  // it asked for no more
    bool     said_silent, said_refused;
    bool     used;        // it has sent a batch since the last beat
    uint32_t idle_beats;  // beats in a row without one
    size_t   share;       // of our credit, as the next beat says
    uint64_t seen_batch;
    int64_t  since_ms;          // without a welcome
    int64_t  refused_until_ms;  // it does not want us: not asked again before
    int64_t  reconnect_ms;      // 0, or when a connection that was refused is tried again
} kt_coordinator_view_t;

typedef struct kt_node_worker {
    kt_node_t       *node;
    pthread_t        thread;
    kt_worker_t     *worker;    // NULL when nothing is analysed (noop)
    _Atomic uint64_t progress;  // the worker's
} kt_node_worker_t;

// What the workers do: analyse, or nothing (ANALYZER_TEST_FAULT=noop).
typedef struct kt_worker_ops {
    kt_err_t (*open)(kt_node_t *node);                       // once, before the first worker
    void (*run)(kt_node_worker_t *worker, kt_task_t *task);  // fills the task's outcome
} kt_worker_ops_t;

struct kt_node {
    const kt_worker_ops_t *worker_ops;

    kt_settings_t         settings;  // a copy: the coordinator's shared ones replace ours before work begins
    char                  name[KT_NODE_TEXT], host[KT_NODE_TEXT];
    uint64_t              incarnation;
    kt_curve_t            key;
    kt_dealers_t         *dealers;
    kt_coordinator_view_t coordinators[KT_COORDINATORS_MAX];
    size_t                n_coordinators;
    kt_tasks_t            tasks;
    size_t                n_detached;
    kt_queue_t           *work;    // kt_task_t *, to the workers
    kt_queue_t           *events;  // kt_task_event_t *, from them
    kt_pipeline_t        *pipeline;
    kt_gpus_t            *gpus;       // NULL: none here, or not wanted
    bool                  gpus_lost;  // and what the setting wants was done
    kt_noop_message_t    *noop;       // NULL: files are analysed
    kt_node_worker_t      workers[KT_NODE_WORKERS];
    size_t                n_workers;  // running
    bool                  draining, stopping, failed;
    int                   signal_fd;
    int64_t               live_ms, beat_ms, alone_ms;
    uint64_t              beats;
    size_t                limit, limit_before;  // files in hand beyond which none is taken: of the last two beats
    double                mean_us;              // of a file, moving; 0: none yet
    kt_wire_arena_t       arena;
    kt_buf_t              frame;                         // a message being encoded
    kt_buf_t              started;                       // kt_task_t *: to be told at the end of the turn
    kt_buf_t              outgoing;                      // kt_task_t *: outcomes to be told at the end of the turn
    kt_buf_t              outcomes, stages, held, kept;  // elements of a message being put together
};

// workers.c
KT_MUST_USE kt_err_t kt_node_start_workers(kt_node_t *self);  // KT_ENOMEM, KT_ESYSTEM and the pipeline's
bool                 kt_node_join_workers(kt_node_t *self, int64_t timeout_ms);  // false: one does not end
// orders.c
void   kt_node_order(void *context, size_t coordinator, const void *bytes, size_t length);
void   kt_node_cancel(kt_node_t *self, kt_task_t *task);  // forgotten now, or when its worker gives it back
void   kt_node_unpark(kt_node_t *self);  // a file that is to be alone begins when nothing else is in hand
void   kt_node_away(kt_node_t *self, size_t coordinator);  // its connection is gone: what it gave is everybody's now
void   kt_node_hello(kt_node_t *self, size_t coordinator);
void   kt_node_live(kt_node_t *self);
void   kt_node_beat(kt_node_t *self);  // to all who have welcomed us
void   kt_node_bye(kt_node_t *self, const char *reason);
void   kt_node_tickets(void *context);
void   kt_node_flush(void *context);
void   kt_node_resend(kt_node_t *self,
                      int64_t    older_than_ms);   // outcomes that were told before then and not acknowledged
size_t kt_node_in_hand(const kt_node_t *self);  // held, not kept
