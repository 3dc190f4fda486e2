// kt_backfill -- the subcommands of `kithara backfill`: cmd_backfill.c (status, control), backfill_start.c,
// backfill_export.c. Each takes the arguments from its own name on and returns the exit code.
#pragma once

#include "coordinator/cli/cli.h"
#include "coordinator/cli/client.h"

int kt_backfill_start(kt_cli_t *cli, kt_client_t *client, int argc, char **argv);
int kt_backfill_export(kt_cli_t *cli, kt_client_t *client, int argc, char **argv);
// Prints one backfill as lines (or JSON, CSV).
int kt_backfill_show(const kt_cli_t *cli, const json_t *backfill);
// Prints the error of a request about this backfill, NULL: all of them, and returns the exit code.
int kt_backfill_fail(const kt_client_t *client, kt_err_t err, const char *id);
// Shows the progress until the backfill ends; KT_EXIT_FAILED if a file failed, or if interrupted.
int kt_backfill_wait(kt_cli_t *cli, kt_client_t *client, int64_t id);
