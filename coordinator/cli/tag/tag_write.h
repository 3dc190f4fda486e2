// kt_tag_write -- writes tags into one file: copy, write, compare, undo record, replace. Nothing else of the file
// changes, which is verified on the copy: it holds what was to be written, and by the decoder the same packets of
// sound, streams, pictures and other tags. One thread.
#pragma once

#include "coordinator/cli/tag/replace.h"
#include "coordinator/cli/tag/sound_digest.h"
#include "coordinator/cli/tag/undo.h"

typedef struct kt_tag_writer {
    const kt_settings_t *settings;
    kt_decode_server_t  *decode;
    kt_tagged_t          tagged;
    kt_undo_t           *undo;  // NULL: nothing is recorded
} kt_tag_writer_t;

typedef struct kt_tag_change {
    const kt_tag_format_t *format;
    uint32_t               which;   // a bit per tag that changes
    const kt_tag_set_t    *values;  // new ones
    const kt_tag_set_t    *old;     // of the file
    const struct timespec *time;    // of change, that the file gets; NULL: now
} kt_tag_change_t;

// file: opened with its lock; stays the caller's. An error leaves the file as it was. KT_EDAMAGED also: the copy would
// not have the same sound; errors of kt_replace, kt_tag_child, kt_sound_digest and kt_undo_add; with why.
KT_MUST_USE kt_err_t kt_tag_write(kt_tag_writer_t *self, kt_replace_t *file, const kt_tag_change_t *change,
                                  char why[KT_TAG_WHY]);
