#include "common/clock.h"
#include "node/run/pipeline_parts.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_FRAMES = 8192 };

static kt_decode_limits_t
limits_of(const kt_settings_t *settings, int64_t deadline_ms)
{
    int64_t left_s = (deadline_ms - kt_clock_ms()) / 1000 + 1;
    return (kt_decode_limits_t){
        .memory_bytes   = (uint64_t)settings->decoder_memory_mb << 20,
        .cpu_s          = (uint32_t)settings->decoder_cpu_s,
        .stall_ms       = (uint32_t)settings->decoder_stall_ms,
        .wall_s         = (uint32_t)(left_s < 1           ? 1
                                     : left_s > INT32_MAX ? INT32_MAX
                                                          : left_s),
        .max_duration_s = (double)settings->max_duration_s,
    };
}

static kt_err_t
open_raw(kt_source_t *self, const kt_worker_opts_t *opts)
{
    if (strcmp(opts->pcm, "f32") != 0 || opts->pcm_rate_hz == 0 || opts->pcm_channels == 0)
        return KT_EINVAL;
    self->rate_hz  = opts->pcm_rate_hz;
    self->channels = opts->pcm_channels;
    self->raw      = calloc((size_t)RAW_FRAMES * opts->pcm_channels, sizeof *self->raw);
    return self->raw ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_source_open(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts, int fd, uint64_t size_bytes,
               int64_t deadline_ms)
{
    *self                     = (kt_source_t){.fd = fd, .size_bytes = size_bytes};
    kt_decode_limits_t limits = limits_of(pipeline->settings, deadline_ms);
    return opts->pcm ? open_raw(self, opts) : kt_decode_open(pipeline->decode, fd, &limits, &self->decode);
}

kt_err_t
kt_source_open_stream(kt_source_t *self, kt_pipeline_t *pipeline, const kt_worker_opts_t *opts, int fd, int64_t idle_ms)
{
    struct stat st;
    *self = (kt_source_t){.fd = fd};
    if (fstat(fd, &st))
        return KT_EIO;
    self->stream              = !S_ISREG(st.st_mode);
    self->size_bytes          = self->stream ? 0 : (uint64_t)st.st_size;
    kt_decode_limits_t limits = limits_of(pipeline->settings, kt_clock_ms() + idle_ms);
    limits.stall_ms           = idle_ms < UINT32_MAX ? (uint32_t)idle_ms : UINT32_MAX;
    return opts->pcm ? open_raw(self, opts) : kt_decode_open(pipeline->decode, fd, &limits, &self->decode);
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
        if (!err && out->has_audio) {
            self->rate_hz  = out->rate_hz;
            self->channels = out->channels;
        }
        return err;
    }
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
    return KT_OK;
}

// Whole frames only; what is left of one at the end of the file is no sample of all channels.
static kt_err_t
read_raw(kt_source_t *self, const float **pcm, size_t *frames)
{
    size_t frame = self->channels * sizeof(float), want = RAW_FRAMES * frame, got = 0;
    while (got < want) {
        char   *into = (char *)self->raw + got;
        ssize_t n    = self->stream ? read(self->fd, into, want - got)
                                    : pread(self->fd, into, want - got, (off_t)(self->at_bytes + got));
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
    *frames = got / frame;
    *pcm    = self->raw;
    self->at_bytes += *frames * frame;
    return KT_OK;
}

kt_err_t
kt_source_read(kt_source_t *self, const float **pcm, size_t *frames)
{
    return self->decode ? kt_decode_read(self->decode, pcm, frames) : read_raw(self, pcm, frames);
}

const char *
kt_source_why(const kt_source_t *self)
{
    return self->decode ? kt_decode_why(self->decode) : "";
}
