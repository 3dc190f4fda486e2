#include "coordinator/cli/tag/undo.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/paths.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 256 << 10, FILE_BYTES = 1 << 30 };

kt_err_t
kt_undo_init(kt_undo_t *self, const kt_settings_t *settings, const char *path)
{
    char state[PATH_MAX / 2], now[KT_RFC3339_BYTES];
    self->fd = -1;
    if (path)
        return kt_text_copy(self->path, sizeof self->path, path) ? KT_OK : KT_EINVAL;
    (void)snprintf(self->path, sizeof self->path, "%s/tags/undo-%.19s-%d.jsonl",
                   kt_settings_state_dir(settings, state, sizeof state), kt_clock_rfc3339(kt_clock_wall_ms(), now),
                   (int)getpid());
    return KT_OK;
}

void
kt_undo_fini(kt_undo_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

static json_t *
facts_json(kt_file_facts_t facts)
{
    json_t *out = kt_json_object();
    kt_json_set(out, "size", kt_json_int(facts.size));
    kt_json_set(out, "mtime_ns", kt_json_int(facts.mtime_ns));
    return out;
}

static json_t *
record_json(const kt_undo_record_t *record, const kt_tag_format_t *format, const char *path)
{
    json_t *out = kt_json_object(), *tags = kt_json_array();
    for (int tag = 0; tag < KT_TAGS; tag++) {
        if (!(record->which >> tag & 1))
            continue;
        json_t *one = kt_json_object(), *values = kt_json_array();
        for (uint32_t i = 0; i < record->old.tag[tag].n; i++)
            kt_json_append(values, kt_json_text(record->old.tag[tag].text[i]));
        kt_json_set(one, "tag",
                    kt_json_text(kt_tag_name((kt_tag_t)tag, KT_TAGS_VORBIS)
                                     ? kt_tag_name((kt_tag_t)tag, KT_TAGS_VORBIS)
                                     : kt_tag_name((kt_tag_t)tag, KT_TAGS_OPUS)));
        kt_json_set(one, "old", values);
        kt_json_append(tags, one);
    }
    kt_json_set(out, "path", kt_json_text(path));
    kt_json_set(out, "format", kt_json_text(format->name));
    kt_json_set(out, "before", facts_json(record->before));
    kt_json_set(out, "after", facts_json(record->after));
    if (kt_json_set(out, "tags", tags))
        return out;
    kt_json_free(&out);
    return NULL;
}

static kt_err_t
write_line(kt_undo_t *self, const kt_buf_t *line)
{
    kt_err_t err = self->fd < 0 ? kt_file_make_folders(self->path) : KT_OK;
    if (!err && self->fd < 0)
        self->fd = open(self->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (err)
        return err;
    errno = ENOSPC;  // of a write that is cut short
    return self->fd < 0 || write(self->fd, line->bytes, line->length) != (ssize_t)line->length || fdatasync(self->fd)
               ? kt_file_write_err_of_errno()
               : KT_OK;
}

kt_err_t
kt_undo_add(kt_undo_t *self, const kt_undo_record_t *record, const kt_tag_format_t *format)
{
    char path[2 * PATH_MAX];
    if (!kt_path_show(record->path, path, sizeof path))
        return KT_EINVAL;
    json_t  *json = record_json(record, format, path);
    kt_buf_t line;
    if (!json)
        return KT_ENOMEM;
    kt_buf_init(&line, LINE);
    kt_json_write(json, &line);
    kt_buf_str(&line, "\n");
    kt_json_free(&json);
    kt_err_t err = line.err ? line.err : write_line(self, &line);
    kt_buf_fini(&line);
    return err;
}

// --- reading

static bool
find_tag(const char *name, kt_tag_t *out)
{
    for (int tag = 0; tag < KT_TAGS; tag++)
        for (int family = 0; family < KT_TAG_FAMILIES; family++) {
            const char *one = kt_tag_name((kt_tag_t)tag, (kt_tag_family_t)family);
            if (one && !strcmp(one, name)) {
                *out = (kt_tag_t)tag;
                return true;
            }
        }
    return false;
}

static bool
read_facts(const json_t *json, kt_file_facts_t *out)
{
    return kt_json_integer(kt_json_get(json, "size"), &out->size) &&
           kt_json_integer(kt_json_get(json, "mtime_ns"), &out->mtime_ns);
}

static bool
read_tags(const json_t *tags, kt_undo_record_t *out)
{
    for (size_t i = 0; i < kt_json_count(tags); i++) {
        const json_t *one = kt_json_at(tags, i), *old = kt_json_get(one, "old");
        kt_tag_t      tag;
        if (!find_tag(kt_json_str(one, "tag", ""), &tag) || kt_json_kind(old) != KT_JSON_ARRAY ||
            kt_json_count(old) > KT_TAG_VALUES)
            return false;
        out->which |= UINT32_C(1) << tag;
        out->old.tag[tag].n = (uint32_t)kt_json_count(old);
        for (size_t k = 0; k < kt_json_count(old); k++) {
            const char *text = kt_json_string(kt_json_at(old, k));
            if (!text || !kt_text_copy(out->old.tag[tag].text[k], KT_TAG_BYTES, text))
                return false;
        }
    }
    return out->which != 0;
}

static kt_err_t
read_record(const char *line, size_t length, kt_undo_record_t *out, char why[KT_TAG_WHY])
{
    json_t *json = NULL;
    memset(out, 0, sizeof *out);
    kt_err_t err = kt_json_parse(line, length, LINE, &json, why);
    if (!err && (kt_path_read(kt_json_str(json, "path", ""), out->path, sizeof out->path) || out->path[0] != '/' ||
                 !read_facts(kt_json_get(json, "before"), &out->before) ||
                 !read_facts(kt_json_get(json, "after"), &out->after) || !read_tags(kt_json_get(json, "tags"), out)))
        err = kt_text_explain(why, KT_TAG_WHY, KT_EMESSAGE, "a line is not one of an undo file");
    kt_json_free(&json);
    return err;
}

static kt_err_t
read_file(const char *path, kt_buf_t *out)
{
    char  block[4096];
    FILE *file = fopen(path, "re");
    if (!file)
        return kt_file_err_of_errno();
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        kt_buf_add(out, block, n);
    const bool failed = ferror(file);
    (void)fclose(file);
    return failed ? KT_EIO : out->err;
}

kt_err_t
kt_undo_read(const char *path, kt_undo_fn *visit, void *context, char why[KT_TAG_WHY])
{
    kt_undo_record_t *record = malloc(sizeof *record);
    kt_buf_t          text;
    why[0] = '\0';
    kt_buf_init(&text, FILE_BYTES);
    kt_err_t err = record ? read_file(path, &text) : KT_ENOMEM;
    size_t   end = text.length;
    while (!err && end > 0 && text.bytes[end - 1] != '\n')
        end--;  // a line that was not written to its end, whose file was not replaced
    while (!err && end > 0) {
        size_t begin = end - 1;
        while (begin > 0 && text.bytes[begin - 1] != '\n')
            begin--;
        err = read_record(text.bytes + begin, end - begin, record, why);
        if (!err)
            err = visit(context, record);
        end = begin;
    }
    kt_buf_fini(&text);
    free(record);
    return err;
}
