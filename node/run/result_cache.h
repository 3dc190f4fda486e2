// kt_cache -- output messages kept in a folder (LIBROSA_CACHE_DIR): who asks again for the same content with the same
// options gets the same features for the price of a digest. Only successes are kept.
//
// An entry's name is the digest of everything that its bytes depend on (kt_cache_key), so nothing is ever stale and
// nothing is looked up by path. 256 folders by the name's first byte, each with its share of ANALYZER_CACHE_SIZE: a
// store removes the entries of its folder that were not asked for longest, so the whole is bounded without a scan of
// it. A store is a rename; an entry carries the digest of its text, and one that is damaged counts as missing and is
// written anew. Any number of threads, processes and machines may share a folder. Constant after new.
#pragma once

#include "common/digest.h"
#include "common/settings.h"
#include "proto/document.h"

#include <stdint.h>

typedef struct kt_cache kt_cache_t;

// *self_p stays NULL where the setting names no folder: no cache. The folder is made when the first entry is.
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_cache_new(kt_cache_t **self_p, const kt_settings_t *settings);
void                 kt_cache_destroy(kt_cache_t **self_p);

// What an entry stands for, beside the settings: rate, hop, n_fft, n_mfcc, n_chroma, longest duration, the analysis
// version, the build of this program and of the decoder, and the processor's instruction set are put in by the cache.
typedef struct kt_cache_key {
    kt_digest_t content;
    uint32_t    options;                    // kt_option_t bits
    uint32_t    pcm_rate_hz, pcm_channels;  // of raw samples; 0: a media file
    const char *device;                     // what computes rows; NULL or "": the processor alone
} kt_cache_key_t;

// The message of a job that has been answered before: message_id, media_id, file_path, processing_time and timestamp
// are this job's, all else is byte for byte what was kept. KT_ENOTFOUND: analyse it.
KT_MUST_USE kt_err_t kt_cache_find(const kt_cache_t *self, const kt_cache_key_t *key, const kt_job_t *job,
                                   const kt_stamp_t *stamp, kt_buf_t *out);
// Keeps the message of a success. A folder that cannot be written is no error of the file: it is logged, once.
void kt_cache_store(kt_cache_t *self, const kt_cache_key_t *key, const char *text, size_t length);
