// Loading: defaults, then the file, then the environment, each by kt_setting_put, so that a later source overwrites an
// earlier one. settings_table.c checks values, settings_print.c prints them.
#include "common/settings.h"

#include "common/clock.h"
#include "common/settings_table.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 1 << 20, SHOWN_BYTES = 96, FILE_MS = 5000 };

static kt_err_t
put_by_name(kt_settings_t *self, const char *env, const char *value, kt_setting_source_t source,
            char why[KT_SETTINGS_WHY])
{
    int row = kt_setting_find(env);
    if (row >= 0)
        return kt_setting_put(self, row, value, source, why);
    const char *nearest = kt_setting_nearest(env);
    return kt_text_explain(why, KT_SETTINGS_WHY, KT_ESETTING, "%.*s is not a setting%s%s%s", SHOWN_BYTES, env,
                           nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static char *
trim_blanks(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && strchr(" \t\r", text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

// Extracts the value in place: in double quotes (with the escapes \" and \\), in single quotes, or up to " #". Only a
// comment may follow a closing quote. NULL if the quotes do not match.
static char *
unquote_value(char *text)
{
    char quote = *text;
    if (quote != '"' && quote != '\'') {
        for (char *at = text; *at; at++)
            if (*at == '#' && (at == text || at[-1] == ' ' || at[-1] == '\t'))
                *at-- = '\0';
        return trim_blanks(text);
    }
    char *to = text, *at = text + 1;
    for (; *at && *at != quote; at++) {
        if (quote == '"' && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        *to++ = *at;
    }
    if (!*at)
        return NULL;
    const char *rest = at + 1 + strspn(at + 1, " \t");
    if (*rest && *rest != '#')
        return NULL;
    *to = '\0';
    return text;
}

static kt_err_t
put_line(kt_settings_t *self, char *line, char why[KT_SETTINGS_WHY])
{
    line = trim_blanks(line);
    if (!*line || *line == '#')
        return KT_OK;
    char *equals = strchr(line, '=');
    if (!equals)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ESETTING, "\"%.*s\" is not NAME=value", SHOWN_BYTES, line);
    *equals     = '\0';
    char *name  = trim_blanks(line);
    char *value = unquote_value(trim_blanks(equals + 1));
    if (!value)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ESETTING, "%.*s: unmatched quotes in the value", SHOWN_BYTES,
                               name);
    return put_by_name(self, name, value, KT_SETTING_FILE, why);
}

// The bytes read, 0 at the end, -1 with errno. A pipe or terminal is waited for until then (ETIMEDOUT).
static ssize_t
read_until(int fd, char *block, size_t capacity, int64_t until_ms)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int64_t       left_ms  = until_ms - kt_clock_ms();
    int           ready    = poll(&readable, 1, left_ms > 0 ? (int)left_ms : 0);
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0 ? read(fd, block, capacity) : -1;
}

// Reads the whole file into text. A folder can be opened, but reading it fails. Opening does not wait: a FIFO may have
// no writer.
static kt_err_t
read_settings_file(const char *file, kt_buf_t *text, char why[KT_SETTINGS_WHY])
{
    char    block[4096];
    ssize_t got      = 0;
    int64_t until_ms = kt_clock_ms() + FILE_MS;
    int     fd       = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ENOFILE, "%.*s: %s", SHOWN_BYTES, file, strerror(errno));
    while (!text->err && (got = read_until(fd, block, sizeof block, until_ms)) > 0)
        kt_buf_add(text, block, (size_t)got);
    int failed = got < 0 ? errno : 0;
    close(fd);
    if (failed)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ENOFILE, "%.*s: %s", SHOWN_BYTES, file, strerror(failed));
    if (text->err == KT_EFULL)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ESETTING, "%.*s: larger than %d bytes", SHOWN_BYTES, file,
                               MAX_FILE_BYTES);
    kt_buf_add(text, "", 0);
    if (text->err)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ENOMEM, "out of memory");
    if (memchr(text->bytes, '\0', text->length))
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ESETTING, "%.*s: not a text file", SHOWN_BYTES, file);
    return KT_OK;
}

static kt_err_t
put_settings_file(kt_settings_t *self, const char *file, char why[KT_SETTINGS_WHY])
{
    char     detail[KT_SETTINGS_WHY];
    kt_buf_t text;
    kt_buf_init(&text, MAX_FILE_BYTES);
    kt_err_t err  = read_settings_file(file, &text, why);
    char    *line = err ? NULL : text.bytes;
    if (line && !strncmp(line, "\xef\xbb\xbf", 3))
        line += 3;  // a byte order mark
    for (int number = 1; line && !err; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        err = put_line(self, line, detail);
        if (err)
            (void)kt_text_explain(why, KT_SETTINGS_WHY, err, "%.*s:%d: %s", SHOWN_BYTES, file, number, detail);
        line = end;
    }
    kt_buf_fini(&text);
    return err;
}

// An unknown name with the prefix ANALYZER_ is an error; other variables belong to other programs.
static kt_err_t
put_variable(kt_settings_t *self, const char *variable, char why[KT_SETTINGS_WHY])
{
    static const char ours[] = "ANALYZER_";
    const char       *equals = strchr(variable, '=');
    if (!equals)
        return KT_OK;
    char *name = strndup(variable, (size_t)(equals - variable));
    if (!name)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ENOMEM, "out of memory");
    kt_err_t err = KT_OK;
    if (kt_setting_find(name) >= 0 || strncmp(name, ours, sizeof ours - 1) == 0)
        err = put_by_name(self, name, equals + 1, KT_SETTING_ENVIRONMENT, why);
    free(name);
    return err;
}

kt_err_t
kt_settings_load(kt_settings_t *self, const char *file, char *const *environment, char why[KT_SETTINGS_WHY])
{
    static const char named[] = "ANALYZER_CONFIG=";
    char              detail[KT_SETTINGS_WHY];
    kt_settings_t     loaded = {.memory = calloc(1, sizeof(kt_settings_memory_t))};
    if (!loaded.memory)
        return kt_text_explain(why, KT_SETTINGS_WHY, KT_ENOMEM, "out of memory");
    const char *read_from = file;
    for (size_t i = 0; !read_from && environment[i]; i++)
        if (strncmp(environment[i], named, sizeof named - 1) == 0 && environment[i][sizeof named - 1])
            read_from = environment[i] + sizeof named - 1;
    kt_err_t err = KT_OK;
    for (int row = 0; row < KT_SETTING_ROWS && !err; row++)
        err = kt_setting_put(&loaded, row, KT_SETTING_TABLE[row].default_text, KT_SETTING_DEFAULT, why);
    if (!err && read_from)
        err = put_settings_file(&loaded, read_from, why);
    for (size_t i = 0; !err && environment[i]; i++)
        if ((err = put_variable(&loaded, environment[i], detail)))
            (void)kt_text_explain(why, KT_SETTINGS_WHY, err, "environment: %s", detail);
    if (!err && file)
        err = kt_setting_put(&loaded, KT_SETTING_ROW_config, file, KT_SETTING_SET, why);
    if (!err)
        err = kt_settings_check(&loaded, why);
    if (err)
        kt_settings_fini(&loaded);
    else
        *self = loaded;
    return err;
}

void
kt_settings_fini(kt_settings_t *self)
{
    kt_settings_memory_t *memory = self->memory;
    for (int row = 0; memory && row < KT_SETTING_ROWS; row++)
        free(memory->texts[row]);
    free(memory);
    memset(self, 0, sizeof *self);
}

kt_err_t
kt_settings_set(kt_settings_t *self, const char *env, const char *value, char why[KT_SETTINGS_WHY])
{
    return put_by_name(self, env, value, KT_SETTING_SET, why);
}

kt_err_t
kt_settings_check(const kt_settings_t *self, char why[KT_SETTINGS_WHY])
{
    if (self->hop_length <= self->n_fft)
        return KT_OK;
    return kt_text_explain(
        why, KT_SETTINGS_WHY, KT_ESETTING,
        "ANALYZER_HOP_LENGTH=%lld is longer than ANALYZER_N_FFT=%lld: samples between the frames would be "
        "skipped",
        (long long)self->hop_length, (long long)self->n_fft);
}

// $VARIABLE/end, else below the home folder. By the XDG specification, relative paths are ignored.
static int
xdg_folder(char *out, size_t capacity, const char *variable, const char *below_home, const char *end)
{
    const char          *xdg  = getenv(variable);
    const char          *home = getenv("HOME");
    const struct passwd *user = home && *home == '/' ? NULL : getpwuid(getuid());
    if (xdg && *xdg == '/')
        return snprintf(out, capacity, "%s/%s", xdg, end);
    return snprintf(out, capacity, "%s/%s/%s",
                    user                   ? user->pw_dir
                    : home && *home == '/' ? home
                                           : "/",
                    below_home, end);
}

const char *
kt_settings_state_dir(const kt_settings_t *self, char *out, size_t capacity)
{
    int length = *self->state_dir ? snprintf(out, capacity, "%s", self->state_dir)
                                  : xdg_folder(out, capacity, "XDG_STATE_HOME", ".local/state", "kithara");
    return length >= 0 && (size_t)length < capacity ? out : NULL;
}

const char *
kt_settings_model_dir(const kt_settings_t *self, char *out, size_t capacity)
{
    bool own    = strcmp(self->model_path, "/models") == 0 && access(self->model_path, F_OK);
    int  length = own ? xdg_folder(out, capacity, "XDG_DATA_HOME", ".local/share", "kithara/models")
                      : snprintf(out, capacity, "%s", self->model_path);
    return length >= 0 && (size_t)length < capacity ? out : NULL;
}

size_t
kt_settings_auto_workers(void)
{
    cpu_set_t  set;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);  // where there are more cores than the mask has bits
    size_t     cores  = online > 0 ? (size_t)online : 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cores = (size_t)CPU_COUNT(&set);
    const size_t most = (size_t)KT_SETTING_TABLE[KT_SETTING_ROW_workers].max;
    return cores < most ? cores : most;
}
