// kt_live -- one stream from a descriptor that is still being written (a pipe, a socket, raw samples or any format that
// can be decoded without seeking): a message every so many seconds of its sound, and the message of the whole at its
// end, whose features are those of the file. One thread, and the process's only one: see kt_analysis_snapshot.
#pragma once

#include "node/run/pipeline.h"

// One message, a line of JSON without newline; valid during the call. false: nobody listens, end it.
typedef bool kt_live_fn(void *context, const char *text, size_t length);

typedef struct kt_live_opts {
    const kt_job_t *job;    // message_id, file_path as the messages shall have them; options
    int             fd;     // blocking; stays the caller's
    double          every;  // seconds of sound from snapshot to snapshot, exact to the sample; 0: none
    const char     *pcm;    // "f32": raw samples of pcm_rate_hz, pcm_channels; NULL: media
    uint32_t        pcm_rate_hz, pcm_channels;
    kt_live_fn     *message;
    void           *context;
} kt_live_opts_t;

// Until the stream ends, at most ANALYZER_MAX_DURATION of sound. detail: what an error is about. What the pipeline's
// files give (KT_ENOTREGULAR: this format cannot be read from a pipe), KT_ECLOSED when message says so.
KT_MUST_USE kt_err_t kt_live_run(kt_pipeline_t *pipeline, const kt_live_opts_t *opts, char detail[KT_DETAIL]);
