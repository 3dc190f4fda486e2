// The parts of `kithara backfill`: cmd_backfill.c (what, and control), backfill_start.c, backfill_export.c. Each gets
// the arguments that follow its own word, and returns the exit code.
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/client.h"

int kt_backfill_start(kt_cli_t *cli, kt_client_t *client, int argc, char **argv);
int kt_backfill_export(kt_cli_t *cli, kt_client_t *client, int argc, char **argv);
// One backfill's answer as lines (or JSON, CSV).
int kt_backfill_show(const kt_cli_t *cli, const json_t *backfill);
// Shows its progress until it has ended; KT_EXIT_FAILED with failures, or when interrupted.
int kt_backfill_wait(kt_cli_t *cli, kt_client_t *client, int64_t id);
