#include "node/decoder/child.h"

#include "node/decoder/avlog.h"
#include "node/decoder/channel.h"
#include "node/decoder/convert.h"
#include "node/decoder/hooks.h"
#include "node/decoder/media_info.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct child {
    kt_channel_t    channel;
    kt_input_t      input;
    kt_sniffed_t    sniffed;
    kt_media_t      media;
    kt_convert_t    convert;
    kt_media_info_t media_info;
    uint64_t        frames, frames_max;
} child_t;

static void
fault_unless_ok(child_t *self, kt_err_t err, const char *why)
{
    if (err != KT_OK)
        kt_channel_fault(&self->channel, err, why);
}

// NULL: what the converter still holds.
static void
child_send_frame(child_t *self, const AVFrame *frame)
{
    const float *pcm;
    size_t       frames, skip = 0;
    // Samples before time zero are an encoder's priming, which FFmpeg leaves in for some Vorbis files and libsndfile
    // and libvorbis remove. Only at the beginning: later time stamps are not reliable enough.
    if (frame && !self->frames && frame->pts != AV_NOPTS_VALUE && frame->pts < 0 && frame->sample_rate >= 1) {
        int64_t first = av_rescale_q(frame->pts, self->media.audio->time_base, (AVRational){1, frame->sample_rate});
        skip          = first < 0 ? (size_t)-first : 0;
    }
    kt_err_t err = kt_convert_run(&self->convert, frame, skip, &pcm, &frames);
    if (err == KT_EDAMAGED) {
        self->media.damaged++;
        return;
    }
    fault_unless_ok(self, err, "converting samples");

    size_t left = (size_t)(self->frames_max - self->frames);
    kt_channel_pcm(&self->channel, pcm, frames < left ? frames : left, self->convert.channels);
    self->frames += frames < left ? frames : left;
    fault_unless_ok(self, frames > left ? KT_ETOOLONG : KT_OK, "more sound than is permitted");
}

static kt_err_t
nothing_decoded(child_t *self)
{
    const kt_media_t *m   = &self->media;
    char             *why = self->media.why;
    if (!m->packets) {
        (void)snprintf(why, sizeof m->why, "there is a header and no sound behind it");
        return KT_ETRUNCATED;
    }
    (void)snprintf(why, sizeof m->why, "none of %llu packets could be decoded: %s", (unsigned long long)m->packets,
                   kt_avlog_last());
    return m->unsupported ? KT_ECODEC : KT_EDAMAGED;
}

void
kt_child_run(const kt_sandbox_t *sandbox, const kt_test_faults_t *faults, const kt_decode_request_t *request,
             const int fds[KT_REQUEST_FDS])
{
    static child_t            self;  // 40 KB; a process runs one
    const kt_decode_limits_t *limits = &request->limits;
    AVFrame                  *frame  = NULL;
    const char               *why;
    if (kt_sandbox_descriptors(fds) != KT_OK)
        _exit(1);
    if (kt_channel_init(&self.channel, KT_CHILD_CONTROL_FD, KT_CHILD_RING_FD) != KT_OK)
        _exit(1);
    close(KT_CHILD_RING_FD);
    fault_unless_ok(&self, kt_input_init(&self.input, KT_CHILD_MEDIA_FD), "the file's size is unknown");
    fault_unless_ok(&self, kt_sandbox_enter(sandbox, limits), "the sandbox could not be set up");
    kt_hooks_fault(faults, &self.channel, self.input.size);

    // The media info is sent after the first frame, which the converter and some of the info need. A file whose audio
    // cannot be decoded has its info sent before the error.
    kt_err_t err = kt_sniff(&self.input, &self.sniffed, &why);
    fault_unless_ok(&self, err, why);
    fault_unless_ok(&self, kt_media_open(&self.media, &self.input, &self.sniffed), self.media.why);
    err = kt_media_open_codec(&self.media);
    if (err == KT_OK) {
        fault_unless_ok(&self, kt_media_next(&self.media, &frame), self.media.why);
        err = frame ? kt_convert_init(&self.convert, frame) : KT_OK;
    }
    kt_media_info_fill(&self.media_info, &self.media, &self.sniffed, frame, NULL);
    fault_unless_ok(&self, err == KT_ESTREAM ? err : KT_OK, "the stream's rate or channel count");
    if (!frame && err == KT_OK)
        err = nothing_decoded(&self);
    kt_channel_media_info(&self.channel, &self.media_info);
    fault_unless_ok(&self, err, self.media.why);

    double most     = limits->max_duration_s * self.convert.rate_hz;
    self.frames_max = most < 9e15 ? (uint64_t)(most > 0 ? most : 0) : UINT64_MAX / 2;
    while (frame) {
        child_send_frame(&self, frame);
        fault_unless_ok(&self, kt_media_next(&self.media, &frame), self.media.why);
    }
    child_send_frame(&self, NULL);
    fault_unless_ok(&self, self.frames ? KT_OK : nothing_decoded(&self), self.media.why);
    kt_channel_end(&self.channel, &(kt_media_counts_t){.audio = {.packets = self.media.packets,
                                                                 .damaged = self.media.damaged,
                                                                 .decoded = self.frames}});
}
