// kt_roster -- the nodes that the farm is to have: every name with an allowed key, and every name that was connected,
// until its key is revoked or an operator forgets it; when each was last seen, on any coordinator. Also brings the keys
// of the ledger. The ledger is read every two seconds and after each change made here. A ledger that keeps no nodes
// leaves this to the memory of the process. Loop thread.
#pragma once

#include "common/buf.h"
#include "coordinator/access/keys.h"
#include "coordinator/ledger/fleet.h"
#include "coordinator/link/peers.h"
#include "coordinator/loop/ledger_port.h"

enum { KT_ROSTER_READ_MS = 2000, KT_ROSTER_SAVE_MS = 30000, KT_ROSTER_UNKEYED_MS = 86400000 };

typedef struct kt_roster {
    kt_ledger_port_t *port;
    kt_keys_t        *keys;
    bool              kept;  // the ledger keeps nodes and keys
    void             *context;
    void (*changed)(void *context);  // other keys are allowed now
    kt_fleet_node_t *nodes;          // by name
    size_t           n, capacity;
    bool             reading, saving, save_soon;
    int64_t          read_ms, saved_ms;  // when the last of each was posted; 0: none was
    int64_t          saved_wall_ms;      // nodes seen later than this are not saved
} kt_roster_t;

void kt_roster_init(kt_roster_t *self, kt_ledger_port_t *port, kt_keys_t *keys, bool kept, void *context,
                    void (*changed)(void *context));
void kt_roster_fini(kt_roster_t *self);  // idempotent
void kt_roster_read(kt_roster_t *self);  // soon, whatever was read before
// Once a second: the connected peers were seen now.
void kt_roster_tick(kt_roster_t *self, const kt_peers_t *peers, int64_t now_ms, int64_t wall_ms);
// Takes what the ledger holds. False: out of memory; the next reading repeats it.
bool                   kt_roster_take(kt_roster_t *self, const kt_fleet_t *fleet, int64_t wall_ms);
const kt_fleet_node_t *kt_roster_find(const kt_roster_t *self, const char *name);
// Whether the name is in the list of nodes while no such node is connected.
bool kt_roster_expects(const kt_roster_t *self, const char *name);
// Names that are expected, each once, at most capacity; the texts are borrowed until the next tick.
size_t kt_roster_names(const kt_roster_t *self, const char **out, size_t capacity);
