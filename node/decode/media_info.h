// kt_media_info -- what a media file is: container, streams, tags. Plain data.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KT_MEDIA_TEXT = 64, KT_MEDIA_TAGS = 256, KT_MEDIA_TAG_KEY = 64, KT_MEDIA_TAG_VALUE = 512 };
enum { KT_MEDIA_STREAMS = 32, KT_MEDIA_WHY = 160, KT_MEDIA_GAPS = 128, KT_MEDIA_DIGEST = 16 };

typedef struct kt_media_tag {
    char key[KT_MEDIA_TAG_KEY];      // lower case, valid UTF-8
    char value[KT_MEDIA_TAG_VALUE];  // valid UTF-8, cut if longer
} kt_media_tag_t;

typedef struct kt_media_stream {
    char     kind[16];  // "audio", "video", "subtitle", "data", "attachment", "cover"
    char     codec[KT_MEDIA_TEXT];
    char     language[16];  // as the file states it
    uint32_t id;            // the container's
    bool     is_default, forced;
} kt_media_stream_t;

// Numbers are 0 and texts empty where unknown. Declared by the file; what is counted is kt_media_counts_t.
typedef struct kt_media_info {
    char     container[KT_MEDIA_TEXT];     // "mp3", "wav", "flac", "ogg", "mp4", "matroska", ...
    double   duration_s;                   // as the container declares it; 0 if it does not
    char     declared_by[KT_MEDIA_TEXT];   // the part of the container that states duration_s
    uint64_t declared_bytes;               // the file's size by its own structure; 0: not stated
    char     declared_end[KT_MEDIA_TEXT];  // the part that ends there
    uint64_t broken_at;                    // MP4: byte at which the chain of boxes breaks; 0: nowhere
    bool     broken_hides;                 // fragments, of which no length is known, may lie behind that
    char     end_missing[KT_MEDIA_TEXT];  // "the last page is cut ...": by the last page or packet; "": not known to be
    uint64_t skipped_bytes, behind_bytes;  // at the beginning, and behind the data, of no known format
    bool     too_short;                    // a false size in the header, which was ignored
    double   start_s;       // time stamp at which the file begins, from which the times of pictures count; below 0 only
                            // in MPEG streams whose time stamps wrap: so long before they do
    uint64_t bit_rate_bps;  // of the whole file
    uint32_t streams;       // all of them
    bool     has_audio, has_video, has_cover_art;
    char     audio_codec[KT_MEDIA_TEXT];  // "mp3", "pcm_s16le", "vorbis", ...
    char     layout[KT_MEDIA_TEXT];       // "mono", "stereo", "5.1", ...
    uint32_t rate_hz, channels, bits_per_sample;
    uint64_t audio_bit_rate_bps;
    char     video_codec[KT_MEDIA_TEXT];   // of the moving picture, never of cover art
    bool     from_picture;                 // what follows is of the first decoded picture, not of the header
    uint32_t width, height;                // coded picture
    double   frame_rate_hz, aspect_ratio;  // aspect: as shown, pixel shape and rotation applied
    double   pixel_aspect_ratio;
    uint32_t rotation;  // 0, 90, 180, 270 degrees clockwise, to show the picture
    bool     mirrored;  // and then left to right
    uint64_t video_bit_rate_bps;
    char     profile[KT_MEDIA_TEXT], level[16], pixel_format[KT_MEDIA_TEXT];
    uint32_t bit_depth;
    char     color_space[24], color_primaries[24], color_transfer[24];  // FFmpeg's names; "": not stated
    bool     full_range, range_stated;
    char     hdr[KT_MEDIA_TEXT];  // "hdr10", "hdr10+", "hlg", "dolby vision", some of them; "": none is stated
    double   mastering_min_nits, mastering_max_nits;  // luminance of the mastering display
    double   content_max_nits, content_average_nits;  // MaxCLL and MaxFALL of CTA-861.3
    uint32_t dolby_vision_profile, dolby_vision_level;
    char     field_order[16];  // "progressive", "top", "bottom", "": as the container declares it
    char     audio_why[KT_MEDIA_WHY], video_why[KT_MEDIA_WHY];  // not "": the stream is there and cannot be decoded
    uint32_t stream_count;                                      // entries of stream
    kt_media_stream_t stream[KT_MEDIA_STREAMS];                 // the first of them, in the file's order
    uint32_t          tag_count;
    kt_media_tag_t    tags[KT_MEDIA_TAGS];
} kt_media_info_t;

// One stream, counted while it is read. A stream that is not decoded is counted by its packets.
typedef struct kt_stream_counts {
    uint64_t packets, bytes, damaged;  // damaged: packets that could not be decoded and were skipped
    uint64_t decoded;                  // pictures, or samples per channel
    double   begin_s, end_s;           // presentation time of the first picture or sample; end of the last one
    double   coded_s;                  // sound: what the bytes last, with the encoder's padding
    double   lost_s;                   // time inside of the stream that is damaged or missing and was left out
    uint64_t lost_parts;               // how many times
    bool     cut;                      // the last packet is incomplete
    bool     unsupported;              // its codec has a feature that is not supported
} kt_stream_counts_t;

// A part of the sound that was left out: after at_s of the sound that was given out, lost_s are missing.
typedef struct kt_media_gap {
    double at_s, lost_s;
} kt_media_gap_t;

// What is known when the whole file has been read.
typedef struct kt_media_counts {
    kt_stream_counts_t audio, video;
    bool               every_picture;  // was decoded; else key frames and distances are those of the packets
    uint64_t           frames;         // pictures that are shown
    uint64_t           key_frames, interlaced, top_first, damaged_pictures;
    double             key_interval_mean_s, key_interval_max_s;  // 0: fewer than two
    // Distances of consecutive pictures by their time stamps; 0: fewer than two pictures. regular_hz: the rate whose
    // grid all time stamps keep within their own rounding; 0: there is none (variable rate).
    double   frame_min_s, frame_mean_s, frame_max_s, regular_hz;
    bool     pulldown;     // the grid is one of fields, of which pictures repeat one in turn
    uint64_t untimed;      // pictures to which the file gives no time
    bool     broken_off;   // reading ended with an error before the end of the file
    uint64_t read_bytes;   // where the last packet ends in the file; 0: not known
    uint64_t time_breaks;  // time stamps of the pictures that begin anew or leap ahead; what follows continues
    uint64_t other_size, other_shape;  // pictures whose size, or pixel shape, is not that of the first one
    bool     foreign;  // a chained Ogg has parts of another codec, or with other streams, which are not read
    // MD5 over size, time stamp and bytes of each packet of the sound, where it is wanted; else 0. It shows whether two
    // files hold the same sound; it is no protection against forgery.
    uint8_t sound_digest[KT_MEDIA_DIGEST];
    // Of the sound; beyond the bound the last one has the sum of the rest.
    uint32_t       gap_count;
    kt_media_gap_t gap[KT_MEDIA_GAPS];
} kt_media_counts_t;
