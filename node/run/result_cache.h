// kt_cache -- output messages kept in a folder (LIBROSA_CACHE_DIR): the same content with the same options gets the
// same features for the cost of a digest. Only successes are kept.
//
// An entry's name is the digest of everything that its bytes depend on (kt_cache_key): no entry can be stale, and paths
// do not count. 256 folders by the name's first byte, each with its share of ANALYZER_CACHE_SIZE: a store removes the
// least recently used entries of its folder, so the total is bounded without a scan of it. A store is a rename; an
// entry carries the digest of its text, and a damaged one counts as missing and is rewritten. Any number of threads,
// processes and machines may share a folder. Constant after new.
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

// What an entry depends on. The settings rate, hop, n_fft, n_mfcc, n_chroma, longest duration, the analysis
// version, the build of this program and of the decoder, and the processor's instruction set are added by the cache.
typedef struct kt_cache_key {
    kt_digest_t        content;
    uint32_t           options;                    // kt_option_t bits
    uint32_t           pcm_rate_hz, pcm_channels;  // of raw samples; 0: a media file
    const char        *device;                     // what computes rows; NULL or "": the processor alone
    const kt_digest_t *models;                     // of the deployed models; NULL: none are used
    double             sample_hz;                  // pictures of a film that are sampled
    uint32_t           sample_max;
} kt_cache_key_t;

// The message of earlier work for this job: message_id, media_id, file_path, processing_time and timestamp
// are this job's, all else is byte for byte the stored message. KT_ENOTFOUND: analyse it.
KT_MUST_USE kt_err_t kt_cache_find(const kt_cache_t *self, const kt_cache_key_t *key, const kt_job_t *job,
                                   const kt_stamp_t *stamp, kt_buf_t *out);
// Stores the message of a success. A folder that cannot be written is logged once; the file does not fail.
void kt_cache_store(kt_cache_t *self, const kt_cache_key_t *key, const char *text, size_t length);
