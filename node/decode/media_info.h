// kt_media_info -- what a media file is: container, streams, tags. Plain data.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KT_MEDIA_TEXT = 64, KT_MEDIA_TAGS = 64, KT_MEDIA_TAG_KEY = 64, KT_MEDIA_TAG_VALUE = 512 };

typedef struct kt_media_tag {
    char key[KT_MEDIA_TAG_KEY];      // lower case, valid UTF-8
    char value[KT_MEDIA_TAG_VALUE];  // valid UTF-8, cut if longer
} kt_media_tag_t;

// Numbers are 0 and texts empty where unknown.
typedef struct kt_media_info {
    char           container[KT_MEDIA_TEXT];  // "mp3", "wav", "flac", "ogg", "mp4", "matroska", ...
    double         duration_s;                // as the container declares it; 0 if it does not
    uint64_t       bit_rate_bps;              // of the whole file
    uint32_t       streams;                   // all of them
    bool           has_audio, has_video, has_cover_art;
    char           audio_codec[KT_MEDIA_TEXT];  // "mp3", "pcm_s16le", "vorbis", ...
    char           layout[KT_MEDIA_TEXT];       // "mono", "stereo", "5.1", ...
    uint32_t       rate_hz, channels, bits_per_sample;
    uint64_t       audio_bit_rate_bps;
    char           video_codec[KT_MEDIA_TEXT];   // of the moving picture, never of cover art
    uint32_t       width, height;                // coded picture
    double         frame_rate_hz, aspect_ratio;  // aspect: as shown, pixel shape and rotation applied
    uint64_t       video_bit_rate_bps;
    uint32_t       tag_count;
    kt_media_tag_t tags[KT_MEDIA_TAGS];
} kt_media_info_t;
