// kt_drains -- the names of drained nodes. The ledger's list is read again every two seconds, because other
// coordinators may change it; an answer to a request from before a change made here is ignored. Loop thread.
#pragma once

#include "coordinator/loop/ledger_port.h"

enum { KT_DRAINS_NAME = 64, KT_DRAINS_READ_MS = 2000 };

typedef struct kt_drains {
    kt_ledger_port_t *port;
    kt_sink_t         sink;
    void (*notify)(void *context, const char *node_name, bool on);  // context of the sink: the node itself
    kt_buf_t names;                                                 // char[KT_DRAINS_NAME]
    size_t   asked;                                                 // DRAINED requests that are not answered
    size_t   stale;                                                 // of them, posted before the last change made here
    int64_t  asked_ms;                                              // when the last one was posted; 0: none was
} kt_drains_t;

void kt_drains_init(kt_drains_t *self, kt_ledger_port_t *port, kt_sink_t sink,
                    void (*notify)(void *context, const char *node_name, bool on));
void kt_drains_fini(kt_drains_t *self);
bool kt_drains_has(const kt_drains_t *self, const char *node_name);
void kt_drains_set(kt_drains_t *self, const char *node_name, bool on);  // the list alone: no event, no request
void kt_drains_read(kt_drains_t *self);  // requests the ledger's list; what changed becomes DRAIN events
void kt_drains_tick(kt_drains_t *self, int64_t now_ms);
