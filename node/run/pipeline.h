// kt_pipeline -- one file or stream, from path to document: open (beneath the media roots), digest, decode, analyse,
// validate. A node's worker, its isolated child and `kithara analyze` all call this. A pipeline is shared by many
// threads; a worker belongs to one.
#pragma once

#include "common/settings.h"
#include "kernels/gpu/gpus.h"
#include "models/catalogue/model_set.h"
#include "node/run/track.h"
#include "proto/document.h"
#include "proto/job.h"

#include <stdatomic.h>

typedef struct kt_pipeline kt_pipeline_t;
typedef struct kt_worker   kt_worker_t;

// Any media path may be opened when media_roots is NULL or empty and any_path is set (analyze); else only beneath a
// root (openat2: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS). Starts the decoder's fork server.
typedef struct kt_pipeline_opts {
    const kt_settings_t *settings;
    const char          *media_roots;  // ':'-separated
    bool                 any_path;
    kt_gpus_t           *gpus;         // borrowed; NULL: workers use the processor
    bool                 open_models;  // ANALYZER_MODEL_PATH, for files to which kt_worker_opts_t gives no models
    const char          *decoder;      // path of kithara-decode; NULL: node/decode/client.h finds it
} kt_pipeline_opts_t;
KT_MUST_USE kt_err_t kt_pipeline_new(kt_pipeline_t **self_p, const kt_pipeline_opts_t *opts);
void                 kt_pipeline_destroy(kt_pipeline_t **self_p);  // after its workers
// Resident memory admitted at this moment, and the most so far; bytes.
void kt_pipeline_memory(const kt_pipeline_t *self, uint64_t *now_bytes, uint64_t *peak_bytes);

KT_MUST_USE kt_err_t kt_worker_new(kt_worker_t **self_p, kt_pipeline_t *pipeline);
void                 kt_worker_destroy(kt_worker_t **self_p);

enum { KT_STAGES = 32, KT_DETAIL = 512 };

typedef struct kt_report {
    kt_err_t    err;
    char        detail[KT_DETAIL];  // what the error is about; the path is not repeated
    kt_digest_t content_digest;     // zero when the file was not read
    int64_t     processing_us;
    size_t      n_stages;
    struct {
        const char *name;  // "open", "digest", "decode", "audio_resample", "audio_spectral", ...
        int64_t     us;
    } stages[KT_STAGES];
    kt_buf_t document;  // the output message, of a failure too; kt_buf_fini it
} kt_report_t;

// The decoded content, chunk by chunk.
typedef void kt_tap_fn(void *context, const kt_media_info_t *media_info, const kt_chunk_t *chunk);
// One message, a line of JSON without newline, valid during the call. false: stop, nothing reads the output any more.
typedef bool kt_message_fn(void *context, const char *text, size_t length);

typedef struct kt_worker_opts {
    int64_t           deadline_ms;     // monotonic; 0: ANALYZER_FILE_DEADLINE from now
    _Atomic bool     *cancelled;       // may be set by another thread: ends with KT_ECANCELLED. NULL: never
    kt_model_set_t   *models;          // what this file is analysed with, borrowed; NULL: the pipeline's
    _Atomic uint64_t *progress;        // grows while the file advances. NULL: not counted
    kt_frames_fn     *frames;          // --frames
    bool              each_segment;    // frames, for each segment of a long file
    kt_tap_fn        *tap;             // NULL: none; before the chunk is analysed
    kt_shot_fn       *shot;            // NULL: none
    void             *context;         // of frames, tap, shot and snapshot
    bool              id_from_digest;  // analyze: message_id is made from the content's digest
    const char       *pcm;             // "f32": the file is raw samples of pcm_rate_hz, pcm_channels; NULL: media
    uint32_t          pcm_rate_hz, pcm_channels;
    // A stream that is still being written (a pipe, a socket) instead of the job's path, which is only its name: raw
    // samples, or media that can be decoded without seeking. No digest, cache, admission or deadline; at most
    // ANALYZER_MAX_DURATION of content. Its message is that of the file, without a size.
    bool           stream;
    int            stream_fd;  // blocking; stays the caller's
    double         every_s;    // seconds of content from snapshot to snapshot, exact to the sample; 0: none
    kt_message_fn *snapshot;   // gets each; needs a process with one thread (node/run/snapshot.h) and no GPU
} kt_worker_opts_t;

// Called once, by a thread that holds a lock: it may wake other threads, and neither waits nor calls the worker.
typedef void kt_worker_ready_fn(void *context);
// A file in two halves, so that no thread waits for a GPU in between. True: the file rests until ready(context) was
// called; it may be called before this returns. kt_worker_resume, by any thread, does the rest then. False: it is done,
// as after kt_worker_run. The worker has one file at a time; job is copied, *opts and *report stay in place until the
// end. No file rests that was given a `tap`, `frames`, or as a stream.
KT_MUST_USE bool kt_worker_begin(kt_worker_t *self, const kt_job_t *job, const kt_worker_opts_t *opts,
                                 kt_report_t *report, kt_worker_ready_fn *ready, void *context);
void             kt_worker_resume(kt_worker_t *self);
// Both halves, on this thread. Errors are in report->err. In every case report has a document, unless memory is out
// (KT_ENOMEM). KT_ENOTREGULAR: this format cannot be read from a pipe. KT_ECLOSED: snapshot returned false.
void kt_worker_run(kt_worker_t *self, const kt_job_t *job, const kt_worker_opts_t *opts, kt_report_t *report);
