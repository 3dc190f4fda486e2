// kt_tag_file -- reads and writes single tags of a file by TagLib. C and C++. The file may be hostile and TagLib may
// crash: kt_tag_child calls these in a process of their own. One thread.
#pragma once

#include "coordinator/cli/tag/tag_format.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KT_TAG_VALUES = 8, KT_TAG_BYTES = 512 };

// The values of one tag; n 0: it is not there. Plain data.
typedef struct kt_tag_texts {
    uint32_t n;
    bool     more;  // values are left out or cut: they could not be restored
    char     text[KT_TAG_VALUES][KT_TAG_BYTES];
} kt_tag_texts_t;

typedef struct kt_tag_set {
    kt_tag_texts_t tag[KT_TAGS];
} kt_tag_set_t;

// All tags of tags.def. KT_EDAMAGED: the tags cannot be read, or reading stops inside of them, so that the rest would
// be lost when they are written; KT_EFORMAT, KT_EIO, KT_ENOMEM; with why.
KT_MUST_USE kt_err_t kt_tag_file_read(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY]);
// Writes the tags whose bit is in `which`; one without values is removed. ID3v2.3 stays 2.3, anything else becomes 2.4.
// Errors as of read, and KT_EDISK; then the file is of no use any more.
KT_MUST_USE kt_err_t kt_tag_file_write(int fd, const kt_tag_format_t *format, uint32_t which,
                                       const kt_tag_set_t *values, char why[KT_TAG_WHY]);

#ifdef __cplusplus
}
#endif
