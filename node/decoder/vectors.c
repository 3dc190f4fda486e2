#include "node/decoder/vectors.h"

#include <libavutil/motion_vector.h>

static bool
exports(enum AVCodecID codec)
{
    static const enum AVCodecID all[] = {
        AV_CODEC_ID_H264,      AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG4,
        AV_CODEC_ID_H263,      AV_CODEC_ID_H263P,      AV_CODEC_ID_FLV1,       AV_CODEC_ID_MSMPEG4V1,
        AV_CODEC_ID_MSMPEG4V2, AV_CODEC_ID_MSMPEG4V3,  AV_CODEC_ID_WMV1,       AV_CODEC_ID_WMV2,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] == codec)
            return true;
    return false;
}

// A picture of MPEG-4 that no other refers to leaves the decoder in the call that decodes it, any other in a later call
// for one like it. So what is asked for at the begin of a picture holds for the one that leaves. To export the vectors
// of a picture in 720 x 528 takes a sixth of its decoding.
static int
get_buffer(AVCodecContext *codec, AVFrame *frame, int flags)
{
    if (flags & AV_GET_BUFFER_FLAG_REF)
        codec->export_side_data |= AV_CODEC_EXPORT_DATA_MVS;
    else
        codec->export_side_data &= ~AV_CODEC_EXPORT_DATA_MVS;
    return avcodec_default_get_buffer2(codec, frame, flags);
}

void
kt_vectors_ask(AVCodecContext *codec)
{
    codec->export_side_data |= AV_CODEC_EXPORT_DATA_MVS;
    if (codec->codec_id == AV_CODEC_ID_MPEG4)
        codec->get_buffer2 = get_buffer;
}

bool
kt_vectors_asked(const AVCodecContext *codec)
{
    return (codec->get_buffer2 == get_buffer || codec->export_side_data & AV_CODEC_EXPORT_DATA_MVS) &&
           exports(codec->codec_id);
}

bool
kt_vectors_left_out(const AVCodecContext *codec, const AVFrame *frame)
{
    return codec->get_buffer2 == get_buffer && frame->pict_type == AV_PICTURE_TYPE_B;
}

// Motion in units of 1 / scale pixels, as quarters. Scales are 2 and 4: a division would cost as much as all the rest.
static int16_t
quarters(int32_t motion, uint32_t scale)
{
    const int64_t value = scale == 4   ? motion
                          : scale == 2 ? 2 * (int64_t)motion
                                       : (int64_t)motion * 4 / (scale | !scale);
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

// Member by member: GCC 12 builds a struct to copy from bytes, and waits for them.
static void
copy_vector(const AVMotionVector *v, kt_motion_vector_t *out)
{
    out->x        = v->dst_x;
    out->y        = v->dst_y;
    out->dx       = quarters(v->motion_x, v->motion_scale);
    out->dy       = quarters(v->motion_y, v->motion_scale);
    out->width    = v->w;
    out->height   = v->h;
    out->backward = v->source > 0;
    out->zero     = 0;
}

uint32_t
kt_vectors_copy(const AVFrame *frame, kt_motion_vector_t *out)
{
    const AVFrameSideData *data = av_frame_get_side_data(frame, AV_FRAME_DATA_MOTION_VECTORS);
    const size_t           all  = data ? data->size / sizeof(AVMotionVector) : 0;
    const size_t           n    = all < KT_VECTORS_MAX ? all : KT_VECTORS_MAX;
    for (size_t i = 0; i < n; i++) {
        copy_vector((const AVMotionVector *)data->data + (n == all ? i : i * all / KT_VECTORS_MAX), &out[i]);
        if (out[i].backward) {
            out[0] = out[i];
            return 1;
        }
    }
    return (uint32_t)n;
}
