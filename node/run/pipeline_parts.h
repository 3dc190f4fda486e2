// What the files of the pipeline share: its parts, the source of samples, faults for tests. Private to node/pipeline*.c
// and node/worker*.c.
#pragma once

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
    kt_cache_t          *cache;       // NULL: none
    kt_noop_message_t   *noop;        // NULL: files are analysed
    kt_gpus_t           *gpus;        // borrowed; NULL: none
    char                 device[96];  // what results on the GPUs depend on beside the processor; "" without
};

// Where samples come from: a decoder child, or a file of raw little-endian float32.
typedef struct kt_source {
    kt_decode_t *decode;
    int          fd;  // raw only
    bool         stream;
    uint64_t     at_bytes, size_bytes;
    uint32_t     rate_hz, channels;
    float       *raw;
} kt_source_t;

// fd stays the caller's. KT_ENOMEM and what kt_decode_open gives.
KT_MUST_USE kt_err_t kt_source_open(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts, int fd,
                                    uint64_t size_bytes, int64_t deadline_ms);
// A pipe or socket instead: waits for its bytes, idle_ms at most.
KT_MUST_USE kt_err_t kt_source_open_stream(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts,
                                           int fd, int64_t idle_ms);
void                 kt_source_close(kt_source_t *self);
KT_MUST_USE kt_err_t kt_source_media_info(kt_source_t *self, kt_media_info_t *out);
KT_MUST_USE kt_err_t kt_source_read(kt_source_t *self, const float **pcm, size_t *frames);  // *frames 0: the end
const char          *kt_source_why(const kt_source_t *self);

// The technical group. duration_s: of the decoded sound; 0 where there is none.
void kt_technical_write(kt_document_t *document, const kt_media_info_t *media_info, double duration_s,
                        uint64_t size_bytes);

// Does to this path what ANALYZER_TEST_FAULT asks for: aborts, never returns (neither a deadline nor a cancel ends it),
// or takes memory until there is none or twice max_bytes are taken (KT_ENOMEM, all given back).
KT_MUST_USE kt_err_t kt_test_fault_inject(const kt_test_faults_t *faults, const char *path, uint64_t max_bytes);
