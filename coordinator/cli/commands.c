#include "coordinator/cli/commands.h"

#include "coordinator/cli/cli.h"

#include <string.h>

// In the order of --help. A new command is a row here, its options in commands_local.c or commands_farm.c, and a file
// cmd_NAME.c.
const kt_command_t KT_CLI_COMMANDS[] = {
    {.name          = "analyze",
     .run           = kt_cmd_analyze,
     .arguments     = "[OPTIONS] FILE...|-|-r FOLDER...",
     .summary       = "analyse files in this process, without a farm",
     .options       = KT_ANALYZE_OPTIONS,
     .text          = KT_ANALYZE_TEXT,
     .survives_pipe = true,
     .example       = "kithara analyze song.mp3\nkithara analyze --jsonl *.flac > features.jsonl\n"
                      "arecord -f dat -t raw | ffmpeg -f s16le -ar 48000 -ac 2 -i - -f f32le - |\n"
                      "    kithara analyze - --every 10 --pcm f32 --rate 48000 --channels 2"},
    {.name          = "run",
     .run           = kt_cmd_run,
     .arguments     = "[OPTIONS] FOLDER|FILE...",
     .summary       = "analyse a folder with a temporary farm on this machine",
     .options       = KT_RUN_OPTIONS,
     .text          = KT_RUN_TEXT,
     .survives_pipe = true,
     .example       = "kithara run ~/Music --out music.jsonl"},
    {.name          = "up",
     .run           = kt_cmd_up,
     .arguments     = "[OPTIONS] [FOLDER...]",
     .summary       = "run a farm on this machine until Ctrl-C",
     .options       = KT_UP_OPTIONS,
     .text          = KT_UP_TEXT,
     .survives_pipe = true,
     .example       = "kithara up ~/Music &\nkithara submit ~/Music/*.ogg && kithara status"},
    {.name          = "submit",
     .run           = kt_cmd_submit,
     .arguments     = "[OPTIONS] FILE|FOLDER...",
     .summary       = "submit files to a farm",
     .options       = KT_SUBMIT_OPTIONS,
     .text          = KT_SUBMIT_TEXT,
     .survives_pipe = true,
     .example       = "kithara submit --wait ~/Music/*.ogg"},
    {.name       = "backfill",
     .run        = kt_cmd_backfill,
     .arguments  = "VERB [OPTIONS] ...",
     .summary    = "manage a large set of files as one object: start, watch, control, export",
     .options    = KT_BACKFILL_OPTIONS,
     .verbs      = KT_BACKFILL_VERBS,
     .text       = KT_BACKFILL_TEXT,
     .needs_verb = true,
     .example    = "kithara backfill start /music --wait\nfind /music -newer stamp -print0 | kithara backfill start -"},
    {.name      = "status",
     .run       = kt_cmd_status,
     .arguments = "[OPTIONS]",
     .summary   = "the state of the farm",
     .options   = KT_VIEW_OPTIONS,
     .example   = "kithara status --watch"},
    {.name      = "nodes",
     .run       = kt_cmd_nodes,
     .arguments = "[OPTIONS] [VERB NAME]",
     .summary   = "the compute nodes; take a node out of service or return it",
     .options   = KT_NODES_OPTIONS,
     .verbs     = KT_NODES_VERBS,
     .text      = KT_NODES_TEXT,
     .example   = "kithara nodes -o wide\nkithara nodes drain gpu7 --why \"new disk\""},
    {.name      = "queue",
     .run       = kt_cmd_queue,
     .arguments = "[OPTIONS]",
     .summary   = "the amount of queued work and the throughput",
     .options   = KT_VIEW_OPTIONS,
     .example   = "kithara queue"},
    {.name      = "jobs",
     .run       = kt_cmd_jobs,
     .arguments = "[OPTIONS] [VERB ID...]",
     .summary   = "the jobs; retry, cancel or explain one",
     .options   = KT_JOBS_OPTIONS,
     .verbs     = KT_JOBS_VERBS,
     .text      = KT_JOBS_TEXT,
     .example   = "kithara jobs --state failed\nkithara jobs why 17\nkithara jobs retry --error ENODELOST --since 12h"},
    {.name       = "keys",
     .run        = kt_cmd_keys,
     .arguments  = "[OPTIONS] VERB ...",
     .summary    = "the keys of the nodes that may connect",
     .options    = KT_KEYS_OPTIONS,
     .verbs      = KT_KEYS_VERBS,
     .text       = KT_KEYS_TEXT,
     .needs_verb = true,
     .example    = "kithara keys token new --ttl 1h\nkithara keys revoke gpu7\nkithara keys list -o wide"},
    {.name      = "results",
     .run       = kt_cmd_results,
     .arguments = "[OPTIONS]",
     .summary   = "the stored features",
     .options   = KT_RESULTS_OPTIONS,
     .text      = KT_RESULTS_TEXT,
     .example   = "kithara results --run ~/Music -o csv > features.csv"},
    {.name          = "similar",
     .run           = kt_cmd_similar,
     .arguments     = "[OPTIONS] FILE",
     .summary       = "the stored recordings most similar to a file",
     .options       = KT_SIMILAR_OPTIONS,
     .text          = KT_SIMILAR_TEXT,
     .survives_pipe = true,
     .example       = "kithara similar --run ~/Music song.mp3"},
    {.name          = "models",
     .run           = kt_cmd_models,
     .arguments     = "[VERB] [OPTIONS] ...",
     .summary       = "the models of a farm or a folder: list, deploy, roll back; a model file: show, run",
     .options       = KT_MODELS_OPTIONS,
     .verbs         = KT_MODELS_VERBS,
     .survives_pipe = true,
     .example = "kithara models register genre_classifier.ktm\nkithara models deploy genre_classifier 1.1.0\nkithara "
                "models run msd_musicnn_v1.0.0.ktm song.mp3"},
    {.name      = "audit",
     .run       = kt_cmd_audit,
     .arguments = "[OPTIONS]",
     .summary   = "verify that no result is missing, duplicated or altered",
     .options   = KT_AUDIT_OPTIONS,
     .text      = KT_AUDIT_TEXT,
     .example   = "kithara audit --run ~/Music"},
    {.name          = "tag",
     .run           = kt_cmd_tag,
     .arguments     = "[OPTIONS] FOLDER|FILE...",
     .summary       = "write tempo, key and ReplayGain into the tags of music files",
     .options       = KT_TAG_OPTIONS,
     .text          = KT_TAG_TEXT,
     .survives_pipe = true,
     .example       = "kithara tag --dry-run ~/Music\nkithara tag --run ~/Music --fields bpm,key --key-format camelot"},
    {.name          = "plot",
     .run           = kt_cmd_plot,
     .arguments     = "[OPTIONS] FILE",
     .summary       = "draw one page about a song or a film, two side by side, or a contact sheet",
     .options       = KT_PLOT_OPTIONS,
     .text          = KT_PLOT_TEXT,
     .survives_pipe = true,
     .example       = "kithara plot song.flac --out song.png\nkithara plot film.mp4 --options visual,no_models"},
    {.name       = "db",
     .run        = kt_cmd_db,
     .arguments  = "[OPTIONS] VERB",
     .summary    = "migrate or show the schema of the ledger",
     .options    = KT_DB_OPTIONS,
     .verbs      = KT_DB_VERBS,
     .text       = KT_DB_TEXT,
     .needs_verb = true,
     .example    = "DATABASE_URL='postgresql://kithara@db.example/kithara?sslmode=verify-full' kithara db migrate"},
    {.name          = "doctor",
     .run           = kt_cmd_doctor,
     .arguments     = "[OPTIONS]",
     .summary       = "check ports, database, broker, keys, folders, decoder, clock and GPU of this machine",
     .options       = KT_DOCTOR_OPTIONS,
     .text          = KT_DOCTOR_TEXT,
     .survives_pipe = true,
     .example       = "kithara --gpu doctor"},
    {.name       = "docs",
     .run        = kt_cmd_docs,
     .arguments  = "PAGE",
     .summary    = "print the reference tables as Markdown, manual pages, completions",
     .options    = KT_SINK_OPTIONS,
     .verbs      = KT_DOCS_VERBS,
     .needs_verb = true,
     .example    = "kithara docs features\nkithara docs man kithara-run | man -l -"},
    {.name      = "help",
     .run       = kt_cmd_help,
     .arguments = "[COMMAND]",
     .summary   = "this help, or the help of a command",
     .example   = "kithara help jobs"},
    {.name      = "version",
     .run       = kt_cmd_version,
     .arguments = "",
     .summary   = "print the version",
     .example   = "kithara version"},
};
const size_t KT_CLI_N_COMMANDS = sizeof KT_CLI_COMMANDS / sizeof *KT_CLI_COMMANDS;

const kt_command_option_t KT_CLI_GLOBALS[] = {
    {"config", KT_OPT_CONFIG, "FILE", NULL, "settings from FILE (NAME=value lines; environment variables override it)",
     NULL},
    {"set", KT_OPT_SET, "NAME=VALUE", NULL, "override one setting", NULL},
    {"print-config", KT_OPT_PRINT_CONFIG, NULL, NULL, "print every setting and its origin", NULL},
    {"debug", KT_OPT_DEBUG, NULL, NULL, "log at level DEBUG", NULL},
    {"gpu", KT_OPT_GPU, NULL, NULL, "use a GPU (ANALYZER_GPU_ENABLED=true); analyze fails without one", NULL},
    {"version", 'V', NULL, NULL, "print the version", NULL},
    {"help", 'h', NULL, NULL, "this help, or the help of the command; `kithara docs settings` lists the settings",
     NULL},
    {0}};

const kt_command_t *
kt_command_find(const char *name)
{
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++)
        if (strcmp(KT_CLI_COMMANDS[i].name, name) == 0)
            return &KT_CLI_COMMANDS[i];
    return NULL;
}

const kt_verb_t *
kt_verb_find(const kt_command_t *command, const char *name)
{
    for (const kt_verb_t *verb = command->verbs; verb && verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

// The letters to replace, add or drop that make one text of the other (Levenshtein), for texts of up to 31 letters.
static size_t
edit_distance(const char *a, const char *b)
{
    enum { MOST = 32 };
    const size_t n = strlen(a), m = strlen(b);
    size_t       row[MOST];
    if (n >= MOST || m >= MOST)
        return MOST;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0]        = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            best        = row[j] + 1 < best ? row[j] + 1 : best;
            best        = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner      = row[j];
            row[j]      = best;
        }
    }
    return row[m];
}

typedef struct closest {
    const char *text, *name;
    size_t      distance;
} closest_t;

static void
consider_name(closest_t *self, const char *name)
{
    const size_t length = strlen(self->text), distance = edit_distance(self->text, name);
    const bool   begins = length >= 2 && strncmp(self->text, name, length) == 0;
    if (begins && self->distance > 0) {
        self->name     = name;
        self->distance = 0;
    } else if (distance < self->distance && distance < length) {
        self->name     = name;
        self->distance = distance;
    }
}

enum { TOO_FAR = 3 };

const char *
kt_command_suggest(const char *text)
{
    closest_t closest = {.text = text, .distance = TOO_FAR};
    for (size_t i = 0; i < KT_CLI_N_COMMANDS; i++)
        consider_name(&closest, KT_CLI_COMMANDS[i].name);
    return closest.name;
}

const char *
kt_verb_suggest(const kt_command_t *command, const char *text)
{
    closest_t closest = {.text = text, .distance = TOO_FAR};
    for (const kt_verb_t *verb = command->verbs; verb && verb->name; verb++)
        consider_name(&closest, verb->name);
    return closest.name;
}

const char *
kt_command_option_suggest(const kt_command_t *command, const char *text)
{
    const kt_command_option_t *const LISTS[] = {command ? command->options : NULL, KT_CLI_GLOBALS};
    closest_t                        closest = {.text = text, .distance = TOO_FAR};
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        for (const kt_command_option_t *option = LISTS[i]; option && option->code; option++)
            if (option->name)
                consider_name(&closest, option->name);
    return closest.name;
}

bool
kt_command_option_has_verb(const kt_command_option_t *option, const char *verb)
{
    const size_t length = strlen(verb);
    for (const char *at = option->verbs; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == length && strncmp(at, verb, length) == 0)
            return true;
    return !option->verbs;
}
