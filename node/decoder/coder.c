#include "node/decoder/coder.h"

#include "node/decoder/avlog.h"
#include "node/decoder/picture.h"
#include "node/decoder/vectors.h"

#include <libavutil/avstring.h>
#include <stdio.h>
#include <string.h>

const char KT_AUDIO_CODECS[] =
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,aac,aac_latm,vorbis,opus,flac,alac,wavpack,ape,tta,ac3,eac3,wmav1,wmav2,"
    "wmapro,wmalossless,wmavoice,"
    "pcm_u8,pcm_s8,pcm_s8_planar,pcm_s16le,pcm_s16be,pcm_s16le_planar,pcm_s16be_planar,pcm_u16le,pcm_u16be,"
    "pcm_s24le,pcm_s24be,pcm_s24le_planar,pcm_u24le,pcm_u24be,pcm_s32le,pcm_s32be,pcm_s32le_planar,pcm_u32le,pcm_u32be,"
    "pcm_s64le,pcm_s64be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,"
    "adpcm_ms,adpcm_ima_wav,adpcm_ima_qt";

// Without the decoders that start threads or open devices of their own; libdav1d decodes in one thread if it is asked
// to.
const char KT_VIDEO_CODECS[] =
    "h264,hevc,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,h263,h263i,h263p,flv,msvideo1,indeo3,wmv1,wmv2,wmv3,vc1,mpeg1video,"
    "mpeg2video,vp8,vp9,"
    "libdav1d,theora,mjpeg,prores,dnxhd,ffv1,huffyuv,ffvhuff,utvideo,rawvideo,png,qtrle,svq1,svq3,cinepak,dvvideo";

enum { FAILURES_MAX = 64 };

// A decoder of this codec on the list; NULL: none.
static const AVCodec *
find_decoder(const AVCodecParameters *par)
{
    const char    *list = par->codec_type == AVMEDIA_TYPE_AUDIO ? KT_AUDIO_CODECS : KT_VIDEO_CODECS;
    const AVCodec *codec;
    void          *at = NULL;
    while ((codec = av_codec_iterate(&at)))
        if (codec->id == par->codec_id && av_codec_is_decoder(codec) && av_match_list(codec->name, list, ',') > 0)
            return codec;
    return NULL;
}

bool
kt_coder_size(int width, int height)
{
    return width <= KT_VIDEO_SIDE_MAX && height <= KT_VIDEO_SIDE_MAX && (int64_t)width * height <= KT_PIXELS_MAX;
}

static kt_err_t
check_size(kt_coder_t *self)
{
    const AVCodecParameters *par = self->stream->codecpar;
    if (kt_coder_size(par->width, par->height))
        return KT_OK;
    (void)snprintf(self->why, sizeof self->why, "pictures of %d x %d pixels are refused", par->width, par->height);
    return KT_ECODEC;
}

static void
set_up_pictures(AVCodecContext *codec, const kt_decode_want_t *want)
{
    codec->max_pixels = KT_PIXELS_MAX;
    codec->flags |= AV_CODEC_FLAG_UNALIGNED;  // else a crop at the left is rounded to what suits SIMD
    if (want->vectors && want->mode == KT_PICTURES_FULL)
        kt_vectors_ask(codec);
    if (want->mode == KT_PICTURES_KEYFRAMES)
        codec->skip_frame = AVDISCARD_NONKEY;
}

// Of each frame or block. That of MPEG audio is optional and often wrong.
static bool
has_checksum(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_FLAC || codec == AV_CODEC_ID_WAVPACK || codec == AV_CODEC_ID_TTA;
}

kt_err_t
kt_coder_open(kt_coder_t *self, AVStream *stream, const kt_decode_want_t *want)
{
    self->stream = stream;
    if (!stream)
        return KT_ENOAUDIO;
    const bool     pictures = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    const AVCodec *codec    = find_decoder(stream->codecpar);
    if (!codec) {
        (void)snprintf(self->why, sizeof self->why, "no decoder for the codec %s",
                       avcodec_get_name(stream->codecpar->codec_id));
        return KT_ECODEC;
    }
    kt_err_t err = pictures ? check_size(self) : KT_OK;
    if (err)
        return err;
    kt_av_begin();
    self->frame          = av_frame_alloc();
    AVCodecContext *to   = avcodec_alloc_context3(codec);
    int             code = self->frame && to ? avcodec_parameters_to_context(to, stream->codecpar) : AVERROR(ENOMEM);
    if (code >= 0) {
        to->thread_count = 1;
        to->pkt_timebase = stream->time_base;
        if (has_checksum(to->codec_id))
            to->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
        if (pictures)
            set_up_pictures(to, want);
        code = avcodec_open2(to, codec, NULL);
    }
    if (code >= 0) {
        self->codec = to;
        return KT_OK;
    }
    avcodec_free_context(&to);
    return kt_av_fail(code, KT_EDAMAGED, pictures ? "opening the video decoder" : "opening the audio decoder",
                      self->why, sizeof self->why);
}

// Counts a packet without a result. KT_EDECMEM if that is the reason.
static kt_err_t
note_failure(kt_coder_t *self, int code)
{
    if (kt_av_is_memory(code))
        return kt_av_fail(code, KT_EDECMEM, "decoding", self->why, sizeof self->why);
    self->damaged++;
    self->last_failed = true;
    self->unsupported += code == AVERROR_PATCHWELCOME;
    (void)snprintf(self->failure, sizeof self->failure, "%s", kt_avlog_last());
    return KT_OK;
}

static kt_err_t
coder_send(kt_coder_t *self, const AVPacket *packet)
{
    kt_av_begin();
    self->before_failed = packet ? self->last_failed : self->before_failed;
    self->last_failed   = self->last_failed && !packet;
    if (packet)
        kt_slots_packet(&self->slots, packet->dts);
    else
        kt_slots_end(&self->slots);
    const int code = avcodec_send_packet(self->codec, packet);
    return code < 0 && packet ? note_failure(self, code) : KT_OK;
}

kt_err_t
kt_coder_receive(kt_coder_t *self, bool *have)
{
    kt_err_t err = KT_OK;
    // A decoder that fails reports it once per packet; the bound is for one that would not stop.
    for (int failures = 0; failures < FAILURES_MAX && !err; failures++) {
        kt_av_begin();
        const int code = avcodec_receive_frame(self->codec, self->frame);
        *have          = code >= 0;
        if (code >= 0 || code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return KT_OK;
        err = note_failure(self, code);
    }
    return err;
}

kt_err_t
kt_coder_first(kt_coder_t *self, const AVPacket *packet)
{
    kt_err_t err = coder_send(self, packet);
    return err ? err : kt_coder_receive(self, &self->ready);
}

void
kt_coder_refuse(kt_coder_t *self)
{
    self->before_failed = self->last_failed;
    self->last_failed   = true;
    self->damaged++;
    (void)snprintf(self->failure, sizeof self->failure, "an incomplete frame");
}

void
kt_coder_restart(kt_coder_t *self)
{
    avcodec_flush_buffers(self->codec);
    kt_slots_begin(&self->slots);
}

int64_t
kt_coder_slot(kt_coder_t *self)
{
    const int held = self->codec->has_b_frames;
    return kt_slots_picture(&self->slots, held > 0 ? (uint32_t)held : 0);
}

uint64_t
kt_coder_damage(kt_coder_t *self)
{
    const uint64_t more = self->damaged - self->noted;
    self->noted         = self->damaged;
    return more;
}

// Noise looks like a missing feature now and then.
bool
kt_coder_unsupported(const kt_coder_t *self)
{
    return 2 * self->unsupported > self->damaged;
}

kt_err_t
kt_coder_nothing(kt_coder_t *self)
{
    if (!self->packets) {
        (void)snprintf(self->why, sizeof self->why, "there is a header and nothing behind it");
        return KT_ETRUNCATED;
    }
    (void)snprintf(self->why, sizeof self->why, "none of %llu packets could be decoded: %.80s",
                   (unsigned long long)self->packets, *self->failure ? self->failure : "no reason is given");
    return kt_coder_unsupported(self) ? KT_ECODEC : KT_EDAMAGED;
}

void
kt_coder_close(kt_coder_t *self)
{
    avcodec_free_context(&self->codec);
    self->ready = false;
}
