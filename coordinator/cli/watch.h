// kt_watch -- repeats a view on a terminal until Ctrl-C (--watch). Main thread.
#pragma once

#include "coordinator/cli/cli.h"

#include <stdint.h>

void kt_watch_clear(const kt_cli_t *cli, bool watch);  // clears the terminal, if watch
bool kt_watch_wait(int64_t interval_ms);               // false: ended by SIGINT or SIGTERM
