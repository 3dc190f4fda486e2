// kt_ledger_port -- the loop's side of the ledger actor: posts requests in their order, keeps those for which the actor
// has no room, and passes each answer to the callback that its request carries. Loop thread; nothing blocks.
#pragma once

#include "common/buf.h"
#include "coordinator/ledger/actor.h"
#include "coordinator/loop/sink.h"

// The destination of requests: the actor's queue, or its replacement in a simulation. KT_EFULL, KT_ECLOSED leave the
// request.
typedef kt_err_t kt_ledger_post_fn(void *context, kt_ledger_request_t **request_p);

typedef struct kt_ledger_port {
    kt_ledger_actor_t *actor;  // owned; NULL after attach
    kt_ledger_post_fn *post;
    void              *post_context;
    kt_sink_t          sink;
    kt_buf_t           overflow;  // kt_ledger_request_t *: posted when the actor has room
    kt_err_t           err;       // of the last STATE; KT_OK: the ledger answers
    bool               closed;
} kt_ledger_port_t;

void kt_ledger_port_init(kt_ledger_port_t *self, kt_sink_t sink);
void kt_ledger_port_fini(kt_ledger_port_t *self);  // after kt_ledger_port_stop: frees what was not posted
// Takes the ledger and starts the actor; errors of kt_ledger_actor_new.
KT_MUST_USE kt_err_t kt_ledger_port_open(kt_ledger_port_t *self, kt_ledger_t **ledger_p);
// kt_ledger_actor_renew_by, after open.
KT_MUST_USE kt_err_t kt_ledger_port_renew_by(kt_ledger_port_t *self, kt_ledger_t **ledger_p);
// Instead of open: requests go to `post`, and its owner passes each answer to kt_ledger_port_answer.
void kt_ledger_port_attach(kt_ledger_port_t *self, kt_ledger_post_fn *post, void *context);
void kt_ledger_port_stop(kt_ledger_port_t *self);      // ends the actor: finishes what is queued; idempotent
int  kt_ledger_port_fd(const kt_ledger_port_t *self);  // readable: there are answers

// Takes *request_p and nulls it. Posts now, or when the actor has room. No memory: LEDGER-REQUEST-LOST to the sink.
void   kt_ledger_port_post(kt_ledger_port_t *self, kt_ledger_request_t **request_p);
void   kt_ledger_port_post_overflow(kt_ledger_port_t *self);
size_t kt_ledger_port_overflow(const kt_ledger_port_t *self);  // requests that wait for room in the actor
size_t kt_ledger_port_waiting(const kt_ledger_port_t *self);   // requests in the actor's queue
// A new request with its callback. NULL, no memory: LEDGER-REQUEST-LOST to the sink.
kt_ledger_request_t *kt_ledger_port_request(kt_ledger_port_t *self, kt_ledger_request_type_t type, void *context,
                                            kt_ledger_answered_fn *answered);

// Calls the callback of one answer and frees what it leaves. A STATE becomes LEDGER_DOWN or LEDGER_UP. After close,
// answers are freed without a call.
void kt_ledger_port_answer(kt_ledger_port_t *self, kt_ledger_request_t **request_p);
bool kt_ledger_port_answers(kt_ledger_port_t *self);  // some of the actor's answers; false: there were none
void kt_ledger_port_close(kt_ledger_port_t *self);
