// kt_decode -- the node's side of kithara-decode: one fork server per process, one sandboxed child per file. Many
// threads may use the server at once; a kt_decode_t (one file) belongs to one thread.
//
// Whatever a child does, the caller gets media info, samples with a length, or an error code, within a deadline.
// Nothing from the child is trusted: sizes, indices and texts are checked before use.
#pragma once

#include "common/err.h"
#include "node/decode/media_info.h"

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
    double   max_duration_s;  // longest audio; more is KT_ETOOLONG
} kt_decode_limits_t;

// program: path of kithara-decode, NULL: in the folder of this executable. Started once, before many threads.
// KT_ENOFILE, KT_ESYSTEM.
KT_MUST_USE kt_err_t kt_decode_server_new(kt_decode_server_t **self_p, const char *program);
void                 kt_decode_server_destroy(kt_decode_server_t **self_p);  // ends every child

// fd: open for reading, stays the caller's: a file, read by offset, or a pipe or socket, read from its current
// position. A server that has exited is started again, once per call. KT_ESYSTEM, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_decode_open(kt_decode_server_t *server, int fd, const kt_decode_limits_t *limits,
                                    kt_decode_t **out);
// Once, before the first read: what the file is, or why it cannot be decoded. KT_EEMPTY, KT_EFORMAT, KT_ETEXT,
// KT_EPLAYLIST, KT_ETRUNCATED, KT_EDAMAGED, KT_ESTREAM, KT_EDECODER, KT_EDECMEM, KT_EDECCPU, KT_EDECWALL;
// KT_ENOTREGULAR (a format that needs seeking, from a pipe); KT_EIO; KT_EFULL (too many files at a time), KT_ESYSTEM
// (the server has exited). Each later call returns the same error.
KT_MUST_USE kt_err_t kt_decode_media_info(kt_decode_t *self, kt_media_info_t *out);
// The next samples: interleaved float32 at the file's own rate and channels, valid until the next call. *frames == 0 at
// the end of the audio. Errors as above, and KT_ENOAUDIO, KT_ECODEC, KT_ETOOLONG.
KT_MUST_USE kt_err_t kt_decode_read(kt_decode_t *self, const float **pcm, size_t *frames);
// Why the last call failed, one sentence part with FFmpeg's message; "" after a success.
const char *kt_decode_why(const kt_decode_t *self);
// Packets that could not be decoded and were skipped, once the end has been read; 0 before.
uint64_t kt_decode_damaged(const kt_decode_t *self);
// Peak resident memory of the child in bytes, and its CPU time, once it has ended; 0 before.
void kt_decode_usage(const kt_decode_t *self, uint64_t *peak_bytes, double *cpu_s);
void kt_decode_close(kt_decode_t **self_p);  // ends the child if it still runs
