// kt_decode -- the node's side of kithara-decode: one fork server a process, one sandboxed child a file. The server may
// be used by many threads at once; a kt_decode_t (one file) belongs to one thread.
//
// Whatever a child does, the caller sees facts, samples with a length, or an error code, within a deadline. Nothing
// that comes from the child is trusted: sizes, indices and texts are checked before use.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_decode_server kt_decode_server_t;
typedef struct kt_decode        kt_decode_t;

typedef struct kt_decode_limits {
    uint64_t memory_bytes;    // address space of the child beyond its program and libraries
    uint32_t cpu_s;           // CPU time of the child
    uint32_t stall_ms;        // longest wait for the next record
    uint32_t wall_s;          // from start to end
    double   max_duration_s;  // sound that is let out; more is KT_ETOOLONG
} kt_decode_limits_t;

enum { KT_FACT_TEXT = 64, KT_FACT_TAGS = 64, KT_TAG_KEY = 64, KT_TAG_VALUE = 512 };

typedef struct kt_tag {
    char key[KT_TAG_KEY];      // lower case, valid UTF-8
    char value[KT_TAG_VALUE];  // valid UTF-8, cut if longer
} kt_tag_t;

// What the file is. Numbers are 0 and texts empty where unknown; has_* tell which stream kinds there are.
typedef struct kt_facts {
    char     container[KT_FACT_TEXT];  // "mp3", "wav", "flac", "ogg", "mp4", "matroska", ...
    double   duration_s;               // as the container declares it; 0 if it does not
    uint64_t bit_rate_bps;             // of the whole file
    uint32_t streams;                  // all of them
    bool     has_audio, has_video, has_cover_art;
    char     audio_codec[KT_FACT_TEXT];  // "mp3", "pcm_s16le", "vorbis", ...
    char     layout[KT_FACT_TEXT];       // "mono", "stereo", "5.1", ...
    uint32_t rate_hz, channels, bits_per_sample;
    uint64_t audio_bit_rate_bps;
    char     video_codec[KT_FACT_TEXT];    // of the moving picture, never of cover art
    uint32_t width, height;                // coded picture
    double   frame_rate_hz, aspect_ratio;  // aspect: as shown, pixel shape and rotation applied
    uint64_t video_bit_rate_bps;
    uint32_t tag_count;
    kt_tag_t tags[KT_FACT_TAGS];
} kt_facts_t;

// program: path of kithara-decode, NULL: beside this executable. Started once, before many threads. KT_ENOFILE,
// KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_decode_server_new(kt_decode_server_t **self_p, const char *program);
void                 kt_decode_server_destroy(kt_decode_server_t **self_p);  // ends every child

// fd: open for reading, stays the caller's: a file, which is read by place, or a pipe or socket, which is read on from
// where it stands. A server that has died is started again, once a call. KT_ESYSTEM,
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_decode_open(kt_decode_server_t *server, int fd, const kt_decode_limits_t *limits,
                                    kt_decode_t **out);
// Once, before the first read: what the file is, or why it is none. KT_EEMPTY, KT_EFORMAT, KT_ETEXT, KT_EPLAYLIST,
// KT_ETRUNCATED, KT_EDAMAGED, KT_ESTREAM, KT_EDECODER, KT_EDECMEM, KT_EDECCPU, KT_EDECWALL; KT_ENOTREGULAR (a format
// that needs seeking, from a pipe); KT_EIO; KT_EFULL (too many files at a time), KT_ESYSTEM (the server has died). An
// error stays: each later call returns it again.
KT_MUST_USE kt_err_t kt_decode_facts(kt_decode_t *self, kt_facts_t *out);
// The next samples: interleaved float32 at the file's own rate and channels (facts), valid until the next call.
// *frames == 0 at the end of the sound. Errors as above, and, for a file whose facts are sound, KT_ENOAUDIO, KT_ECODEC,
// KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_decode_read(kt_decode_t *self, const float **pcm, size_t *frames);
// Why the last call failed, one plain sentence part with what FFmpeg said; "" if nothing did.
const char *kt_decode_why(const kt_decode_t *self);
// Packets that could not be decoded and were skipped, once the end has been read; 0 before.
uint64_t kt_decode_damaged(const kt_decode_t *self);
// Peak resident memory of the child in bytes, and its CPU time, once it has ended; 0 before.
void kt_decode_usage(const kt_decode_t *self, uint64_t *peak_bytes, double *cpu_s);
void kt_decode_close(kt_decode_t **self_p);  // ends the child if it still runs
