// kt_view -- one request to the coordinator and the table of its answer. Main thread.
#pragma once

#include "coordinator/cli/client.h"
#include "coordinator/cli/table.h"

enum { KT_VIEW_PATH = 8192 };

typedef struct kt_view {
    char               path[KT_VIEW_PATH];  // in the API
    const char        *list;                // member that holds the rows; NULL: one object
    const kt_column_t *columns;
    size_t             n_columns;
} kt_view_t;

// Shows it once, or with `watch` every second. Returns the exit code.
int kt_view_show(kt_cli_t *cli, const kt_view_t *view, bool watch);
