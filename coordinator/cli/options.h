// kt_cli_option -- reads the options of a command by its table (command.h). Unlike getopt_long, which it uses, it takes
// no abbreviated names: what they mean would change with a new option. Main thread.
#pragma once

#include "coordinator/cli/cli.h"

// The next option: its code, with its value in optarg; -1 at the end, with optind at the first word that is no option;
// '?' after a wrong one, which is reported: the caller returns KT_EXIT_USAGE. -o and --out FILE (KT_OPT_SINK) are
// handled here, unless the command's -o has other words than a table has. verb: whose options are valid; NULL: all.
int kt_cli_option(kt_cli_t *cli, int argc, char **argv, const char *verb);

// The sink of --out FILE: standard output goes to a new file, which replaces FILE when the command has ended. "-" is
// standard output; what is no regular file (a device, a pipe) is written directly. False: it cannot be written, which
// is reported as wrong usage.
bool kt_sink_open(kt_cli_t *cli, const char *path);
// Flushes standard output. After a command that failed before it wrote anything, FILE stays as it was. Reports errors;
// returns the exit code, `code` where all is well.
int kt_sink_close(kt_cli_t *cli, int code);
