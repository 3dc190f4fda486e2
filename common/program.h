// kt_program -- the common start of the daemons: command line, settings, log, signals. Main thread, before any other
// thread starts.
#pragma once

#include "common/settings.h"

#include <stdbool.h>

typedef struct kt_program {
    const char   *name;     // "kithara-node"
    const char   *purpose;  // one line for --help
    kt_settings_t settings;
    int           ready_fd;     // --ready-fd N, else -1
    bool          with_parent;  // --with-parent: ends when the parent does
    bool          joins;        // takes --join TOKEN: ANALYZER_JOIN_TOKEN
    bool          has_check;    // takes --check
    bool          check;        // --check: the caller checks and exits
} kt_program_t;

// The options of every daemon, for --help and the man pages; the last one without a name.
typedef struct kt_program_option {
    const char *name, *value, *help;  // value: NULL: none
} kt_program_option_t;
extern const kt_program_option_t KT_PROGRAM_OPTIONS[];

// Reads --help, --version, --print-config, --config FILE, --set NAME=VALUE, --debug, --ready-fd N, --with-parent,
// --join, --check; sets up the log and --with-parent's signal. False: the program exits with *exit_code (as
// kt_program_exit), all messages are printed. True: the caller calls kt_settings_fini(&self->settings) at the end.
bool kt_program_start(kt_program_t *self, int argc, char **argv, int *exit_code);
// 0: KT_OK; 2: wrong usage or a wrong setting; 1: anything else.
int kt_program_exit(kt_err_t err);
// Prints "kithara-node: EPORT: why" on stderr; without why, the error's text.
void kt_program_complain(const kt_program_t *self, kt_err_t err, const char *why);
// Blocks SIGTERM, SIGINT and SIGHUP (threads inherit it), ignores SIGPIPE; a signalfd of the three, or -1.
int kt_program_signals(void);
// The number of the next pending signal of that descriptor, 0 when there is none. Never waits.
int kt_program_next_signal(int signal_fd);
