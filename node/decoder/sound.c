#include "node/decoder/sound.h"

#include "node/decoder/avlog.h"
#include "node/decoder/bytes/mpeg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// No encoder makes samples this far above full scale (12 dB); a damaged frame does.
#define FAR_TOO_LOUD 4.0f
// Samples are joined across a gap over this time, so that the joint is no click.
#define JOINT_S .005
// A last packet that fails is cut, unless more than this is missing.
#define CUT_S .2

// Codecs that need more than a single frame, and those whose samples are as they were recorded.
static const struct {
    enum AVCodecID   codec;
    kt_gaps_policy_t policy;
} POLICIES[] = {
    {AV_CODEC_ID_MP3, {.before = 1, .after = 2, .reservoir = true, .lossy = true}},
    {AV_CODEC_ID_MP1, {.before = 1, .after = 1, .lossy = true}},
    {AV_CODEC_ID_MP2, {.before = 1, .after = 1, .lossy = true}},
    {AV_CODEC_ID_AAC, {.before = 1, .after = 2, .lossy = true}},
    {AV_CODEC_ID_VORBIS, {.before = 1, .after = 2, .lossy = true}},
    {AV_CODEC_ID_OPUS, {.before = 1, .after = 4, .lossy = true}},
    {AV_CODEC_ID_AC3, {.before = 1, .after = 1, .lossy = true}},
    {AV_CODEC_ID_EAC3, {.before = 1, .after = 1, .lossy = true}},
    {AV_CODEC_ID_WMAV1, {.before = 1, .after = 3, .lossy = true}},
    {AV_CODEC_ID_WMAV2, {.before = 1, .after = 3, .lossy = true}},
    {AV_CODEC_ID_WMAPRO, {.before = 1, .after = 3, .lossy = true}},
    {AV_CODEC_ID_ALAC, {.before = 1}},
};

static bool
is_mpeg_audio(const kt_sound_t *self)
{
    const enum AVCodecID id = self->coder->codec->codec_id;
    return id == AV_CODEC_ID_MP3 || id == AV_CODEC_ID_MP2 || id == AV_CODEC_ID_MP1;
}

kt_err_t
kt_sound_init(kt_sound_t *self, const AVFrame *first)
{
    kt_gaps_policy_t policy = {0};
    kt_err_t         err    = kt_convert_init(&self->convert, first);
    double           most   = self->max_duration_s * self->convert.rate_hz;
    if (err == KT_ESTREAM)
        (void)snprintf(self->coder->why, KT_MEDIA_WHY, "the stream's rate or channel count");
    self->frames_max = most < 9e15 ? (uint64_t)(most > 0 ? most : 0) : UINT64_MAX / 2;
    for (size_t i = 0; i < sizeof POLICIES / sizeof *POLICIES; i++)
        if (POLICIES[i].codec == self->coder->codec->codec_id)
            policy = POLICIES[i].policy;
    policy.by_bytes = self->raw;
    policy.joined   = self->joined;
    kt_gaps_init(&self->gaps, &policy);
    self->packet_end_s = NAN;
    self->errors       = kt_avlog_decoder_errors();
    self->damaged      = self->coder->damaged;
    self->held         = self->held ? self->held : av_frame_alloc();
    return err || self->held ? err : KT_EDECMEM;
}

static double
frame_time_s(const kt_sound_t *self, const AVFrame *frame)
{
    return frame && frame->pts != AV_NOPTS_VALUE ? (double)frame->pts * av_q2d(self->coder->stream->time_base) : NAN;
}

static double
frame_duration_s(const AVFrame *frame)
{
    return frame->sample_rate > 0 && frame->nb_samples > 0 ? (double)frame->nb_samples / frame->sample_rate : 0;
}

// From the last sample to silence, and from silence into the samples behind a gap. *frames of pcm.
static size_t
join(kt_sound_t *self, float *pcm, size_t frames)
{
    float          tail[KT_CHANNELS_MAX];
    const uint32_t channels = self->convert.channels;
    const size_t   n        = (size_t)(JOINT_S * self->convert.rate_hz);
    for (size_t i = 0; i < n; i++) {
        const float part = (float)(.5 + .5 * cos(M_PI * (double)(i + 1) / (double)n));
        for (uint32_t c = 0; c < channels; c++)
            tail[c] = self->last[c] * part;
        kt_channel_pcm(self->channel, tail, 1, channels);
    }
    for (size_t i = 0; i < n && i < frames; i++)
        for (uint32_t c = 0; c < channels; c++)
            pcm[i * channels + c] *= (float)(.5 - .5 * cos(M_PI * (double)(i + 1) / (double)n));
    return n;
}

// Samples before time zero are an encoder's priming, which FFmpeg leaves in for some Vorbis files and libsndfile and
// libvorbis remove. Only at the beginning: later time stamps are not reliable enough. In MPEG streams they are those of
// a time stamp that wraps.
static size_t
priming(const kt_sound_t *self, const AVFrame *frame, double time_s)
{
    if (!(time_s < 0) || self->joined || self->frames > 0 || frame->sample_rate < 1)
        return 0;
    const int64_t first = av_rescale_q(frame->pts, self->coder->stream->time_base, (AVRational){1, frame->sample_rate});
    return first < 0 ? (size_t)-first : 0;
}

// NULL: what the converter still holds. lost_s: missing before it.
static kt_err_t
send_frame(kt_sound_t *self, const AVFrame *frame, double lost_s)
{
    float       *pcm;
    size_t       frames, joint = 0;
    double       time_s = frame_time_s(self, frame);
    const size_t skip   = frame ? priming(self, frame, time_s) : 0;
    if (skip > 0)
        time_s += (double)skip / frame->sample_rate;
    kt_err_t err = kt_convert_run(&self->convert, frame, skip, &pcm, &frames);
    if (err == KT_EDAMAGED) {
        kt_counts_damaged(self->counts, KT_COUNTS_SOUND);
        return KT_OK;
    }
    if (err)
        return err;
    const uint32_t rate_hz = self->convert.rate_hz, channels = self->convert.channels;
    if (lost_s > JOINT_S && frames > 0 && self->frames > 0) {
        kt_counts_gap(self->counts, (double)self->frames / rate_hz, lost_s - JOINT_S);
        joint = join(self, pcm, frames);
    }
    const uint64_t left = self->frames_max - self->frames, given = frames < left ? frames : left;
    kt_channel_pcm(self->channel, pcm, given, channels);
    if (given > 0)
        memcpy(self->last, pcm + (given - 1) * channels, channels * sizeof *pcm);
    self->frames += given + joint;
    if (given > 0)
        kt_counts_sound(self->counts, time_s, given + joint, rate_hz);
    return frames > left ? KT_ETOOLONG : KT_OK;
}

// Whether a sample of a frame of floats is beyond FAR_TOO_LOUD, or NaN; frames of other formats never are.
static bool
is_far_too_loud(const AVFrame *frame)
{
    const float limit    = FAR_TOO_LOUD;
    const int   channels = frame->ch_layout.nb_channels;
    const bool  planar   = frame->format == AV_SAMPLE_FMT_FLTP;
    int32_t     over     = 0, bound;
    if ((!planar && frame->format != AV_SAMPLE_FMT_FLT) || channels < 1)
        return false;
    memcpy(&bound, &limit, sizeof bound);
    for (int p = 0; p < (planar ? channels : 1); p++) {
        const int32_t *bits =
            (const int32_t *)(const void *)frame->extended_data[p];  // magnitudes in the order of floats
        const int n = frame->nb_samples * (planar ? 1 : channels);
        for (int i = 0; i < n; i++)
            over |= (bits[i] & INT32_MAX) > bound;
    }
    return over != 0;
}

static kt_err_t
release_held(kt_sound_t *self)
{
    if (!self->held || !self->held->buf[0])
        return KT_OK;
    const double lost_s =
        kt_gaps_pass(&self->gaps, frame_time_s(self, self->held), frame_duration_s(self->held), self->held_bytes);
    kt_err_t err = send_frame(self, self->held, lost_s);
    av_frame_unref(self->held);
    return err;
}

static void
damage(kt_sound_t *self, uint64_t bytes)
{
    if (self->held && self->held->buf[0]) {
        kt_gaps_drop(&self->gaps, frame_duration_s(self->held), self->held_bytes);
        av_frame_unref(self->held);
    }
    kt_gaps_damage(&self->gaps, bytes);
}

// The decoder has reported errors in a frame that it gives nonetheless.
static bool
is_damaged(kt_sound_t *self, const AVFrame *frame)
{
    const bool errors = kt_avlog_decoder_errors() > self->errors && is_mpeg_audio(self) && self->frames > 0;
    self->errors      = kt_avlog_decoder_errors();
    return errors || frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 ||
           (self->gaps.policy.lossy && is_far_too_loud(frame));
}

static kt_err_t
take_frame(kt_sound_t *self, AVFrame *frame)
{
    const uint64_t bytes      = self->packet_bytes;
    const double   duration_s = frame_duration_s(frame);
    self->packet_bytes        = 0;
    if (is_damaged(self, frame)) {
        kt_counts_damaged(self->counts, KT_COUNTS_SOUND);
        damage(self, bytes);
        kt_gaps_drop(&self->gaps, duration_s, 0);
        return KT_OK;
    }
    if (!kt_gaps_keep(&self->gaps, duration_s, bytes))
        return KT_OK;
    kt_err_t err = release_held(self);
    if (err)
        return err;
    if (self->gaps.policy.before == 0)
        return send_frame(self, frame, kt_gaps_pass(&self->gaps, frame_time_s(self, frame), duration_s, bytes));
    av_frame_move_ref(self->held, frame);
    self->held_bytes = bytes;
    return KT_OK;
}

kt_err_t
kt_sound_ready(kt_sound_t *self)
{
    bool     have = self->coder->ready;
    kt_err_t err  = KT_OK;
    while (have && !err) {
        err = take_frame(self, self->coder->frame);
        if (!err)
            err = kt_coder_receive(self->coder, &have);
    }
    self->coder->ready = false;
    return err;
}

void
kt_sound_skip(kt_sound_t *self, uint64_t bytes)
{
    if (self->held && self->frames > 0)
        damage(self, bytes);
}

void
kt_sound_trouble(kt_sound_t *self)
{
    self->trouble = true;
    if (self->held && self->frames > 0)
        damage(self, 0);
}

// Before a packet is decoded: whether something is missing before it, or in it.
static void
look_for_damage(kt_sound_t *self, const AVPacket *packet)
{
    const double tick_s = av_q2d(self->coder->stream->time_base), length_s = (double)packet->duration * tick_s;
    const double time_s = packet->pts != AV_NOPTS_VALUE ? (double)packet->pts * tick_s : self->packet_end_s;
    if (self->trouble && time_s - self->packet_end_s > fmax(length_s / 2, JOINT_S)) {
        damage(self, 0);
        self->trouble = false;
    }
    if (packet->flags & AV_PKT_FLAG_CORRUPT && self->frames > 0 && self->gaps.policy.before > 0)
        damage(self, 0);
    self->packet_end_s = time_s + length_s;
    self->packet_bytes = packet->size > 0 ? (uint64_t)packet->size : 0;
}

// FFmpeg decodes what is missing of a frame of MPEG audio as if it were there.
static bool
is_incomplete(const kt_sound_t *self, const AVPacket *packet)
{
    return is_mpeg_audio(self) && self->frames > 0 && packet->size >= KT_MPEG_HEADER &&
           (size_t)packet->size < kt_mpeg_frame_bytes(packet->data);
}

static kt_err_t
end_sound(kt_sound_t *self)
{
    kt_err_t err = release_held(self);
    if (!err)
        err = send_frame(self, NULL, 0);
    const double lost_s = kt_gaps_end(&self->gaps, self->packet_end_s);
    if (lost_s > (self->coder->last_failed ? CUT_S : 0))
        kt_counts_lost(self->counts, KT_COUNTS_SOUND, lost_s);
    return err;
}

kt_err_t
kt_sound_packet(kt_sound_t *self, const AVPacket *packet)
{
    if (packet)
        look_for_damage(self, packet);
    kt_err_t err = KT_OK;
    if (packet && is_incomplete(self, packet))
        kt_coder_refuse(self->coder);
    else
        err = kt_coder_first(self->coder, packet);
    if (!err && self->coder->damaged > self->damaged) {
        damage(self, self->packet_bytes);
        self->packet_bytes = 0;
    }
    self->damaged = self->coder->damaged;
    if (!err)
        err = kt_sound_ready(self);
    if (!err && self->coder->damaged > self->damaged)
        damage(self, self->packet_bytes);
    self->damaged = self->coder->damaged;
    self->errors  = kt_avlog_decoder_errors();
    return err || packet ? err : end_sound(self);
}
