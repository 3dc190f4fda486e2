// kithara -- the operator's command line. main.c reads the global options and finds the command in one table; a command
// parses the remaining options with kt_cli_option and returns the exit code: 0 success, 1 failure, 2 wrong usage. Main
// thread only. Results go to stdout, everything else to stderr; colour and progress bar only on a terminal.
#pragma once

#include "common/err.h"
#include "common/settings.h"
#include "coordinator/cli/command.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum kt_exit { KT_EXIT_OK = 0, KT_EXIT_FAILED = 1, KT_EXIT_USAGE = 2 } kt_exit_t;

// The formats of -o. A list is rows in a table, an array in JSON, an object per line in JSONL, a header and rows in
// CSV; one thing is lines "title  value", an object, the same object on one line, a header and one row.
typedef enum kt_format { KT_FORMAT_TABLE, KT_FORMAT_WIDE, KT_FORMAT_JSON, KT_FORMAT_JSONL, KT_FORMAT_CSV } kt_format_t;

typedef struct kt_sink {
    const char *path;            // of --out; NULL: standard output
    char        part[PATH_MAX];  // the new file beside it; "": written directly
} kt_sink_t;

typedef struct kt_watch kt_watch_t;

enum { KT_CLI_SETS = 64 };

typedef struct kt_cli {
    const kt_settings_t *settings;
    const kt_command_t  *command;  // the current one
    kt_format_t          format;   // of -o
    const char *const   *sets;     // of --set, n_sets of them, NAME=VALUE
    size_t               n_sets;
    bool                 debug;                           // --debug
    bool                 gpu;                             // --gpu
    bool                 color;                           // stdout is a terminal and NO_COLOR is not set
    bool                 progress;                        // stderr is a terminal
    bool                 all_columns, statistics, units;  // of CSV: --all-columns, --statistics, --units
    kt_sink_t            sink;
    kt_watch_t          *watch;  // NULL: the view is printed once
} kt_cli_t;

// Prints "kithara: ECODE: what: text: detail" on stderr, without a text that says less than the detail; returns
// KT_EXIT_FAILED, for a wrong setting KT_EXIT_USAGE. detail (more about the error, or what to do) may be NULL.
int kt_cli_fail(kt_err_t err, const char *what, const char *detail);
// The same of a file or folder that could not be made or written; error: its errno, 0 where it is not known.
int kt_cli_fail_write(const char *path, int error);
// Wrong usage: prints the sentence and how to get help; returns KT_EXIT_USAGE.
int kt_cli_usage(const kt_cli_t *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Prints a line about what was done. Names in it, which may be any bytes, are shown without control characters.
void kt_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Wrong usage: an unknown command or verb, with the close one if there is any.
int kt_cli_unknown(const kt_cli_t *cli, const char *what, const char *text, const char *close);
// The format is for programs: remarks for people go to standard error.
bool kt_cli_is_data(const kt_cli_t *cli);
// Only digits, not starting with 0: a job number.
bool kt_cli_is_number(const char *text);
// The value of --workers for a node: auto, or 1 to 256. False, with a message, for any other.
bool kt_cli_workers(const kt_cli_t *cli, const char *text);
// Sets cli->format to table|wide|json|jsonl|csv. False, with a message, for any other name.
bool kt_cli_format(kt_cli_t *cli, const char *name);

int kt_cmd_analyze(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_run(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_up(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_submit(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_backfill(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_status(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_nodes(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_queue(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_jobs(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_keys(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_results(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_similar(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_models(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_audit(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_tag(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_plot(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_db(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_doctor(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_docs(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_help(kt_cli_t *cli, int argc, char **argv);
int kt_cmd_version(kt_cli_t *cli, int argc, char **argv);
