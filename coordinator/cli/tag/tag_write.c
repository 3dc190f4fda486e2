#include "coordinator/cli/tag/tag_write.h"

#include "common/text.h"
#include "coordinator/cli/tag/tag_child.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct commit {
    kt_tag_writer_t       *writer;
    const kt_replace_t    *file;
    const kt_tag_change_t *change;
    kt_file_facts_t        after;
} commit_t;

// A kt_replace_fn.
static kt_err_t
record_change(void *context, const struct stat *facts)
{
    commit_t *self = context;
    self->after    = kt_file_facts_of(facts);
    if (!self->writer->undo)
        return KT_OK;
    kt_undo_record_t *record = calloc(1, sizeof *record);
    if (!record)
        return KT_ENOMEM;
    (void)kt_text_copy(record->path, sizeof record->path, self->file->path);
    record->before = kt_file_facts_of(&self->file->facts);
    record->after  = self->after;
    record->which  = self->change->which;
    record->old    = *self->change->old;
    kt_err_t err   = kt_undo_add(self->writer->undo, record, self->change->format);
    free(record);
    return err;
}

static bool
has_values(const kt_tag_set_t *now, const kt_tag_change_t *change)
{
    for (int tag = 0; tag < KT_TAGS; tag++) {
        const kt_tag_texts_t *is = &now->tag[tag], *wanted = &change->values->tag[tag];
        bool                  same = is->n == wanted->n;
        for (uint32_t i = 0; same && i < wanted->n; i++)
            same = !strcmp(is->text[i], wanted->text[i]);
        if (change->which >> tag & 1 && !same)
            return false;
    }
    return true;
}

// What a file holds, by the decoder.
typedef struct content {
    uint8_t         digest[KT_MEDIA_DIGEST];
    kt_media_info_t info;
} content_t;

// FFmpeg's name of a tag that is written: that of the tag in lower case, without its prefix; genres have one name.
static bool
is_written(const char *key, uint32_t which)
{
    if (which >> KT_TAG_GENRE & 1 && !strcmp(key, "genre"))
        return true;
    for (int tag = 0; tag < KT_TAGS; tag++)
        for (int family = 0; which >> tag & 1 && family < KT_TAG_FAMILIES; family++) {
            const char *name   = kt_tag_name((kt_tag_t)tag, (kt_tag_family_t)family);
            const char *prefix = name ? strrchr(name, ':') : NULL;
            if (name && !strcasecmp(key, prefix ? prefix + 1 : name))
                return true;
        }
    return false;
}

static bool
has_tag(const kt_media_info_t *info, const kt_media_tag_t *tag)
{
    for (uint32_t i = 0; i < info->tag_count; i++)
        if (!strcmp(info->tags[i].key, tag->key) && !strcmp(info->tags[i].value, tag->value))
            return true;
    return false;
}

// The copy holds the same sound and what else the file has. Of a list of tags that is full, new ones may displace some.
static kt_err_t
compare_contents(const content_t *before, const content_t *after, uint32_t which, char why[KT_TAG_WHY])
{
    const kt_media_info_t *old = &before->info, *new = &after->info;
    if (memcmp(before->digest, after->digest, sizeof before->digest) != 0)
        return kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "with these tags the sound would not be the same");
    if (old->streams != new->streams || old->has_cover_art != new->has_cover_art)
        return kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "with these tags a picture or stream would be lost");
    for (uint32_t i = 0; i < old->tag_count && old->tag_count + KT_TAGS <= KT_MEDIA_TAGS; i++)
        if (!is_written(old->tags[i].key, which) && !has_tag(new, &old->tags[i]))
            return kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "with these tags another would be lost: '%s'",
                                   old->tags[i].key);
    return KT_OK;
}

static kt_err_t
write_copy(const kt_tag_writer_t *self, const kt_replace_t *file, const kt_tag_change_t *change, char why[KT_TAG_WHY])
{
    content_t    *before = calloc(2, sizeof *before), *after = before + 1;
    kt_tag_set_t *now = malloc(sizeof *now);
    kt_err_t      err = before && now ? KT_OK : KT_ENOMEM;
    if (!err)
        err = kt_sound_digest(self->decode, self->settings, file->fd, before->digest, &before->info, why);
    if (!err)
        err = kt_tag_child_write(file->copy_fd, change->format, change->which, change->values, now, why);
    if (!err && !has_values(now, change))
        err = kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "the tags that were written are not read back");
    if (!err)
        err = kt_sound_digest(self->decode, self->settings, file->copy_fd, after->digest, &after->info, why);
    if (!err)
        err = compare_contents(before, after, change->which, why);
    free(now);
    free(before);
    return err;
}

kt_err_t
kt_tag_write(kt_tag_writer_t *self, kt_replace_t *file, const kt_tag_change_t *change, char why[KT_TAG_WHY])
{
    commit_t commit = {.writer = self, .file = file, .change = change};
    why[0]          = '\0';
    kt_err_t err    = kt_replace_copy(file, why);
    if (!err)
        err = write_copy(self, file, change, why);
    if (!err)
        err = kt_replace_commit(file, change->time, record_change, &commit, why);
    if (err)
        return err;
    // Without the row the next run analyses the file again, which is no failure of this file.
    const kt_file_facts_t before = kt_file_facts_of(&file->facts);
    (void)!kt_tagged_add(&self->tagged, file->path, before, commit.after);
    return KT_OK;
}
