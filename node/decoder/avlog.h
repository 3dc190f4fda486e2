// kt_avlog -- keeps the last error line of FFmpeg's log, which the message of a refused file quotes, and turns FFmpeg's
// return codes into errors. FFmpeg has one log callback per process, hence the static buffers; single-threaded.
//
// FFmpeg returns ENOMEM for an allocation that failed and for limits of its own that the file exceeds: streams, entries
// of a table, bytes of one block. More memory helps the first alone. The C library's allocator leaves ENOMEM in errno;
// FFmpeg's limits leave errno as it was.
#pragma once

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KT_AV_STREAMS_MAX = 1000 };  // of one container; FFmpeg refuses one that has more

void        kt_avlog_install(void);
uint64_t    kt_avlog_missing_packets(void);  // places where those of a transport stream are missing
const char *kt_avlog_last(void);             // without line end; "" if there was none
// Errors that demuxers and decoders have logged so far, also those that they do not return.
uint64_t kt_avlog_demuxer_errors(void);
uint64_t kt_avlog_decoder_errors(void);

void kt_av_begin(void);          // before calls of FFmpeg: forgets earlier failures of the allocator
bool kt_av_is_memory(int code);  // a return code since kt_av_begin: an allocation failed
// Of a code below 0 since kt_av_begin: KT_EDECMEM, KT_EFORMAT (too many streams), or otherwise; why: "doing: the
// reason".
KT_MUST_USE kt_err_t kt_av_fail(int code, kt_err_t otherwise, const char *doing, char *why, size_t capacity);
