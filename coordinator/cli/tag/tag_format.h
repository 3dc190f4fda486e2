// kt_tag_format -- the file formats whose tags can be written, found by the first bytes and never by the name, and the
// names of the tags in each (tags.def). C and C++. Pure but for reading; any thread.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum kt_tag {
#define KT_TAG(id, field, id3v24, id3v23, vorbis, opus, mp4, asf) KT_TAG_##id,
#include "coordinator/cli/tag/tags.def"
#undef KT_TAG
    KT_TAGS
} kt_tag_t;

typedef enum kt_tag_family {
    KT_TAGS_ID3V24,
    KT_TAGS_ID3V23,
    KT_TAGS_VORBIS,
    KT_TAGS_OPUS,
    KT_TAGS_MP4,
    KT_TAGS_ASF,
    KT_TAG_FAMILIES,
} kt_tag_family_t;

typedef enum kt_tag_container {
    KT_TAG_MP3,
    KT_TAG_FLAC,
    KT_TAG_OGG_VORBIS,
    KT_TAG_OGG_OPUS,
    KT_TAG_OGG_FLAC,
    KT_TAG_M4A,
    KT_TAG_WAV,
    KT_TAG_AIFF,
    KT_TAG_WMA,
} kt_tag_container_t;

typedef struct kt_tag_format {
    const char        *name;  // "MP3"
    kt_tag_container_t container;
    kt_tag_family_t    family;       // ID3V24 also of a file that has 2.3
    bool               whole_tempo;  // the tag of the tempo is a whole number by its standard
} kt_tag_format_t;

enum { KT_TAG_WHY = 256 };

// The format of an open file. KT_EFORMAT, with the name of the format in why where it is known; KT_EEMPTY, KT_EIO.
KT_MUST_USE kt_err_t kt_tag_format_of(int fd, const kt_tag_format_t **out, char why[KT_TAG_WHY]);
const char          *kt_tag_name(kt_tag_t tag, kt_tag_family_t family);  // NULL: the family has no such tag
const char          *kt_tag_field(kt_tag_t tag);                         // "bpm"
// The set of tags (a bit each) of "bpm,key,replaygain". KT_EINVAL.
KT_MUST_USE kt_err_t kt_tag_fields_parse(const char *list, uint32_t *out);

#ifdef __cplusplus
}
#endif
