#include "coordinator/loop/drains.h"

#include "common/clock.h"
#include "common/log.h"

#include <stdio.h>
#include <string.h>

enum { NAMES_BYTES = 4096 * KT_DRAINS_NAME };

void
kt_drains_init(kt_drains_t *self, kt_ledger_port_t *port, kt_sink_t sink,
               void (*notify)(void *context, const char *node_name, bool on))
{
    *self = (kt_drains_t){.port = port, .sink = sink, .notify = notify};
    kt_buf_init(&self->names, NAMES_BYTES);
}

void
kt_drains_fini(kt_drains_t *self)
{
    kt_buf_fini(&self->names);
}

bool
kt_drains_has(const kt_drains_t *self, const char *node_name)
{
    for (size_t at = 0; at < self->names.length; at += KT_DRAINS_NAME)
        if (strcmp(self->names.bytes + at, node_name) == 0)
            return true;
    return false;
}

void
kt_drains_set(kt_drains_t *self, const char *node_name, bool on)
{
    char name[KT_DRAINS_NAME] = "";
    snprintf(name, sizeof name, "%s", node_name);
    self->stale = self->asked;
    if (on) {
        if (!kt_drains_has(self, name))
            kt_buf_add(&self->names, name, sizeof name);
        return;
    }
    for (size_t at = 0; at < self->names.length; at += sizeof name)
        if (strcmp(self->names.bytes + at, name) == 0) {
            self->names.length -= sizeof name;
            memmove(self->names.bytes + at, self->names.bytes + self->names.length, sizeof name);
            return;
        }
}

static void
drains_change(kt_drains_t *self, const char *name, bool on)
{
    kt_event_t event = {.type = KT_EV_DRAIN};
    event.drain.name = name;
    event.drain.on   = on;
    kt_log_info("NODE-DRAIN", "node=%s on=%d from=ledger", name, on);
    self->sink.event(self->sink.context, &event);
    self->notify(self->sink.context, name, on);
    kt_drains_set(self, name, on);  // last: name may point into self->names
}

static void
drains_on_read(void *context, kt_ledger_request_t **request_p)
{
    kt_drains_t               *self    = context;
    const kt_ledger_request_t *request = *request_p;
    self->asked--;
    if (self->stale) {
        self->stale--;
        return;
    }
    if (request->err)
        return;
    for (size_t at = self->names.length; at >= KT_DRAINS_NAME && !self->port->closed; at -= KT_DRAINS_NAME) {
        char name[KT_DRAINS_NAME];
        memcpy(name, self->names.bytes + at - KT_DRAINS_NAME, sizeof name);
        size_t found = 0;
        while (found < request->drained.n && strcmp(request->drained.names[found], name) != 0)
            found++;
        if (found == request->drained.n)
            drains_change(self, name, false);
    }
    for (size_t i = 0; i < request->drained.n && !self->port->closed; i++)
        if (!kt_drains_has(self, request->drained.names[i]))
            drains_change(self, request->drained.names[i], true);
}

void
kt_drains_read(kt_drains_t *self)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_DRAINED, self);
    if (!request)
        return;  // a later tick repeats the request
    request->answered = drains_on_read;
    self->asked++;
    self->asked_ms = kt_clock_ms();
    kt_ledger_port_post(self->port, &request);
}

void
kt_drains_tick(kt_drains_t *self, int64_t now_ms)
{
    if (now_ms - self->asked_ms >= KT_DRAINS_READ_MS && !self->port->err)
        kt_drains_read(self);
}
