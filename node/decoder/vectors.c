#include "node/decoder/vectors.h"

#include <libavutil/motion_vector.h>

bool
kt_vectors_codec(enum AVCodecID codec)
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

// Motion in units of 1 / scale pixels, as quarters. Scales are 2 and 4: a division would cost as much as all the rest.
static int16_t
quarters(int32_t motion, uint32_t scale)
{
    const int64_t value = scale == 4   ? motion
                          : scale == 2 ? 2 * (int64_t)motion
                                       : (int64_t)motion * 4 / (scale | !scale);
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

static kt_motion_vector_t
vector_of(const AVMotionVector *v)
{
    return (kt_motion_vector_t){.x        = v->dst_x,
                                .y        = v->dst_y,
                                .dx       = quarters(v->motion_x, v->motion_scale),
                                .dy       = quarters(v->motion_y, v->motion_scale),
                                .width    = v->w,
                                .height   = v->h,
                                .backward = v->source > 0};
}

uint32_t
kt_vectors_copy(const AVFrame *frame, kt_motion_vector_t *out)
{
    const AVFrameSideData *data = av_frame_get_side_data(frame, AV_FRAME_DATA_MOTION_VECTORS);
    const size_t           all  = data ? data->size / sizeof(AVMotionVector) : 0;
    const size_t           n    = all < KT_VECTORS_MAX ? all : KT_VECTORS_MAX;
    for (size_t i = 0; i < n; i++) {
        out[i] = vector_of((const AVMotionVector *)data->data + (n == all ? i : i * all / KT_VECTORS_MAX));
        if (out[i].backward) {
            out[0] = out[i];
            return 1;
        }
    }
    return (uint32_t)n;
}
