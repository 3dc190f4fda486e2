// kt_watch -- repeating a view on a terminal until Ctrl-C (--watch). Main thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

void kt_watch_clear(const kt_cli_t *cli, bool watch);  // wipes the terminal, when watching on one
bool kt_watch_wait(int64_t interval_ms);               // false when SIGINT or SIGTERM ended it
