// kt_farm -- a coordinator and a node as children of this process: started, watched, started again when they die,
// ended. The children are in process groups of their own, so that Ctrl-C reaches this process alone, and they end with
// it whatever happens. One thread; the caller's loop calls kt_farm_step.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef struct kt_farm kt_farm_t;

enum { KT_FARM_WHY = 512, KT_FARM_URL = 256 };

typedef struct kt_farm_opts {
    const kt_cli_t *cli;
    const char     *state_dir;     // keys and, without database_url, the ledger
    const char     *database_url;  // NULL: as set
    const char     *media_roots;
    const char     *workers;                  // NULL: as set
    const char     *router_bind, *http_bind;  // NULL: as set
} kt_farm_opts_t;

// Blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD for good. Waits for the coordinator to be ready, at most 15 s. why: what
// the coordinator said. KT_ESYSTEM, KT_ETIME, or the coordinator's own error.
KT_MUST_USE kt_err_t kt_farm_new(kt_farm_t **self_p, const kt_farm_opts_t *opts, char why[KT_FARM_WHY]);
const char          *kt_farm_http(const kt_farm_t *self);  // "http://127.0.0.1:41234"
const char          *kt_farm_router(const kt_farm_t *self);

typedef enum kt_farm_event { KT_FARM_QUIET, KT_FARM_STOP, KT_FARM_STOP_NOW, KT_FARM_ENDED } kt_farm_event_t;

// Waits at most timeout_ms for something to happen and deals with it. STOP: the first Ctrl-C (the children have been
// told to drain); STOP_NOW: the second (told to stop); ENDED: no child is left.
kt_farm_event_t kt_farm_step(kt_farm_t *self, int64_t timeout_ms);
void            kt_farm_stop(kt_farm_t *self);  // as a first Ctrl-C: node first, coordinator when it has gone
bool            kt_farm_stopping(const kt_farm_t *self);
void            kt_farm_destroy(kt_farm_t **self_p);  // ends what still runs: SIGTERM, at most 20 s, then SIGKILL
