// kt_decode -- the node's side of kithara-decode: one fork server per process, replaced by a new one after some hundred
// files, and one sandboxed child per file. Many threads may use the server at once; a kt_decode_t (one file) belongs to
// one thread.
//
// Whatever a child does, the caller gets media info, samples with a length, or an error code, within a deadline.
// Nothing from the child is trusted: sizes, indices and texts are checked before use.
#pragma once

#include "common/err.h"
#include "node/decode/media_info.h"
#include "node/decode/video_frame.h"

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
    double   max_duration_s;  // longest sound or film; more is KT_ETOOLONG
    uint64_t search_bytes;    // in which sound is searched for where the first bytes say nothing; at least 256 KiB
} kt_decode_limits_t;

// FULL: all pictures. SAMPLED: those around the sampled ones. KEYFRAMES: key frames alone.
typedef enum kt_picture_mode { KT_PICTURES_FULL, KT_PICTURES_SAMPLED, KT_PICTURES_KEYFRAMES } kt_picture_mode_t;

// What to decode. Streams that are not wanted are only counted. Pictures are sampled (kt_video_frame_t.whole) in the
// middle of intervals of 1 / sample_hz s, longer ones if there would be more than sample_max in the declared length; in
// a file without a length the interval doubles whenever sample_max more have been sampled.
typedef struct kt_decode_want {
    uint32_t          sound, pictures;  // 0 or 1
    kt_picture_mode_t mode;
    uint32_t          vectors;  // 0 or 1: motion vectors where the codec exports them
    double            sample_hz;
    uint32_t          sample_max;
    uint32_t          digest;  // 0 or 1: of the packets of the sound (kt_media_counts_t.sound_digest)
} kt_decode_want_t;

typedef enum kt_decoded_kind { KT_DECODED_END, KT_DECODED_SOUND, KT_DECODED_PICTURE } kt_decoded_kind_t;

// Valid until the next read.
typedef struct kt_decoded {
    kt_decoded_kind_t kind;
    const float      *pcm;  // interleaved float32 at the file's own rate and channels
    size_t            frames;
    kt_video_frame_t  picture;
} kt_decoded_t;

// program: path of kithara-decode, NULL: in the folder of this executable. Started once, before many threads.
// KT_ENOFILE, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_decode_server_new(kt_decode_server_t **self_p, const char *program);
void                 kt_decode_server_destroy(kt_decode_server_t **self_p);  // ends every child
// The walls around the children of the server that was started first (node/decode/walls.h).
uint32_t kt_decode_server_walls(const kt_decode_server_t *self);

// fd: open for reading, stays the caller's: a file, read by offset, or a pipe or socket, read from its current
// position. A server that has exited is started again, once per call. KT_ESYSTEM, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_decode_open(kt_decode_server_t *server, int fd, const kt_decode_limits_t *limits,
                                    const kt_decode_want_t *want, kt_decode_t **out);
// Once, before the first read: what the file is, or why it cannot be decoded. KT_EEMPTY, KT_EFORMAT, KT_ETEXT,
// KT_EPLAYLIST, KT_ETRUNCATED, KT_EDAMAGED, KT_EPROTECTED, KT_ESTREAM, KT_EDECODER, KT_EDECMEM, KT_EDECCPU,
// KT_EDECWALL; KT_ENOTREGULAR (a format that needs seeking, from a pipe); KT_EIO; KT_EFULL (too many files at a time),
// KT_ESYSTEM (the server has exited). Each later call returns the same error.
KT_MUST_USE kt_err_t kt_decode_media_info(kt_decode_t *self, kt_media_info_t *out);
// The next samples or the next picture, both kinds in the order of the file, each kind in the order of time. A stream
// that cannot be decoded leaves the other one; its reason is in the media info, or kt_decode_counts has nothing decoded
// of it. A file whose only stream is not wanted ends at once, with its counts. Errors as above, where nothing that is
// wanted can be decoded: KT_ENOAUDIO (neither sound nor a moving picture), KT_ECODEC, KT_EDAMAGED; and KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_decode_read(kt_decode_t *self, kt_decoded_t *out);
// Why the last call failed, one sentence part with FFmpeg's message; "" after a success.
const char *kt_decode_why(const kt_decode_t *self);
// What was counted, once the end has been read; zero before.
const kt_media_counts_t *kt_decode_counts(const kt_decode_t *self);
// Peak resident memory of the child in bytes, and its CPU time, once it has ended; 0 before.
void kt_decode_usage(const kt_decode_t *self, uint64_t *peak_bytes, double *cpu_s);
void kt_decode_close(kt_decode_t **self_p);  // ends the child if it still runs
