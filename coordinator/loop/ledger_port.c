#include "coordinator/loop/ledger_port.h"

#include <string.h>

enum { ANSWERS_PER_TURN = 512, OVERFLOW_BYTES = 64 << 20 };

void
kt_ledger_port_init(kt_ledger_port_t *self, kt_sink_t sink)
{
    *self = (kt_ledger_port_t){.sink = sink};
    kt_buf_init(&self->overflow, OVERFLOW_BYTES);
}

void
kt_ledger_port_fini(kt_ledger_port_t *self)
{
    for (size_t at = 0; at < self->overflow.length; at += sizeof(kt_ledger_request_t *)) {
        kt_ledger_request_t *request;
        memcpy(&request, self->overflow.bytes + at, sizeof request);
        kt_ledger_request_destroy(&request);
    }
    kt_buf_fini(&self->overflow);
}

static kt_err_t
ledger_port_post_to_actor(void *context, kt_ledger_request_t **request_p)
{
    return kt_ledger_actor_post(context, request_p);
}

kt_err_t
kt_ledger_port_open(kt_ledger_port_t *self, kt_ledger_t **ledger_p)
{
    kt_err_t err = kt_ledger_actor_new(&self->actor, ledger_p);
    if (!err)
        kt_ledger_port_attach(self, ledger_port_post_to_actor, self->actor);
    return err;
}

kt_err_t
kt_ledger_port_renew_by(kt_ledger_port_t *self, kt_ledger_t **ledger_p)
{
    return kt_ledger_actor_renew_by(self->actor, ledger_p);
}

void
kt_ledger_port_attach(kt_ledger_port_t *self, kt_ledger_post_fn *post, void *context)
{
    self->post         = post;
    self->post_context = context;
}

void
kt_ledger_port_stop(kt_ledger_port_t *self)
{
    kt_ledger_actor_destroy(&self->actor);
}

int
kt_ledger_port_fd(const kt_ledger_port_t *self)
{
    return kt_queue_fd(kt_ledger_actor_answers(self->actor));
}

void
kt_ledger_port_post(kt_ledger_port_t *self, kt_ledger_request_t **request_p)
{
    kt_ledger_request_t *request = *request_p;
    *request_p                   = NULL;
    if (!self->overflow.length && !self->post(self->post_context, &request))
        return;
    kt_buf_add(&self->overflow, &request, sizeof request);
    if (!self->overflow.err)
        return;
    kt_ledger_request_destroy(&request);
    self->sink.fatal(self->sink.context, "LEDGER-REQUEST-LOST", self->overflow.err);
}

void
kt_ledger_port_post_overflow(kt_ledger_port_t *self)
{
    size_t posted = 0, bytes = sizeof(kt_ledger_request_t *);
    while (posted < self->overflow.length) {
        kt_ledger_request_t *request;
        memcpy(&request, self->overflow.bytes + posted, bytes);
        if (self->post(self->post_context, &request))
            break;
        posted += bytes;
    }
    if (!posted)
        return;
    memmove(self->overflow.bytes, self->overflow.bytes + posted, self->overflow.length - posted);
    self->overflow.length -= posted;
}

size_t
kt_ledger_port_overflow(const kt_ledger_port_t *self)
{
    return self->overflow.length / sizeof(kt_ledger_request_t *);
}

kt_ledger_request_t *
kt_ledger_port_request(kt_ledger_port_t *self, kt_ledger_request_type_t type, void *context,
                       kt_ledger_answered_fn *answered)
{
    kt_ledger_request_t *request = kt_ledger_request_new(type, context);
    if (request)
        request->answered = answered;
    else
        self->sink.fatal(self->sink.context, "LEDGER-REQUEST-LOST", KT_ENOMEM);
    return request;
}

size_t
kt_ledger_port_waiting(const kt_ledger_port_t *self)
{
    return self->actor ? kt_ledger_actor_waiting(self->actor) : 0;
}

void
kt_ledger_port_answer(kt_ledger_port_t *self, kt_ledger_request_t **request_p)
{
    const kt_ledger_request_t *request = *request_p;
    if (!self->closed && request->type == KT_LREQ_STATE) {
        kt_event_t event = {.type = request->err ? KT_EV_LEDGER_DOWN : KT_EV_LEDGER_UP};
        self->err        = request->err;
        self->sink.event(self->sink.context, &event);
    } else if (!self->closed) {
        request->answered(request->context, request_p);
    }
    kt_ledger_request_destroy(request_p);
}

bool
kt_ledger_port_answers(kt_ledger_port_t *self)
{
    void  *answers[ANSWERS_PER_TURN];
    size_t n = 0;
    if (kt_queue_pop(kt_ledger_actor_answers(self->actor), answers, ANSWERS_PER_TURN, &n, 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        kt_ledger_request_t *request = answers[i];
        kt_ledger_port_answer(self, &request);
    }
    return true;
}

void
kt_ledger_port_close(kt_ledger_port_t *self)
{
    self->closed = true;
}
