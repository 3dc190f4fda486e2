// jobs: the list of jobs; jobs_change.c and cmd_why.c have its verbs.
#include "common/clock.h"
#include "common/text.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/remote/cmd_why.h"
#include "coordinator/cli/remote/jobs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const kt_column_t JOBS[] = {
    {"JOB", "job", KT_CELL_INT, false},
    {"RUN", "run", KT_CELL_INT, true},
    {"STATE", "state", KT_CELL_TEXT, false},
    {"PRIORITY", "priority", KT_CELL_TEXT, true},
    {"ATTEMPTS", "attempts", KT_CELL_INT, true},
    {"TIME", "processing_time", KT_CELL_SECONDS, false},
    {"NODE", "node", KT_CELL_TEXT, false},
    {"FILE", "file_path", KT_CELL_PATH, false},
    {"ERROR", "error", KT_CELL_TEXT, false},
    {"DETAIL", "detail", KT_CELL_TEXT, true},
    {"CREATED", "created", KT_CELL_TEXT, true},
    {"STORED", "stored", KT_CELL_TEXT, true},
    {"MESSAGE", "message_id", KT_CELL_TEXT, true},
};

// Any member that selects jobs is set.
static bool
is_filtered(const kt_jobs_filter_t *filter)
{
    return filter->state || filter->path || filter->error || filter->node || filter->since_ms;
}

bool
kt_jobs_path(char out[KT_VIEW_PATH], const kt_jobs_filter_t *filter)
{
    const struct {
        const char *name, *value;
    } TEXTS[] = {{"state", filter->state}, {"path", filter->path}, {"error", filter->error}, {"node", filter->node}};
    int n = snprintf(out, KT_VIEW_PATH, "/v1/jobs?after=%llu&limit=%llu&order=%s", (unsigned long long)filter->after,
                     (unsigned long long)filter->limit, filter->oldest ? "oldest" : "newest");
    if (filter->since_ms)
        n += snprintf(out + n, KT_VIEW_PATH - (size_t)n, "&since_ms=%lld", (long long)filter->since_ms);
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        char escaped[KT_VIEW_PATH / 2];
        if (!TEXTS[i].value)
            continue;
        if (!kt_client_escape(escaped, sizeof escaped, TEXTS[i].value) ||
            (size_t)n + strlen(escaped) + 16 > KT_VIEW_PATH)
            return false;
        n += snprintf(out + n, KT_VIEW_PATH - (size_t)n, "&%s=%s", TEXTS[i].name, escaped);
    }
    return true;
}

// What follows a time: a fraction where it has seconds, which is dropped, then "Z", "+02:00" or nothing (UTC).
static bool
read_zone(const char *text, bool seconds, int64_t *offset_s)
{
    *offset_s = 0;
    if (seconds && text[0] == '.' && text[1] >= '0' && text[1] <= '9')
        text += 1 + strspn(text + 1, "0123456789");
    if (*text == '+' || *text == '-') {
        int hours, minutes, length = 0;
        if (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &length) != 2 || length != 5 || text[6] || hours < 0 ||
            hours > 14 || minutes < 0 || minutes > 59)
            return false;
        *offset_s = (*text == '-' ? -60 : 60) * (60 * hours + minutes);
        return true;
    }
    return !*text || strcmp(text, "Z") == 0;
}

// "90s", "30m", "12h", "7d" before now_ms, or a time: "2026-01-31", "2026-01-31T12:00:00Z", also as our tables and logs
// write it, with a fraction, or with the offset of a zone. False: neither.
static bool
read_since(const char *text, int64_t now_ms, int64_t *out)
{
    static const struct {
        char    unit;
        int64_t ms;
    } UNITS[]                          = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    static const char *const FORMATS[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
                                          "%Y-%m-%d"};
    char                     number[24];
    int64_t                  value;
    const size_t             length = strlen(text);
    for (size_t i = 0; i < COUNT(UNITS); i++) {
        if (length < 2 || length >= sizeof number || text[length - 1] != UNITS[i].unit)
            continue;
        snprintf(number, sizeof number, "%.*s", (int)length - 1, text);
        if (kt_text_to_i64(number, 0, now_ms / UNITS[i].ms, &value))
            return false;
        *out = now_ms - value * UNITS[i].ms;
        return true;
    }
    for (size_t i = 0; i < COUNT(FORMATS); i++) {
        struct tm   parts = {0};
        const char *end   = strptime(text, FORMATS[i], &parts);
        int64_t     zone_s;
        if (!end || !read_zone(end, strchr(FORMATS[i], 'S') != NULL, &zone_s))
            continue;
        const int day = parts.tm_mday;
        *out          = ((int64_t)timegm(&parts) - zone_s) * 1000;
        return *out > 0 && parts.tm_mday == day;  // else the month has no such day
    }
    return false;
}

typedef struct asked {
    kt_jobs_filter_t filter;
    bool             watch, yes, force;
} asked_t;

// Returns what is wrong with a value, or NULL.
static const char *
take_option(asked_t *self, int option)
{
    static const char *const STATES[] = {"queued", "claimed", "done", "failed", "cancelled"};
    int64_t                  number;
    switch (option) {
    case KT_OPT_WATCH: self->watch = true; return NULL;
    case KT_OPT_YES: self->yes = true; return NULL;
    case KT_OPT_FORCE: self->force = true; return NULL;
    case KT_OPT_STATE:
        self->filter.state = optarg;
        for (size_t i = 0; i < COUNT(STATES); i++)
            if (strcmp(STATES[i], optarg) == 0)
                return NULL;
        return "is no state: queued, claimed, done, failed or cancelled";
    case KT_OPT_PATH: self->filter.path = optarg; return NULL;
    case KT_OPT_ERROR:
        self->filter.error = optarg;
        return kt_err_find(optarg) ? NULL : "is no error code, such as ENOFILE";
    case KT_OPT_NODE: self->filter.node = optarg; return NULL;
    case KT_OPT_SINCE:
        return read_since(optarg, kt_clock_wall_ms(), &self->filter.since_ms)
                   ? NULL
                   : "is no time: 30m, 12h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z (UTC)";
    case KT_OPT_SORT:
        self->filter.oldest = strcmp(optarg, "oldest") == 0;
        return self->filter.oldest || strcmp(optarg, "newest") == 0 ? NULL : "is not newest or oldest";
    case KT_OPT_AFTER:
        if (kt_text_to_i64(optarg, 0, INT64_MAX, &number))
            return "is not a job number";
        self->filter.after = (uint64_t)number;
        return NULL;
    case KT_OPT_LIMIT:
        if (kt_text_to_i64(optarg, 1, 1000, &number))
            return "is not a number from 1 to 1000";
        self->filter.limit = (uint64_t)number;
        return NULL;
    default: return NULL;
    }
}

// Why no job of that state can be changed by the verb; NULL: some can, or any state is meant.
static const char *
why_never(const char *verb, const char *state, bool force)
{
    static const char *const ENDED[] = {"done", "failed", "cancelled"};
    bool                     ended   = false;
    for (size_t i = 0; state && i < COUNT(ENDED); i++)
        ended |= strcmp(ENDED[i], state) == 0;
    if (!state)
        return NULL;
    if (strcmp(verb, "cancel") == 0)
        return ended ? "it has ended" : NULL;
    if (!ended)
        return "it has not ended";
    return force || strcmp(state, "done") != 0 ? NULL : "--force runs done jobs again";
}

int
kt_cmd_jobs(kt_cli_t *cli, int argc, char **argv)
{
    asked_t   asked = {0};
    kt_view_t view  = {"", "jobs", JOBS, COUNT(JOBS)};
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;) {
        const char *bad = c == '?' ? NULL : take_option(&asked, c);
        if (bad)
            return kt_cli_usage(cli, "'%.60s' %s", optarg, bad);
        if (c == '?')
            return KT_EXIT_USAGE;
    }
    if (optind == argc && !asked.filter.limit)
        asked.filter.limit = 50;
    if (optind == argc)
        return kt_jobs_path(view.path, &asked.filter) ? kt_view_show(cli, &view, asked.watch)
                                                      : kt_cli_usage(cli, "a filter is too long");
    const char *verb = argv[optind++];
    if (!kt_verb_find(cli->command, verb))
        return kt_cli_unknown(cli, "verb", verb, kt_verb_suggest(cli->command, verb));
    for (int i = optind; i < argc; i++)
        if (!kt_cli_is_number(argv[i]) || strlen(argv[i]) > 18)
            return kt_cli_usage(cli, "'%.40s' is not a job number", argv[i]);
    const bool why     = strcmp(verb, "why") == 0,
               bounded = asked.filter.limit || asked.filter.after || asked.filter.oldest;
    if (asked.watch || (why && (bounded || is_filtered(&asked.filter))))
        return kt_cli_usage(cli, "%s is for the list of jobs", asked.watch ? "--watch" : "a filter");
    if (why)
        return optind + 1 == argc ? kt_cli_why(cli, argv[optind]) : kt_cli_usage(cli, "jobs why takes one ID");
    if (optind == argc && !is_filtered(&asked.filter))
        return kt_cli_usage(cli, "jobs %s takes IDs, or a filter such as --error or --path", verb);
    if (optind < argc && (bounded || is_filtered(&asked.filter)))
        return kt_cli_usage(cli, "jobs %s takes IDs or a filter, not both", verb);
    if (asked.force && strcmp(verb, "retry") != 0)
        return kt_cli_usage(cli, "--force is for retry");
    const char *never = why_never(verb, asked.filter.state, asked.force);
    if (never)
        return kt_cli_usage(cli, "no job in state %s can be changed so: %s", asked.filter.state, never);
    return kt_jobs_change(cli, verb, argv + optind, (size_t)(argc - optind), &asked.filter,
                          &(kt_jobs_how_t){.yes = asked.yes, .force = asked.force});
}
