#include "common/clock.h"
#include "node/run/pipeline_parts.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_FRAMES = 8192, IDLE_S = 24 * 3600 };

// The CPU limit is for small files that never end. A film needs .1 to .5 s per MB.
static kt_decode_limits_t
decode_limits(const kt_settings_t *settings, int64_t deadline_ms, uint64_t size_bytes)
{
    int64_t        left_s = (deadline_ms - kt_clock_ms()) / 1000 + 1;
    const uint64_t cpu_s  = (uint64_t)settings->decoder_cpu_s + size_bytes / 1000000;
    return (kt_decode_limits_t){
        .memory_bytes   = (uint64_t)settings->decoder_memory_mb << 20,
        .cpu_s          = cpu_s < INT32_MAX ? (uint32_t)cpu_s : INT32_MAX,
        .stall_ms       = (uint32_t)settings->decoder_stall_ms,
        .wall_s         = (uint32_t)(left_s < 1           ? 1
                                     : left_s > INT32_MAX ? INT32_MAX
                                                          : left_s),
        .max_duration_s = (double)settings->max_duration_s,
        .search_bytes   = (uint64_t)settings->decoder_search_kb << 10,
    };
}

kt_err_t
kt_source_open(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts, int fd, uint64_t size_bytes,
               int64_t deadline_ms, const kt_decode_want_t *want)
{
    const kt_settings_t *settings = pipeline->settings;
    kt_decode_limits_t   limits   = decode_limits(settings, deadline_ms, size_bytes);
    *self                         = (kt_source_t){.fd              = opts->stream ? opts->stream_fd : fd,
                                                  .stream          = opts->stream,
                                                  .seekable        = true,
                                                  .size_bytes      = size_bytes,
                                                  .every_s         = opts->every_s,
                                                  .pictures_wanted = want->pictures != 0};
    if (opts->stream) {  // its limit is idle time: a day, and as long as its longest content may last
        int64_t     idle_ms = 1000 * ((int64_t)settings->max_duration_s + IDLE_S);
        struct stat st;
        if (fstat(self->fd, &st))
            return KT_EIO;
        self->seekable   = S_ISREG(st.st_mode);
        self->size_bytes = self->seekable ? (uint64_t)st.st_size : 0;
        limits           = decode_limits(settings, kt_clock_ms() + idle_ms, 0);
        limits.cpu_s     = limits.wall_s;
        limits.stall_ms  = idle_ms < UINT32_MAX ? (uint32_t)idle_ms : UINT32_MAX;
    }
    if (!opts->pcm)
        return kt_decode_open(pipeline->decode, self->fd, &limits, want, &self->decode);

    if (strcmp(opts->pcm, "f32") != 0 || opts->pcm_rate_hz == 0 || opts->pcm_channels == 0)
        return KT_EINVAL;
    self->rate_hz  = opts->pcm_rate_hz;
    self->channels = opts->pcm_channels;
    self->raw      = calloc((size_t)RAW_FRAMES * opts->pcm_channels, sizeof *self->raw);
    return self->raw ? KT_OK : KT_ENOMEM;
}

void
kt_source_close(kt_source_t *self)
{
    kt_decode_close(&self->decode);
    free(self->raw);
    self->raw = NULL;
}

kt_err_t
kt_source_media_info(kt_source_t *self, kt_media_info_t *out)
{
    if (self->decode) {
        kt_err_t err = kt_decode_media_info(self->decode, out);
        if (err)
            return err;
    } else {
        *out = (kt_media_info_t){
            .duration_s         = (double)(self->size_bytes / sizeof(float) / self->channels) / self->rate_hz,
            .streams            = 1,
            .has_audio          = true,
            .rate_hz            = self->rate_hz,
            .channels           = self->channels,
            .bits_per_sample    = 32,
            .audio_bit_rate_bps = (uint64_t)self->rate_hz * self->channels * 32,
        };
        snprintf(out->container, sizeof out->container, "raw");
        snprintf(out->audio_codec, sizeof out->audio_codec, "pcm_f32le");
    }
    self->has_video = out->has_video;
    self->rate_hz   = out->has_audio ? out->rate_hz : 0;
    self->channels  = out->has_audio ? out->channels : 0;
    return out->has_audio || (out->has_video && (!self->stream || self->pictures_wanted)) ? KT_OK : KT_ENOAUDIO;
}

// Whole frames only: an incomplete one at the end of the file is dropped.
static kt_err_t
read_raw(kt_source_t *self)
{
    size_t frame = self->channels * sizeof(float), want = RAW_FRAMES * frame, got = 0;
    while (got < want) {
        char   *into = (char *)self->raw + got;
        ssize_t n    = self->seekable ? pread(self->fd, into, want - got, (off_t)(self->at_bytes + got))
                                      : read(self->fd, into, want - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return KT_EIO;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    for (size_t i = 0; i < got / sizeof(float); i++) {
        uint32_t bits;
        memcpy(&bits, &self->raw[i], sizeof bits);
        bits = le32toh(bits);
        memcpy(&self->raw[i], &bits, sizeof bits);
    }
    self->left = got / frame;
    self->pcm  = self->raw;
    self->at_bytes += self->left * frame;
    return KT_OK;
}

static kt_err_t
read_next(kt_source_t *self)
{
    if (!self->decode)
        return read_raw(self);
    kt_err_t err = kt_decode_read(self->decode, &self->decoded);
    self->pcm    = self->decoded.pcm;
    self->left   = !err && self->decoded.kind == KT_DECODED_SOUND ? self->decoded.frames : 0;
    return err;
}

static void
give_sound(kt_source_t *self, kt_chunk_t *out)
{
    double   next_due  = self->every_s * (double)(self->n_snapshots + 1) * self->rate_hz;
    uint64_t until_due = self->every_s > 0 && next_due < 9e15 ? (uint64_t)next_due - self->frames : UINT64_MAX;
    size_t   frames    = self->left < until_due ? self->left : (size_t)until_due;
    self->snapshot_due = frames == until_due;
    self->n_snapshots += self->snapshot_due;
    self->frames += frames;
    *out = (kt_chunk_t){.track = KT_TRACK_AUDIO,
                        .end_s = (double)self->frames / self->rate_hz,
                        .audio = {.pcm = self->pcm, .frames = frames}};
    self->pcm += frames * self->channels;
    self->left -= frames;
}

kt_err_t
kt_source_read(kt_source_t *self, kt_chunk_t *out, bool *end)
{
    kt_err_t err = self->left > 0 ? KT_OK : read_next(self);
    *end         = false;
    if (err)
        return err;
    if (self->left > 0) {
        give_sound(self, out);
        return KT_OK;
    }
    self->snapshot_due = false;
    if (self->decode && self->decoded.kind == KT_DECODED_PICTURE) {
        const kt_video_frame_t *picture = &self->decoded.picture;
        self->first_s                   = self->pictures++ > 0 ? self->first_s : picture->time_s;
        *out = (kt_chunk_t){.track = KT_TRACK_VIDEO, .end_s = picture->time_s - self->first_s, .picture = picture};
        return KT_OK;
    }
    *end = true;
    if (self->frames > 0 || self->pictures > 0 || self->has_video)
        return KT_OK;
    self->why = "the sound has no samples";
    return KT_ENOAUDIO;
}

const char *
kt_source_why(const kt_source_t *self)
{
    return self->why ? self->why : self->decode ? kt_decode_why(self->decode) : "";
}
