// The addresses of a node's coordinators (ANALYZER_COORDINATORS) and their public keys (ANALYZER_COORDINATOR_KEY, or a
// file of keys). One key serves for all coordinators; else there is one per address, in the same order.
#pragma once

#include "common/curve.h"
#include "common/settings.h"
#include "node/link/dealer.h"

enum { KT_COORDINATOR_ADDRESS = 256, KT_COORDINATORS_WHY = 512 };

typedef struct kt_coordinator_list {
    size_t n;
    char   addresses[KT_COORDINATORS_MAX][KT_COORDINATOR_ADDRESS];
    char   keys[KT_COORDINATORS_MAX][KT_CURVE_TEXT];
} kt_coordinator_list_t;

// Without ANALYZER_COORDINATOR_KEY the keys are in keys/coordinator.public of state_dir. On failure `why` names the
// setting or file and what is expected. KT_ESETTING (no or too many addresses, or another number of keys), KT_ENOFILE
// (no key). Addresses are not checked here.
KT_MUST_USE kt_err_t kt_coordinator_list_read(kt_coordinator_list_t *out, const kt_settings_t *settings,
                                              const char *state_dir, char why[KT_COORDINATORS_WHY]);
