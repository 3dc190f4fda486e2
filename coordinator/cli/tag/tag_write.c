#include "coordinator/cli/tag/tag_write.h"

#include "common/text.h"
#include "coordinator/cli/tag/tag_child.h"

#include <stdlib.h>
#include <string.h>

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

static kt_err_t
write_copy(const kt_tag_writer_t *self, const kt_replace_t *file, const kt_tag_change_t *change, char why[KT_TAG_WHY])
{
    uint8_t       before[KT_MEDIA_DIGEST], after[KT_MEDIA_DIGEST];
    kt_tag_set_t *now = malloc(sizeof *now);
    kt_err_t      err = now ? kt_sound_digest(self->decode, self->settings, file->fd, before, why) : KT_ENOMEM;
    if (!err)
        err = kt_tag_child_write(file->copy_fd, change->format, change->which, change->values, now, why);
    if (!err && !has_values(now, change))
        err = kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "the tags that were written are not read back");
    free(now);
    if (!err)
        err = kt_sound_digest(self->decode, self->settings, file->copy_fd, after, why);
    if (!err && memcmp(before, after, sizeof before) != 0)
        err = kt_text_explain(why, KT_TAG_WHY, KT_EDAMAGED, "with these tags the sound would not be the same");
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
