// tag: reads the tags of each file, asks for the values where some are wanted, shows what changes, and changes it.
// Files go through in groups, so that analyses run beside each other and memory does not grow with their number.
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/local/folders.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/progress.h"
#include "coordinator/cli/scan.h"
#include "coordinator/cli/store/results.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/tag/sources.h"
#include "coordinator/cli/tag/tag_child.h"
#include "coordinator/cli/tag/tag_write.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 256, GROUP_PER_WORKER = 4 };

static const kt_column_t COLUMNS[] = {{"FILE", "file", KT_CELL_FILE, false},     {"TAG", "tag", KT_CELL_TEXT, false},
                                      {"OLD", "old", KT_CELL_TEXT, false},       {"NEW", "new", KT_CELL_TEXT, false},
                                      {"RESULT", "result", KT_CELL_TEXT, false}, {"WHY", "why", KT_CELL_TEXT, false}};

// One file of a group.
typedef struct entry {
    char                  *path;
    bool                   link;  // to a file of its own folder, which is tagged under its own name
    kt_replace_t           file;
    const kt_tag_format_t *format;
    kt_tag_set_t           old, new;
    kt_tag_value_t         value[KT_TAGS];
    uint32_t               open, which;  // tags that may change, that change
    kt_tag_source_t        source;
    kt_err_t               err;
    char                   why[KT_TAG_WHY];
} entry_t;

typedef struct tag {
    kt_cli_t         *cli;
    const char       *run, *ledger, *undo, *undo_file;
    bool              dry_run, overwrite, keep_time, all;
    uint32_t          fields;  // a bit per tag
    kt_tag_taste_t    taste;
    size_t            workers;
    kt_folders_t      folders;
    kt_scan_t        *scan;
    kt_rundir_t       rundir;
    kt_tag_sources_t *sources;
    kt_tag_writer_t   writer;
    kt_undo_t         undo_written;
    kt_table_t       *table;
    kt_progress_t     progress;
    entry_t          *entries;
    size_t            capacity, n;
    uint64_t          files, changed, failed, stored, analysed, kept;
} tag_t;

static volatile sig_atomic_t stopped;

static void
on_signal(int signal)
{
    (void)signal;
    stopped = 1;
}

static bool
parse_number(const kt_cli_t *cli, const char *text, size_t *out)
{
    int64_t number;
    if (kt_text_to_i64(text, 1, WORKERS_MAX, &number)) {
        (void)kt_cli_usage(cli, "--workers: '%s' is not a number from 1 to %d", text, WORKERS_MAX);
        return false;
    }
    *out = (size_t)number;
    return true;
}

static bool
take_option(tag_t *self, int code)
{
    switch (code) {
    case '?': return false;
    case KT_OPT_RUN: self->run = optarg; break;
    case KT_OPT_LEDGER: self->ledger = optarg; break;
    case KT_OPT_UNDO: self->undo = optarg; break;
    case KT_OPT_UNDO_FILE: self->undo_file = optarg; break;
    case KT_OPT_DRY_RUN: self->dry_run = true; break;
    case KT_OPT_OVERWRITE: self->overwrite = true; break;
    case KT_OPT_KEEP_TIME: self->keep_time = true; break;
    case KT_OPT_ALL: self->all = true; break;
    case KT_OPT_WORKERS: return parse_number(self->cli, optarg, &self->workers);
    case KT_OPT_FIELDS:
        if (!kt_tag_fields_parse(optarg, &self->fields))
            break;
        (void)kt_cli_usage(self->cli, "--fields: '%s' is no list of bpm, key, replaygain, mood and genre", optarg);
        return false;
    case KT_OPT_KEY_FORMAT:
        if (kt_key_format_find(optarg, &self->taste.key_format))
            break;
        (void)kt_cli_usage(self->cli, "--key-format: '%s' is not musical, camelot or open-key", optarg);
        return false;
    case KT_OPT_MIN_CONFIDENCE:
        if (!kt_text_to_f64(optarg, 0, 1, &self->taste.min_confidence))
            break;
        (void)kt_cli_usage(self->cli, "--min-confidence: '%s' is not a number from 0 to 1", optarg);
        return false;
    default: break;
    }
    return true;
}

static bool
parse_tag(tag_t *self, int argc, char **argv)
{
    for (int code; (code = kt_cli_option(self->cli, argc, argv, NULL)) != -1;)
        if (!take_option(self, code))
            return false;
    if (self->undo && optind < argc)
        (void)kt_cli_usage(self->cli, "--undo restores all files of the undo file: '%s' is not expected", argv[optind]);
    else if (self->run && self->ledger)
        (void)kt_cli_usage(self->cli, "--run and --ledger exclude each other");
    else if (!self->undo && !self->run && optind == argc)
        (void)kt_cli_usage(self->cli, "a folder or file is missing");
    else
        return true;
    return false;
}

// --- rows

static json_t *
texts_json(const kt_tag_texts_t *texts)
{
    kt_buf_t all;
    if (!texts->n)
        return kt_json_null();
    kt_buf_init(&all, KT_TAG_VALUES * (KT_TAG_BYTES + 2));
    for (uint32_t i = 0; i < texts->n; i++)
        kt_buf_fmt(&all, "%s%s", i ? "; " : "", texts->text[i]);
    json_t *out = kt_json_text(all.bytes);
    kt_buf_fini(&all);
    return out;
}

static void
show_row(tag_t *self, const char *path, const kt_tag_format_t *format, kt_tag_t tag, const kt_tag_texts_t *old,
         const kt_tag_texts_t *new, const char *result, const char *why)
{
    char    shown[KT_JOB_PATH];
    json_t *row = kt_json_object();
    (void)kt_path_show(path, shown, sizeof shown);
    kt_json_set(row, "file", kt_json_text(shown));
    kt_json_set(row, "tag", kt_json_text(kt_tag_name(tag, format->family)));
    kt_json_set(row, "field", kt_json_text(kt_tag_field(tag)));
    kt_json_set(row, "old", texts_json(old));
    kt_json_set(row, "new", texts_json(new));
    kt_json_set(row, "result", kt_json_text(result));
    kt_json_set(row, "why", why && *why ? kt_json_text(why) : kt_json_null());
    kt_table_row(self->table, row);
    kt_json_free(&row);
}

static void
report_failure(tag_t *self, const char *path, kt_err_t err, const char *why)
{
    char shown[KT_JOB_PATH];
    if (!kt_path_show(path, shown, sizeof shown))
        (void)kt_text_sanitize(shown, sizeof shown, path, strlen(path));
    kt_progress_end(&self->progress);
    self->failed++;
    (void)kt_cli_fail(err, shown, why && *why ? why : NULL);
}

// --- one file

// What may change: tags that were asked for, that the format has, and that are not there, unless all are overwritten.
static void
read_entry(const tag_t *self, entry_t *entry)
{
    struct stat facts;
    entry->link = !lstat(entry->path, &facts) && S_ISLNK(facts.st_mode);
    entry->err  = kt_replace_open(&entry->file, entry->path, !self->dry_run && !entry->link, entry->why);
    if (!entry->err && entry->link)
        return;
    if (!entry->err)
        entry->err = kt_tag_format_of(entry->file.fd, &entry->format, entry->why);
    if (!entry->err)
        entry->err = kt_tag_child_read(entry->file.fd, entry->format, &entry->old, entry->why);
    for (int tag = 0; !entry->err && tag < KT_TAGS; tag++)
        if (self->fields >> tag & 1 && kt_tag_name((kt_tag_t)tag, entry->format->family) &&
            (!entry->old.tag[tag].n || (self->overwrite && !entry->old.tag[tag].more)))
            entry->open |= UINT32_C(1) << tag;
    entry->source =
        (kt_tag_source_t){.path = entry->path, .facts = entry->file.facts, .wanted = !entry->err && entry->open};
}

static bool
is_equal(const kt_tag_texts_t *texts, const char *value)
{
    return texts->n == 1 && !texts->more && !strcmp(texts->text[0], value);
}

static void
plan_entry(const tag_t *self, entry_t *entry)
{
    if (entry->err || !entry->open)
        return;
    entry->err = entry->source.err;
    (void)kt_text_copy(entry->why, sizeof entry->why, entry->source.why);
    const json_t *technical = kt_json_get(kt_json_get(entry->source.document, "features"), "technical");
    if (!entry->err && kt_json_flag(technical, "has_video", false))
        entry->err = kt_text_explain(entry->why, sizeof entry->why, KT_EFORMAT, "a film: only music is tagged");
    if (entry->err)
        return;
    kt_tag_values(entry->source.document, entry->format, &self->taste, entry->value);
    for (int tag = 0; tag < KT_TAGS; tag++) {
        const kt_tag_value_t *value = &entry->value[tag];
        if (!(entry->open >> tag & 1) || !*value->text)
            continue;
        entry->new.tag[tag].n = 1;
        (void)kt_text_copy(entry->new.tag[tag].text[0], KT_TAG_BYTES, value->text);
        if (!is_equal(&entry->old.tag[tag], value->text))
            entry->which |= UINT32_C(1) << tag;
    }
}

static void
show_entry(tag_t *self, const entry_t *entry)
{
    const char *done      = self->dry_run ? "would be written" : "written";
    const bool  overwrite = self->overwrite;
    for (int tag = 0; tag < KT_TAGS; tag++) {
        const kt_tag_texts_t *old = &entry->old.tag[tag], *new = &entry->new.tag[tag];
        if (!(self->fields >> tag & 1) || !kt_tag_name((kt_tag_t)tag, entry->format->family))
            continue;
        const bool open = entry->open >> tag & 1;
        show_row(self, entry->path, entry->format, (kt_tag_t)tag, old, new,
                 !open                     ? "kept"
                 : entry->which >> tag & 1 ? done
                 : new->n                  ? "unchanged"
                                           : "no value",
                 open && !new->n                  ? entry->value[tag].why
                 : !open && old->more &&overwrite ? "its value could not be restored"
                                                  : NULL);
        self->kept += !open;
    }
}

static void
finish_entry(tag_t *self, entry_t *entry)
{
    const kt_tag_change_t change = {.format = entry->format,
                                    .which  = entry->which,
                                    .values = &entry->new,
                                    .old    = &entry->old,
                                    .time   = self->keep_time ? &entry->file.facts.st_mtim : NULL};
    if (!entry->err && entry->which && !self->dry_run)
        entry->err = kt_tag_write(&self->writer, &entry->file, &change, entry->why);
    if (entry->err)
        report_failure(self, entry->path, entry->err, entry->why);
    else
        show_entry(self, entry);
    self->changed += !entry->err && entry->which;
    self->stored += entry->source.document && entry->source.stored;
    self->analysed += entry->source.document && !entry->source.stored;
}

// --- all files

static void
finish_group(tag_t *self)
{
    kt_tag_source_t *sources[WORKERS_MAX * GROUP_PER_WORKER];
    for (size_t i = 0; i < self->n; i++) {
        read_entry(self, &self->entries[i]);
        sources[i] = &self->entries[i].source;
    }
    kt_tag_sources_get(self->sources, sources, self->n);
    for (size_t i = 0; i < self->n; i++) {
        entry_t *entry = &self->entries[i];
        kt_progress_show(&self->progress, &(kt_progress_state_t){.done = self->files, .file = entry->path});
        if (!stopped && (entry->err || !entry->link)) {
            plan_entry(self, entry);
            finish_entry(self, entry);
            self->files++;
        }
        kt_replace_close(&entry->file);
        kt_json_free(&entry->source.document);
        free(entry->path);
        memset(entry, 0, sizeof *entry);
    }
    self->n = 0;
}

static kt_err_t
tag_files(tag_t *self)
{
    const char *path = "";
    kt_err_t    err  = KT_OK;
    while (!err && path && !stopped) {
        err       = kt_scan_next(self->scan, &path);
        char *own = !err && path ? strdup(path) : NULL;
        if (own)
            self->entries[self->n++].path = own;
        else if (!err && path)
            err = KT_ENOMEM;
        if (self->n == self->capacity || err || !path)
            finish_group(self);
    }
    return err;
}

static uint32_t
options_of(uint32_t fields)
{
    const uint32_t loudness = UINT32_C(1) << KT_TAG_GAIN | UINT32_C(1) << KT_TAG_PEAK | UINT32_C(1) << KT_TAG_R128;
    return KT_OPTION_MODELS | (fields & ~loudness ? (uint32_t)KT_OPTION_MIR : 0) |
           (fields & loudness ? (uint32_t)KT_OPTION_PERCEPTUAL | KT_OPTION_QUALITY : 0);
}

static kt_err_t
open_sources(tag_t *self, const char *url, char why[KT_LEDGER_WHY])
{
    const kt_tag_sources_opts_t opts = {.cli          = self->cli,
                                        .tagged       = &self->writer.tagged,
                                        .database_url = url,
                                        .is_ledger    = self->run || self->ledger,
                                        .options      = options_of(self->fields),
                                        .workers      = self->workers};
    self->capacity                   = GROUP_PER_WORKER * self->workers;
    self->entries                    = calloc(self->capacity, sizeof *self->entries);
    kt_err_t err                     = self->entries ? kt_tag_sources_new(&self->sources, &opts, why) : KT_ENOMEM;
    if (!err)
        err = kt_scan_new(&self->scan, &(kt_scan_opts_t){.paths      = self->folders.paths,
                                                         .n          = self->folders.n,
                                                         .all        = self->all,
                                                         .may_follow = kt_folders_may_follow,
                                                         .context    = &self->folders});
    return err;
}

static void
print_summary(const tag_t *self)
{
    fflush(stdout);
    fprintf(stderr, "kithara: %llu file%s, %llu %s, %llu failed", (unsigned long long)self->files,
            self->files == 1 ? "" : "s", (unsigned long long)self->changed,
            self->dry_run ? "would be changed (nothing was written: --dry-run)" : "changed",
            (unsigned long long)self->failed);
    if (self->stored || self->analysed)
        fprintf(stderr, "; %llu analysed, %llu by stored results", (unsigned long long)self->analysed,
                (unsigned long long)self->stored);
    fprintf(stderr, "\n");
    if (self->kept && !self->overwrite)
        fprintf(stderr, "kithara: %llu value%s kept (--overwrite replaces what is there)\n",
                (unsigned long long)self->kept, self->kept == 1 ? " is" : "s are");
    if (self->scan)
        kt_scan_report(self->scan, self->cli->format == KT_FORMAT_JSON || self->cli->format == KT_FORMAT_JSONL);
    if (self->undo_written.fd >= 0)
        fprintf(stderr, "kithara: `kithara tag --undo '%s'` restores the old tags\n", self->undo_written.path);
}

// --- undo

// A kt_undo_fn.
static kt_err_t
restore_file(void *context, const kt_undo_record_t *record)
{
    tag_t                 *self = context;
    kt_replace_t           file;
    const kt_tag_format_t *format = NULL;
    char                   why[KT_TAG_WHY];
    const struct timespec  time = {.tv_sec  = record->before.mtime_ns / 1000000000,
                                   .tv_nsec = (long)(record->before.mtime_ns % 1000000000)};
    kt_tag_set_t          *now  = calloc(1, sizeof *now);
    if (!now)
        return KT_ENOMEM;
    kt_err_t err = stopped ? KT_ECANCELLED : kt_replace_open(&file, record->path, !self->dry_run, why);
    if (err == KT_ECANCELLED) {
        free(now);
        return err;
    }
    const kt_file_facts_t facts = kt_file_facts_of(&file.facts);
    if (!err && (facts.size != record->after.size || facts.mtime_ns != record->after.mtime_ns))
        err = kt_text_explain(why, sizeof why, KT_EINVAL, "it was changed since it was tagged: it stays as it is");
    if (!err)
        err = kt_tag_format_of(file.fd, &format, why);
    if (!err)
        err = kt_tag_child_read(file.fd, format, now, why);
    if (!err && !self->dry_run)
        err = kt_tag_write(
            &self->writer, &file,
            &(kt_tag_change_t){
                .format = format, .which = record->which, .values = &record->old, .old = now, .time = &time},
            why);
    for (int tag = 0; !err && tag < KT_TAGS; tag++)
        if (record->which >> tag & 1 && kt_tag_name((kt_tag_t)tag, format->family))
            show_row(self, record->path, format, (kt_tag_t)tag, &now->tag[tag], &record->old.tag[tag],
                     self->dry_run ? "would be restored" : "restored", NULL);
    if (err)
        report_failure(self, record->path, err, why);
    self->files++;
    self->changed += !err;
    kt_replace_close(&file);
    free(now);
    return KT_OK;
}

// --- the command

static int
report_end(tag_t *self, kt_err_t err, const char *what, const char *why)
{
    kt_progress_end(&self->progress);
    if (self->table && kt_table_end(self->table, stdout))
        err = err ? err : KT_EIO;
    if (err && err != KT_ECANCELLED)
        return kt_cli_fail(err, what, why && *why ? why : NULL);
    print_summary(self);
    if (stopped)
        return kt_cli_fail(KT_ECANCELLED, "tag", "the remaining files are as they were");
    return self->failed || (self->scan && kt_scan_left_out(self->scan)->unreadable) ? KT_EXIT_FAILED : KT_EXIT_OK;
}

static int
run_undo(tag_t *self)
{
    char     why[KT_TAG_WHY] = "";
    kt_err_t err             = kt_undo_read(self->undo, restore_file, self, why);
    return report_end(self, err, self->undo, why);
}

static int
run_tag(tag_t *self, int argc, char **argv)
{
    char        missing[512], why[KT_LEDGER_WHY] = "";
    const char *url  = NULL;
    char       *run  = (char *)(uintptr_t)self->run;
    const bool  here = optind < argc;
    kt_err_t    err =
        kt_folders_take(&self->folders, here ? argv + optind : &run, here ? (size_t)(argc - optind) : 1, missing);
    if (err)
        return kt_cli_fail(err, missing, NULL);
    err = kt_results_locate(self->cli, self->run, self->ledger, &self->rundir, &url);
    if (err)
        return kt_cli_fail(err, self->run, err == KT_ENOTFOUND ? KT_RESULTS_NEVER : NULL);
    err               = kt_undo_init(&self->undo_written, self->cli->settings, self->undo_file);
    self->writer.undo = &self->undo_written;
    if (!err)
        err = open_sources(self, url, why);
    if (!err)
        err = tag_files(self);
    return report_end(self, err, "tag", why);
}

int
kt_cmd_tag(kt_cli_t *cli, int argc, char **argv)
{
    tag_t self = {
        .cli = cli, .taste = {.min_confidence = -1}, .workers = kt_settings_auto_workers(), .undo_written = {.fd = -1}};
    (void)!kt_tag_fields_parse("bpm,key,replaygain", &self.fields);
    if (!parse_tag(&self, argc, argv))
        return KT_EXIT_USAGE;
    const struct sigaction stop = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)signal(SIGXFSZ, SIG_IGN);  // a write behind the limit fails instead
    self.writer.settings = cli->settings;
    kt_progress_begin(&self.progress, cli, "files", 0);
    kt_err_t err = kt_table_new(&self.table, cli->format, cli->color, COLUMNS, sizeof COLUMNS / sizeof *COLUMNS);
    if (!err)
        err = kt_tagged_load(&self.writer.tagged, cli->settings);
    if (!err)
        err = kt_decode_server_new(&self.writer.decode, NULL);
    const int code = err         ? kt_cli_fail(err, "tag cannot start", NULL)
                     : self.undo ? run_undo(&self)
                                 : run_tag(&self, argc, argv);
    kt_decode_server_destroy(&self.writer.decode);
    kt_tag_sources_destroy(&self.sources);
    kt_scan_destroy(&self.scan);
    kt_undo_fini(&self.undo_written);
    kt_tagged_fini(&self.writer.tagged);
    kt_table_destroy(&self.table);
    kt_folders_fini(&self.folders);
    free(self.entries);
    return code;
}
