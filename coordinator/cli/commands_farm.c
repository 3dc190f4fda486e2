// The options and texts of the commands for a farm and its ledger.
#include "coordinator/cli/commands.h"

#define PRIORITY(default_text)                                                                                         \
    {                                                                                                                  \
        "priority", KT_OPT_PRIORITY, "P", "start", default_text, "low normal high"                                     \
    }
#define RUN_OF_FOLDER                                                                                                  \
    {                                                                                                                  \
        "run", KT_OPT_RUN, "FOLDER", NULL, "the ledger created by `kithara run FOLDER`", NULL                          \
    }
#define LEDGER                                                                                                         \
    {                                                                                                                  \
        "ledger", KT_OPT_LEDGER, "URL", NULL, "this ledger (default: DATABASE_URL)", NULL                              \
    }

static const char GROUPS[] =
    "groups to extract: spectral,mir,perceptual,similarity,quality,visual;\nno_models, or none "
    "(default: all)";

const kt_command_option_t KT_SUBMIT_OPTIONS[] = {
    {"priority", KT_OPT_PRIORITY, "P", NULL, "low, normal (default) or high", "low normal high"},
    {"options", KT_OPT_OPTIONS, "LIST", NULL, GROUPS, NULL},
    {"all", KT_OPT_ALL, NULL, NULL, "of a folder, also files that are not media by name or content", NULL},
    {"remote", KT_OPT_REMOTE, NULL, NULL, "also paths that do not exist on this machine: the nodes see them", NULL},
    {"wait", KT_OPT_WAIT, NULL, NULL, "wait until every file has a result", NULL},
    KT_OPTION_OUTPUT,
    KT_OPTION_SINK,
    {0}};

const char KT_SUBMIT_TEXT[] =
    "Of a FOLDER the media files below it are submitted; the rest is left out and counted by kind (docs/use.md).\n\n"
    "With --wait a coordinator that does not answer is waited for, and after 3 s said to be silent; Ctrl-C ends the\n"
    "wait, not the jobs.\n\n"
    "Exit code: 0, 1 if any file was refused or a folder could not be read, with --wait also if any failed or the "
    "wait\n"
    "was interrupted, 2 for a usage error.\n";

const kt_verb_t KT_BACKFILL_VERBS[] = {
    {"start", "FOLDER|LIST|-",
     "the coordinator lists a FOLDER below its ANALYZER_MEDIA_ROOTS; a LIST of paths (a\nfile, or - for standard "
     "input; one per line, or separated by NUL) is uploaded first.\nUnchanged files are skipped. The backfill "
     "continues "
     "without this command and survives\nrestarts; the same command resumes an interrupted upload of a list"},
    {"status", "[ID]", "the backfills, or one of them"},
    {"pause", "ID", "stop; files in work are finished"},
    {"resume", "ID", "continue"},
    {"cancel", "ID", "stop, and withdraw the queued files"},
    {"retry", "ID", "run the failed files again"},
    {"export", "ID", "the output messages; for skipped files the earlier ones"},
    {0}};

const kt_command_option_t KT_BACKFILL_OPTIONS[] = {
    {"name", KT_OPT_NAME, "NAME", "start", "name of the backfill; with -: identifies an interrupted upload", NULL},
    {"options", KT_OPT_OPTIONS, "LIST", "start", GROUPS, NULL},
    PRIORITY("low (default), normal or high"),
    {"all", KT_OPT_ALL, NULL, "start", "also take files that are not media by name or content", NULL},
    {"force", KT_OPT_FORCE, NULL, "start", "skip no files", NULL},
    {"digest", KT_OPT_DIGEST, NULL, "start", "also skip by content: reads each new or changed file", NULL},
    {"wait", KT_OPT_WAIT, NULL, "start", "show the progress until the backfill ends", NULL},
    {"watch", KT_OPT_WATCH, NULL, "status", "refresh every second, also while the coordinator restarts", NULL},
    {"failed", KT_OPT_FAILED, NULL, "export", "failures only", NULL},
    KT_OPTIONS_CSV("export"),
    {"output", 'o', "FORMAT", "start status export",
     "table (default), wide, json, jsonl or csv;\nof export jsonl (default), json or csv", KT_FORMAT_WORDS},
    {"out", KT_OPT_SINK, "FILE", "start status export", "write there instead of to standard output", NULL},
    {0}};

const char KT_BACKFILL_TEXT[] =
    "With --wait a coordinator that does not answer is waited for, and after 3 s said to be silent.\n\n"
    "Exit code: 0, 1 if any file failed or the backfill did not end as done, also when the wait was interrupted, 2 "
    "for\n"
    "a usage error.\n";

const kt_command_option_t KT_VIEW_OPTIONS[] = {KT_OPTION_OUTPUT, KT_OPTION_SINK, KT_OPTION_WATCH, {0}};
const kt_command_option_t KT_SINK_OPTIONS[] = {KT_OPTION_SINK, {0}};

const kt_verb_t KT_NODES_VERBS[] = {{"drain", "NAME", "the node finishes its files and gets no more"},
                                    {"undrain", "NAME", "the node gets work again"},
                                    {"forget", "NAME", "an absent node leaves the list until it connects again"},
                                    {0}};

const kt_command_option_t KT_NODES_OPTIONS[] = {
    {"why", KT_OPT_WHY, "TEXT", "drain", "the reason, shown in the list", NULL},
    KT_OPTION_OUTPUT,
    KT_OPTION_SINK,
    KT_OPTION_WATCH,
    {0}};

const char KT_NODES_TEXT[] =
    "Every allowed name is a row until its key is revoked or it is forgotten: live, busy, stuck, stalled, draining or\n"
    "absent.\n";

const kt_verb_t KT_JOBS_VERBS[] = {
    {"retry", "[ID...]",
     "run failed or cancelled jobs again: these, or those of a filter (default: failed);\ndone ones with --force, "
     "which keeps their result until the new one is stored"},
    {"cancel", "[ID...]", "end jobs that are queued or in work: these, or those of a filter (default: queued)"},
    {"why", "ID", "what happened to one job, why it is in its state, and what to do"},
    {0}};

const kt_command_option_t KT_JOBS_OPTIONS[] = {
    {"state", KT_OPT_STATE, "STATE", NULL, "only queued, claimed, done, failed or cancelled",
     "queued claimed done failed cancelled"},
    {"error", KT_OPT_ERROR, "CODE", NULL, "only jobs that ended with this error, such as ENOFILE", NULL},
    {"node", KT_OPT_NODE, "NAME", NULL, "only jobs whose outcome this node gave", NULL},
    {"path", KT_OPT_PATH, "PREFIX", NULL, "only files below PREFIX", NULL},
    {"since", KT_OPT_SINCE, "TIME", NULL, "only jobs accepted since: 30m, 12h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z",
     NULL},
    {"sort", KT_OPT_SORT, "ORDER", NULL, "newest (default) or oldest first", "newest oldest"},
    {"after", KT_OPT_AFTER, "ID", NULL, "start after this job, in the order", NULL},
    {"limit", KT_OPT_LIMIT, "N", NULL, "at most N, up to 1000 (default: 50; retry, cancel: all)", NULL},
    {"force", KT_OPT_FORCE, NULL, "retry", "done jobs too", NULL},
    {"yes", KT_OPT_YES, NULL, "retry cancel", "with a filter: without a question", NULL},
    KT_OPTION_OUTPUT,
    KT_OPTION_SINK,
    KT_OPTION_WATCH,
    {0}};

const char KT_JOBS_TEXT[] =
    "With a filter, retry and cancel say how many jobs match, and ask before they change them; where there is no\n"
    "terminal --yes is needed.\n\n"
    "Exit code: 0, 1 if a job could not be changed, 2 for a usage error.\n";

const kt_verb_t KT_KEYS_VERBS[] = {
    {"token", "new", "a join token: a node that is started with it is allowed under its name"},
    {"new", "", "a key pair: node.public and node.secret"},
    {"allow", "KEY [NAME]", "the node with this public key may connect; with a NAME under that name only"},
    {"revoke", "KEY|NAME", "the node is disconnected; its files are sent to other nodes"},
    {"list", "", "the allowed keys"},
    {0}};

const kt_command_option_t KT_KEYS_OPTIONS[] = {
    {"ttl", KT_OPT_TTL, "TIME", "token", "how long the token lets nodes in, 1m to 30d (default: 1h)", NULL},
    KT_OPTION_OUTPUT,
    {"out", KT_OPT_OUT, "FILE", NULL,
     "write there instead of to standard output; of new a FOLDER, for the key pair\n(default: the current one)", NULL},
    {0}};

const char KT_KEYS_TEXT[] =
    "A node that is started with a join token (ANALYZER_JOIN_TOKEN, or kithara-node --join TOKEN) is allowed under "
    "its\n"
    "name on every coordinator of the ledger, also after the token has expired. allow does the same for the key that "
    "a\n"
    "node prints at start, in Z85 or in hexadecimal digits.\n"
    "The list is kept in the ledger and changed through the coordinator at ANALYZER_HTTP_URL, or at DATABASE_URL if\n"
    "none runs; each coordinator follows within two seconds. It overrules keys/allowed in the state folder of a\n"
    "coordinator, which is read too.\n";

const kt_command_option_t KT_RESULTS_OPTIONS[] = {
    RUN_OF_FOLDER,
    LEDGER,
    {"failed", KT_OPT_FAILED, "[only]", NULL, "include failures; --failed=only: only failures", "only"},
    KT_OPTIONS_CSV(NULL),
    {"history", KT_OPT_HISTORY, NULL, NULL, "all results, with job, run and time, and not the latest of each path",
     NULL},
    {"path", KT_OPT_PATH, "PREFIX", NULL, "only files below PREFIX", NULL},
    {"after", KT_OPT_AFTER, "ID", NULL, "start after this job", NULL},
    {"limit", KT_OPT_LIMIT, "N", NULL, "at most N (default: all)", NULL},
    {"output", 'o', "FORMAT", NULL,
     "table (default), wide, json (the output messages as one array), jsonl (one per\nline, byte for byte) or csv",
     KT_FORMAT_WORDS},
    KT_OPTION_SINK,
    {0}};

const char KT_RESULTS_TEXT[] =
    "One row per file: its latest result. Files that a run of their folder found gone are left out.\n";

const kt_command_option_t KT_SIMILAR_OPTIONS[] = {
    RUN_OF_FOLDER,    LEDGER,         {NULL, 'n', "N", NULL, "number of recordings (default: 10, at most 1000)", NULL},
    KT_OPTION_OUTPUT, KT_OPTION_SINK, {0}};

const char KT_SIMILAR_TEXT[] =
    "The file is analysed if the ledger has no result for it. The distance is 1 minus the cosine of the combined\n"
    "vectors: 0 for the same recording, about 1 for unrelated ones.\n";

const kt_command_option_t KT_AUDIT_OPTIONS[] = {RUN_OF_FOLDER, LEDGER, KT_OPTION_OUTPUT, KT_OPTION_SINK, {0}};

const char KT_AUDIT_TEXT[] =
    "Exit code: 0 if every job has exactly one outcome and every digest matches; else 1, and the rows are printed.\n"
    "With -o json, jsonl or csv they have job, run (null: of the whole job or ledger) and finding; the count of rows\n"
    "goes to standard error.\n";

const kt_verb_t KT_DB_VERBS[] = {
    {"migrate", "", "applies what is missing; idempotent, and safe when several programs migrate at once"},
    {"status", "", "the migrations, and which of them are missing"},
    {"backup", "FILE", "a copy of a SQLite ledger, also while its coordinator works"},
    {0}};

const kt_command_option_t KT_DB_OPTIONS[] = {
    LEDGER,
    {"output", 'o', "FORMAT", "status", "table (default), wide, json, jsonl or csv", KT_FORMAT_WORDS},
    {"out", KT_OPT_SINK, "FILE", "status", "write there instead of to standard output", NULL},
    {0}};

const char KT_DB_TEXT[] =
    "A coordinator requires the current schema in a PostgreSQL database; it creates and migrates a SQLite ledger\n"
    "itself.\n\n"
    "Exit code: 0 if the schema is current, else 1.\n";

const kt_verb_t KT_DOCS_VERBS[] = {{"features", "", "every feature: definition, unit, range, source"},
                                   {"settings", "", "every setting: default, range, meaning"},
                                   {"errors", "", "every error: verdict, meaning, what to do"},
                                   {"metrics", "", "every metric of /metrics"},
                                   {"columns", "", "the columns of a result, as JSON"},
                                   {"log", "", "every id of the log lines"},
                                   {"http", "", "every route of the HTTP API"},
                                   {"schema-input", "", "JSON Schema of the input message"},
                                   {"schema-output", "", "JSON Schema of the output message"},
                                   {"man", "[PAGE]", "a manual page in roff; without PAGE their names"},
                                   {"completion", "SHELL", "the completion of bash, zsh or fish"},
                                   {0}};
