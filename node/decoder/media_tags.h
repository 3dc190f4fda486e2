// kt_media_tags -- the tags of a file for its media info: those of the container, of its sound, and the ID3v2 tag in
// front. Keys that are known (title, artist, album, ...) come first, because the list is bounded.
#pragma once

#include "node/decoder/id3.h"

#include <libavutil/dict.h>

enum { KT_MEDIA_TAGS_DICTIONARIES = 2 };

// dictionaries: NULL is empty; the first that has a key counts. A key of several values in the ID3v2 tag has all of
// them.
void kt_media_tags_fill(kt_media_info_t *out, AVDictionary *const dictionaries[KT_MEDIA_TAGS_DICTIONARIES],
                        const kt_id3_t *id3);
