#include "coordinator/ledger/fleet.h"

#include <stdlib.h>

void
kt_fleet_fini(kt_fleet_t *self)
{
    free(self->keys);
    free(self->nodes);
    *self = (kt_fleet_t){0};
}
