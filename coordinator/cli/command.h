// kt_command -- the commands as data: what the parser accepts, what --help prints, and what man pages and completions
// are made of. A command is a row in commands.c and a function in the folder of its subject. Constant.
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct kt_cli kt_cli_t;

// The code of an option, as kt_cli_option returns it: its letter, or one of these for an option without a letter.
typedef enum kt_opt {
    KT_OPT_AFTER = 256,
    KT_OPT_ALL,
    KT_OPT_ALL_COLUMNS,
    KT_OPT_BACKEND,
    KT_OPT_BATCH,
    KT_OPT_CACHE,
    KT_OPT_CHANNELS,
    KT_OPT_CLICK,
    KT_OPT_CONFIG,
    KT_OPT_DEBUG,
    KT_OPT_DEVICE,
    KT_OPT_DIGEST,
    KT_OPT_DRY_RUN,
    KT_OPT_ERROR,
    KT_OPT_EVERY,
    KT_OPT_FAILED,
    KT_OPT_FIELDS,
    KT_OPT_FOLDER,
    KT_OPT_FORCE,
    KT_OPT_FRAMES,
    KT_OPT_FRESH,
    KT_OPT_GPU,
    KT_OPT_HISTORY,
    KT_OPT_INPUT,
    KT_OPT_INT8,
    KT_OPT_JSONL,
    KT_OPT_KEEP_TIME,
    KT_OPT_KEY_FORMAT,
    KT_OPT_LEDGER,
    KT_OPT_LIMIT,
    KT_OPT_MIN_CONFIDENCE,
    KT_OPT_NAME,
    KT_OPT_NODE,
    KT_OPT_OPTIONS,
    KT_OPT_OVERWRITE,
    KT_OPT_OUT,   // a file or folder of the command's own
    KT_OPT_SINK,  // --out FILE: standard output goes there; the parser does it
    KT_OPT_PATH,
    KT_OPT_PCM,
    KT_OPT_PRINT_CONFIG,
    KT_OPT_PRIORITY,
    KT_OPT_RATE,
    KT_OPT_REMOTE,
    KT_OPT_RUN,
    KT_OPT_SET,
    KT_OPT_SINCE,
    KT_OPT_SIZE,
    KT_OPT_SORT,
    KT_OPT_STATE,
    KT_OPT_STATISTICS,
    KT_OPT_TF32,
    KT_OPT_THUMBNAILS,
    KT_OPT_TTL,
    KT_OPT_TYPE,
    KT_OPT_UNDO,
    KT_OPT_UNDO_FILE,
    KT_OPT_UNITS,
    KT_OPT_WAIT,
    KT_OPT_WATCH,
    KT_OPT_WHY,
    KT_OPT_WORKERS,
    KT_OPT_YES,
} kt_opt_t;

typedef struct kt_command_option {
    const char *name;   // "output"; NULL: only a letter
    int         code;   // a letter, or a kt_opt_t
    const char *value;  // "FORMAT"; in brackets: may be left out, and is given as --name=VALUE; NULL: none.
                        // FILE, FOLDER and DIR are completed by names of files
    const char *verbs;  // "start export": only with these; NULL: with all
    const char *help;   // lines, separated by '\n'
    const char *words;  // the values, separated by blanks; NULL: any
} kt_command_option_t;

typedef struct kt_verb {
    const char *name;
    const char *arguments;  // "KEY [NAME]"; "": none
    const char *help;       // lines, separated by '\n'
} kt_verb_t;

typedef struct kt_command {
    const char                *name;
    const char                *arguments;              // "[OPTIONS] FILE..."
    const char                *summary;                // one line
    const kt_verb_t           *verbs;                  // the last one without a name; NULL: none
    const kt_command_option_t *options;                // the last one without a code; NULL: none
    const char                *text;                   // paragraphs, lines of at most 110 columns
    const char                *example;                // commands, one per line
    bool                       needs_verb;             // without one, its help is printed
    bool                       survives_pipe;          // has work to end when its reader has gone: SIGPIPE is ignored
    int (*run)(kt_cli_t *cli, int argc, char **argv);  // argv[0] is the command's name
} kt_command_t;

extern const kt_command_t        KT_CLI_COMMANDS[];  // in the order of --help
extern const size_t              KT_CLI_N_COMMANDS;
extern const kt_command_option_t KT_CLI_GLOBALS[];  // before or after the command; the last one without a code

const kt_command_t *kt_command_find(const char *name);  // NULL: there is none
const kt_verb_t    *kt_verb_find(const kt_command_t *command, const char *name);
// The name of the table that the text is closest to, at most two letters apart; NULL: none is close.
const char *kt_command_suggest(const char *text);
const char *kt_verb_suggest(const kt_command_t *command, const char *text);
const char *kt_command_option_suggest(const kt_command_t *command, const char *text);
bool        kt_command_option_has_verb(const kt_command_option_t *option, const char *verb);
// The help of a command; NULL: of the program.
void kt_command_help(const kt_command_t *command);
