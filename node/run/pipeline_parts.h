// What the files of node/run share: the pipeline's parts, the source of chunks, faults for tests. Private to node/run.
#pragma once

#include "models/catalogue/model_set.h"
#include "node/decode/client.h"
#include "node/fetch/http.h"
#include "node/fetch/path.h"
#include "node/memory/memory_budget.h"
#include "node/run/noop_message.h"
#include "node/run/pipeline.h"
#include "node/run/result_cache.h"

struct kt_pipeline {
    const kt_settings_t *settings;
    kt_fetch_t          *fetch;
    kt_fetch_http_t     *fetch_http;
    kt_decode_server_t  *decode;
    kt_plan_t           *plan;
    kt_admission_t      *admission;
    kt_cache_t          *cache;   // NULL: none
    kt_model_folder_t   *models;  // NULL: models_absent says why
    char                 models_absent[KT_CATALOGUE_WHY];
    kt_noop_message_t   *noop;        // NULL: files are analysed
    kt_gpus_t           *gpus;        // borrowed; NULL: none
    char                 device[96];  // what results depend on besides the processor: the GPUs; "": none
};

// Gives the chunks of a file or stream: from a decoder child, or raw little-endian float32. Cuts them where a snapshot
// is due.
typedef struct kt_source {
    kt_decode_t *decode;
    int          fd;
    bool         stream;  // requested as one
    bool         pictures_wanted;
    bool         seekable;
    uint64_t     at_bytes, size_bytes;
    bool         has_video;
    uint32_t     rate_hz, channels;  // 0: no sound
    float       *raw;
    kt_decoded_t decoded;           // the last that was read
    const float *pcm;               // of it, not given out
    size_t       left;              // frames of it
    uint64_t     frames, pictures;  // given out
    double       first_s;           // time of the first picture
    double       every_s;
    uint64_t     n_snapshots;
    bool         snapshot_due;  // at the end of the last chunk
    const char  *why;           // NULL: the decoder's
} kt_source_t;

// fd: of a file; stays the caller's. A stream (opts) has its own, and instead of the deadline a limit of idle time.
// KT_ENOMEM, KT_EIO and what kt_decode_open gives.
KT_MUST_USE kt_err_t kt_source_open(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts, int fd,
                                    uint64_t size_bytes, int64_t deadline_ms, const kt_decode_want_t *want);
void                 kt_source_close(kt_source_t *self);
// Once, before the first read. KT_ENOAUDIO: nothing here can be analysed.
KT_MUST_USE kt_err_t kt_source_media_info(kt_source_t *self, kt_media_info_t *out);
// *end: there is no further chunk. KT_ENOAUDIO at the end of a file without any content, and what kt_decode_read gives.
KT_MUST_USE kt_err_t kt_source_read(kt_source_t *self, kt_chunk_t *out, bool *end);
const char          *kt_source_why(const kt_source_t *self);

// Applies the faults of ANALYZER_TEST_FAULT to this path: aborts, never returns (neither a deadline nor a cancel ends
// it), or takes memory until there is none or twice max_bytes are taken (KT_ENOMEM, all given back).
KT_MUST_USE kt_err_t kt_test_fault_inject(const kt_test_faults_t *faults, const char *path, uint64_t max_bytes);
