// kt_farm -- runs a coordinator and a node as children of this process and restarts them when they exit. The children
// have their own process groups, so that Ctrl-C signals only this process, and they exit when it exits. One thread; the
// caller's loop calls kt_farm_step.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

typedef struct kt_farm kt_farm_t;

enum { KT_FARM_WHY = 512, KT_FARM_URL = 256 };

typedef struct kt_farm_opts {
    const kt_cli_t *cli;
    const char     *state_dir;     // keys and, without database_url, the ledger
    const char     *database_url;  // NULL: from the settings
    const char     *media_roots;
    const char     *workers;                  // NULL: from the settings
    const char     *router_bind, *http_bind;  // NULL: from the settings
} kt_farm_opts_t;

// Blocks SIGINT, SIGTERM, SIGHUP and SIGCHLD for good. Waits at most 15 s until the coordinator is ready. why: a
// sentence, or empty. KT_ESYSTEM, KT_ETIME, KT_ENOFILE with a why: a program is missing; or the coordinator's own
// error.
KT_MUST_USE kt_err_t kt_farm_new(kt_farm_t **self_p, const kt_farm_opts_t *opts, char why[KT_FARM_WHY]);
const char          *kt_farm_http(const kt_farm_t *self);  // "http://127.0.0.1:41234"
const char          *kt_farm_router(const kt_farm_t *self);

typedef enum kt_farm_event {
    KT_FARM_QUIET,
    KT_FARM_STOP,
    KT_FARM_STOP_NOW,
    KT_FARM_UNABLE,
    KT_FARM_ENDED
} kt_farm_event_t;

// Waits at most timeout_ms for a signal or the end of a child and handles it. STOP: the first Ctrl-C (the node drains);
// STOP_NOW: the second (both stop at once); UNABLE: the node ended itself at each of several starts, which is reported,
// and the farm stops; ENDED: no child is left.
kt_farm_event_t kt_farm_step(kt_farm_t *self, int64_t timeout_ms);
void            kt_farm_stop(kt_farm_t *self);  // as the first Ctrl-C: the node drains, then the coordinator
bool            kt_farm_stopping(const kt_farm_t *self);
void            kt_farm_destroy(kt_farm_t **self_p);  // ends running children: SIGTERM, at most 20 s, then SIGKILL
