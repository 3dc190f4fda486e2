// kt_media_names -- what a walk over a folder takes and leaves out, by the table media_names.def: the kind of a name,
// whether first bytes are those of media, and how many entries of each kind were left out. Any thread.
#pragma once

#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kt_name_kind {
#define KT_NAME_KIND(id, one, several, extensions) KT_NAME_##id,
#define KT_NAME_PATTERN(id, pattern)
#define KT_SYSTEM_FOLDER(pattern)
#include "common/media_names.def"
#undef KT_NAME_KIND
#undef KT_NAME_PATTERN
#undef KT_SYSTEM_FOLDER
    KT_NAME_KINDS
} kt_name_kind_t;

enum { KT_MEDIA_HEAD = 1100, KT_LEFT_OUT_TEXT = 768 };

// Of a file's name. MEDIA, UNKNOWN (the content decides), or a kind that is left out. A name that begins with a dot and
// has the extension of another kind than MEDIA is HIDDEN.
kt_name_kind_t kt_name_kind(const char *name);
bool           kt_name_is_system_folder(const char *name);
// The first n bytes of a file, at best KT_MEDIA_HEAD, are those of a container or of coded audio that begins there.
// A weaker check than the decoder's: it decides only whether the file is tried; the decoder decides what it is.
bool kt_media_head(const uint8_t *head, size_t n);

// Counts by kind. unreadable: folders that could not be read.
typedef struct kt_left_out {
    uint64_t n[KT_NAME_KINDS], unreadable;
} kt_left_out_t;

void     kt_left_out_add(kt_left_out_t *self, const kt_left_out_t *other);
void     kt_left_out_subtract(kt_left_out_t *self, const kt_left_out_t *earlier);  // of the same walk
uint64_t kt_left_out_total(const kt_left_out_t *self);                             // without unreadable folders
// "3 playlists, 2 images, 1 hidden" in the order of the table; "" when nothing was left out.
void kt_left_out_text(const kt_left_out_t *self, char out[KT_LEFT_OUT_TEXT]);
// {"playlists": 3, "images": 2}: kinds that were left out at all, by their plural. NULL: out of memory.
json_t *kt_left_out_json(const kt_left_out_t *self);
void    kt_left_out_read(kt_left_out_t *out, const json_t *kinds);  // what is unknown or no count is not read
