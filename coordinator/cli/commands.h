// The options, verbs and texts of the commands, for the rows of commands.c. Private to cli/.
#pragma once

#include "coordinator/cli/command.h"

#define KT_FORMAT_WORDS "table wide json jsonl csv"
// Of the commands that write features as CSV.
#define KT_OPTIONS_CSV(verb)                                                                                           \
    {"all-columns",                                                                                                    \
     KT_OPT_ALL_COLUMNS,                                                                                               \
     NULL,                                                                                                             \
     verb,                                                                                                             \
     "csv: also columns that are empty in every row; rows are written at once",                                        \
     NULL},                                                                                                            \
        {"statistics",                                                                                                 \
         KT_OPT_STATISTICS,                                                                                            \
         NULL,                                                                                                         \
         verb,                                                                                                         \
         "csv: also deviation, least, greatest and median of features over frames",                                    \
         NULL},                                                                                                        \
    {                                                                                                                  \
        "units", KT_OPT_UNITS, NULL, verb, "csv: a second line of the header with the units", NULL                     \
    }
#define KT_OPTION_OUTPUT                                                                                               \
    {                                                                                                                  \
        "output", 'o', "FORMAT", NULL, "table (default), wide, json, jsonl or csv", KT_FORMAT_WORDS                    \
    }
#define KT_OPTION_SINK                                                                                                 \
    {                                                                                                                  \
        "out", KT_OPT_SINK, "FILE", NULL, "write there instead of to standard output", NULL                            \
    }
#define KT_OPTION_WATCH                                                                                                \
    {                                                                                                                  \
        "watch", KT_OPT_WATCH, NULL, NULL, "refresh every second, also while the coordinator restarts", NULL           \
    }

// commands_local.c
extern const kt_command_option_t KT_NODES_OPTIONS[];
extern const kt_command_option_t KT_ANALYZE_OPTIONS[], KT_RUN_OPTIONS[], KT_UP_OPTIONS[], KT_TAG_OPTIONS[],
    KT_PLOT_OPTIONS[], KT_MODELS_OPTIONS[];
extern const kt_verb_t KT_MODELS_VERBS[];
extern const char      KT_ANALYZE_TEXT[], KT_RUN_TEXT[], KT_UP_TEXT[], KT_TAG_TEXT[], KT_PLOT_TEXT[], KT_DOCTOR_TEXT[];
// commands_farm.c
extern const kt_command_option_t KT_SUBMIT_OPTIONS[], KT_BACKFILL_OPTIONS[], KT_VIEW_OPTIONS[], KT_JOBS_OPTIONS[],
    KT_KEYS_OPTIONS[], KT_RESULTS_OPTIONS[], KT_SIMILAR_OPTIONS[], KT_AUDIT_OPTIONS[], KT_DB_OPTIONS[],
    KT_SINK_OPTIONS[], KT_DOCTOR_OPTIONS[];
extern const kt_verb_t KT_BACKFILL_VERBS[], KT_NODES_VERBS[], KT_JOBS_VERBS[], KT_KEYS_VERBS[], KT_DB_VERBS[],
    KT_DOCS_VERBS[];
extern const char KT_SUBMIT_TEXT[], KT_BACKFILL_TEXT[], KT_NODES_TEXT[], KT_JOBS_TEXT[], KT_KEYS_TEXT[],
    KT_RESULTS_TEXT[], KT_SIMILAR_TEXT[], KT_AUDIT_TEXT[], KT_DB_TEXT[];
