#include "common/paths.h"
#include "common/text.h"
#include "kernels/audio/resample.h"
#include "lib/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Reads a file's samples from the chunks that the pipeline decodes for its tracks, of which none is wanted.
typedef struct reader {
    double       end_s;  // INFINITY: the whole file
    uint32_t     rate_hz;
    float       *mono;  // at the file's rate, from its start
    size_t       n, capacity;
    _Atomic bool stop;  // enough, or no memory
    kt_err_t     err;
} reader_t;

enum { MAX_RATE_HZ = 768000, BLOCK = 4096, RESAMPLED_SPARE = 4096 };
#define SAMPLE_LIMIT 1e12f  // as in node/audio/track.c: what is beyond, or not a number, counts as 0
#define MARGIN_S 1.0        // read beyond the end, so that the resampler's edge lies outside

static bool
reader_reserve(reader_t *self, size_t more)
{
    if (more <= self->capacity - self->n)
        return true;
    size_t capacity = self->n + more + self->capacity / 2;
    float *grown    = capacity > SIZE_MAX / sizeof *grown ? NULL : realloc(self->mono, capacity * sizeof *grown);
    if (!grown)
        return false;
    self->mono     = grown;
    self->capacity = capacity;
    return true;
}

// A kt_tap_fn.
static void
take_chunk(void *context, const kt_media_info_t *media_info, const kt_chunk_t *chunk)
{
    reader_t    *self     = context;
    const float *pcm      = chunk->audio.pcm;
    uint32_t     channels = media_info->channels;
    size_t       left     = chunk->audio.frames;
    float        finite[BLOCK];
    if (chunk->track != KT_TRACK_AUDIO || self->stop || channels == 0 || channels > BLOCK)
        return;
    self->rate_hz = media_info->rate_hz;
    if (!reader_reserve(self, left)) {
        self->err  = KT_ENOMEM;
        self->stop = true;
        return;
    }
    for (size_t some; left > 0; left -= some, pcm += some * channels) {
        some = BLOCK / channels < left ? BLOCK / channels : left;
        for (size_t i = 0; i < some * channels; i++)
            finite[i] = fabsf(pcm[i]) <= SAMPLE_LIMIT ? pcm[i] : 0.0f;
        kt_to_mono(finite, some, channels, self->mono + self->n);
        self->n += some;
    }
    if (chunk->end_s >= self->end_s + MARGIN_S)
        self->stop = true;
}

int
kithara_resample(const float *samples, size_t n, uint32_t from_hz, uint32_t to_hz, float **out, size_t *n_out)
{
    kt_resample_t *resample = NULL;
    size_t         done = 0, got = 1;
    if (from_hz < 1 || from_hz > MAX_RATE_HZ || to_hz < 1 || to_hz > MAX_RATE_HZ || n > SIZE_MAX / MAX_RATE_HZ / 8)
        return kt_lib_fail(KT_EINVAL, "rates of 1 to %d Hz", MAX_RATE_HZ);
    size_t   capacity = n * to_hz / from_hz + RESAMPLED_SPARE;
    float   *result   = malloc(capacity * sizeof *result);
    kt_err_t err      = result ? KT_OK : KT_ENOMEM;
    if (!err && from_hz == to_hz) {
        memcpy(result, samples, n * sizeof *result);
        done = n;
    } else if (!err && !(err = kt_resample_new(&resample, from_hz, to_hz))) {
        err = kt_resample_push(resample, samples, n, result, capacity, &done);
        while (!err && got > 0) {
            err = kt_resample_finish(resample, result + done, capacity - done, &got);
            done += err ? 0 : got;
        }
    }
    kt_resample_destroy(&resample);
    if (err) {
        free(result);
        return kt_lib_fail(err, NULL);
    }
    *out   = result;
    *n_out = done;
    return KITHARA_OK;
}

// The part from start_s on, at most duration_s long, moved to the front.
static size_t
cut(float *samples, size_t n, uint32_t rate_hz, double start_s, double duration_s)
{
    double start = floor(start_s * rate_hz), length = duration_s > 0 ? floor(duration_s * rate_hz) : INFINITY;
    size_t skip = start < (double)n ? (size_t)start : n, left = n - skip;
    size_t some = length < (double)left ? (size_t)length : left;
    memmove(samples, samples + skip, some * sizeof *samples);
    return some;
}

int
kithara_read_mono(kithara_t *self, const char *path, uint32_t rate_hz, double start_s, double duration_s,
                  float **samples, size_t *n)
{
    kt_report_t  report;
    kt_worker_t *worker = NULL;
    kt_job_t     job    = {.message_id = "-", .priority = KT_PRIORITY_NORMAL};
    if (rate_hz < 1 || rate_hz > MAX_RATE_HZ || !isfinite(start_s) || start_s < 0 || !isfinite(duration_s))
        return kt_lib_fail(KT_EINVAL, "a rate of 1 to %d Hz, a start of 0 or more seconds", MAX_RATE_HZ);
    if (!kt_path_show(path, job.file_path, sizeof job.file_path))
        return kt_lib_fail(KT_ENOFILE, "the path is too long");
    reader_t reader = {.end_s = duration_s > 0 ? start_s + duration_s : INFINITY};
    kt_err_t err    = kt_lib_worker_take(self, &worker);
    if (err)
        return err;
    kt_worker_opts_t opts = {.cancelled = &reader.stop, .tap = take_chunk, .context = &reader};
    kt_worker_run(worker, &job, &opts, &report);
    kt_lib_worker_give(self, worker);
    err = reader.err ? reader.err : reader.stop ? KT_OK : report.err;
    if (err)
        (void)kt_lib_fail(err, "%s", report.detail);
    kt_buf_fini(&report.document);
    float *out   = NULL;
    size_t n_out = 0;
    if (!err && reader.n > 0)
        err = kithara_resample(reader.mono, reader.n, reader.rate_hz, rate_hz, &out, &n_out);
    else if (!err)
        out = malloc(sizeof *out);
    free(reader.mono);
    if (err)
        return err;
    if (!out)
        return kt_lib_fail(KT_ENOMEM, NULL);
    *n       = cut(out, n_out, rate_hz, start_s, duration_s);
    *samples = out;
    return KITHARA_OK;
}
