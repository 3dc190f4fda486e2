// kt_counts -- what the sound and the moving picture of a file hold, counted packet by packet and picture by picture
// while the file is read. Pure: no FFmpeg, no I/O, no allocation. One thread.
//
// The frame rate comes from time stamps, never from the container's length: the grid is the period p for which all
// times t_i of the pictures, in the order of presentation, keep near t_0 + i p (grid.h), or near a grid of fields
// (pulldown.h). Where the ticks are the pictures of the header's rate (AVI), encoders drop a picture after the first
// one: that is no variable rate.
#pragma once

#include "node/decode/media_info.h"
#include "node/decoder/counts/pulldown.h"

enum { KT_COUNTS_REORDER = 32 };     // packets are at most so many places from the order of presentation
#define KT_COUNTS_NO_TIME INT64_MIN  // as AV_NOPTS_VALUE

typedef enum kt_counts_stream { KT_COUNTS_SOUND, KT_COUNTS_PICTURE, KT_COUNTS_STREAMS } kt_counts_stream_t;

typedef struct kt_counts_packet {
    int64_t  pts, dts;  // ticks; KT_COUNTS_NO_TIME: the file has none
    int64_t  duration;  // ticks; 0: unknown
    uint64_t bytes;
    bool     key;
    bool     hidden;  // decoded and not shown: before or after an edit list's part
} kt_counts_packet_t;

// Times of pictures or packets, in the order of presentation.
typedef struct kt_counts_series {
    uint64_t  n, keys;
    double    first_s, last_s, last_duration_s;
    double    min_s, max_s;  // distances
    kt_grid_t all, but_first;
    double    first_key_s, last_key_s, key_max_s;
} kt_counts_series_t;

typedef struct kt_counts_waiting {
    double time_s, duration_s;
    bool   key;
} kt_counts_waiting_t;

typedef struct kt_counts {
    double              tick_s[KT_COUNTS_STREAMS];
    double              declared_hz;
    kt_media_counts_t   counts;
    bool                sound_begun;
    double              given_s;  // sound
    int64_t             first_sound_pts, last_sound_end;
    uint64_t            shown_packets;
    bool                joined;
    double              shift_s, first_decode_s, last_decode_s;  // of packets: files that were joined begin again
    bool                no_pts, no_dts;                          // of a packet of the picture that is shown
    bool                trouble;                                 // since the last loss of pictures
    kt_counts_series_t  pictures, by_pts, by_dts;
    kt_pulldown_t       pulldown;
    kt_counts_waiting_t waiting[KT_COUNTS_REORDER];  // packets, ascending
    uint32_t            n_waiting;
} kt_counts_t;

// Ticks in seconds, of a stream that is not there 0. declared_hz: the header's frame rate; 0: none. joined: as of
// kt_times_init.
void kt_counts_init(kt_counts_t *self, double sound_tick_s, double picture_tick_s, double declared_hz, bool joined);
// Each packet of the two streams that were chosen, whether it is decoded or not, in the order of the file.
void kt_counts_packet(kt_counts_t *self, kt_counts_stream_t stream, const kt_counts_packet_t *packet);
void kt_counts_damaged(kt_counts_t *self, kt_counts_stream_t stream);  // a packet that could not be decoded
// The demuxer has reported damage: what is missing in the times of the packets of the pictures behind it is lost.
void kt_counts_trouble(kt_counts_t *self);
void kt_counts_lost(kt_counts_t *self, kt_counts_stream_t stream, double lost_s);
// The last packet of a stream is incomplete; failed: it has been counted as damaged.
void kt_counts_cut(kt_counts_t *self, kt_counts_stream_t stream, bool failed);
// Sound that is left out behind at_s of what was given out.
void kt_counts_gap(kt_counts_t *self, double at_s, double lost_s);
// Each decoded picture, in the order of presentation. duration_s: as the container states it, 0: not. flags:
// kt_frame_flag_t. repeats: fields that it is shown for beyond its own two.
void kt_counts_picture(kt_counts_t *self, double time_s, double duration_s, uint32_t flags, uint32_t repeats);
// A decoded picture whose size or pixel shape differs from the first one's.
void kt_counts_other(kt_counts_t *self, bool size, bool shape);
// Each piece of decoded sound. time_s: of its first sample, NAN: unknown; only that of the first piece counts.
void kt_counts_sound(kt_counts_t *self, double time_s, uint64_t frames, uint32_t rate_hz);
// Once, at the end. every_picture: all pictures were decoded; else the packets' time stamps and key flags count.
void kt_counts_finish(kt_counts_t *self, bool every_picture, kt_media_counts_t *out);
