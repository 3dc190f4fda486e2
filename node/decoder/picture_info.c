#include "node/decoder/picture_info.h"

#include <libavutil/display.h>
#include <libavutil/dovi_meta.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static uint32_t
positive_size(int value)
{
    return value > 0 ? (uint32_t)value : 0;
}

static double
positive_ratio(AVRational q)
{
    return q.num > 0 && q.den > 0 ? av_q2d(q) : 0;
}

// "": not stated.
static void
set_name(char *out, size_t capacity, const char *name)
{
    bool stated = name && strcmp(name, "unknown") != 0 && strcmp(name, "reserved") != 0;
    (void)snprintf(out, capacity, "%s", stated ? name : "");
}

// Levels as their specifications write them: H.264 table A-1, H.265 A.4.1, AV1 A.3, VP9 annex A, MPEG-2 8.2.
static void
set_level(char *out, size_t capacity, enum AVCodecID codec, int level)
{
    static const char *const mpeg2[11] = {[4] = "high", [6] = "high 1440", [8] = "main", [10] = "low"};
    out[0]                             = '\0';
    if (level < 0)
        return;
    switch (codec) {
    case AV_CODEC_ID_H264:
        if (level == 9)
            (void)snprintf(out, capacity, "1b");
        else if (level > 0)
            (void)snprintf(out, capacity, "%d.%d", level / 10, level % 10);
        break;
    case AV_CODEC_ID_VP9:
        if (level > 0)
            (void)snprintf(out, capacity, "%d.%d", level / 10, level % 10);
        break;
    case AV_CODEC_ID_HEVC:
        if (level > 0)
            (void)snprintf(out, capacity, "%d.%d", level / 30, level % 30 / 3);
        break;
    case AV_CODEC_ID_AV1: (void)snprintf(out, capacity, "%d.%d", 2 + level / 4, level % 4); break;
    case AV_CODEC_ID_MPEG2VIDEO: set_name(out, capacity, level < 11 ? mpeg2[level] : NULL); break;
    default:
        if (level > 0)
            (void)snprintf(out, capacity, "%d", level);
    }
}

static const uint8_t *
side_data(const AVStream *s, enum AVPacketSideDataType kind, size_t bytes_needed)
{
    size_t         bytes = 0;
    const uint8_t *data  = av_stream_get_side_data(s, kind, &bytes);
    return bytes >= bytes_needed ? data : NULL;
}

static const uint8_t *
frame_data(const AVFrame *first, enum AVFrameSideDataType kind, size_t bytes_needed)
{
    const AVFrameSideData *data = first ? av_frame_get_side_data(first, kind) : NULL;
    return data && data->size >= bytes_needed ? data->data : NULL;
}

// The picture's shape as shown: its pixels' shape and its rotation.
static void
fill_shape(kt_media_info_t *out, AVFormatContext *format, AVStream *s, const AVFrame *first)
{
    enum { MATRIX_BYTES = 9 * sizeof(int32_t) };
    double pixel            = positive_ratio(av_guess_sample_aspect_ratio(format, s, (AVFrame *)(uintptr_t)first));
    out->pixel_aspect_ratio = pixel > 0 ? pixel : 1;
    out->rotation           = 0;
    out->mirrored           = false;
    out->aspect_ratio       = 0;
    if (!out->width || !out->height)
        return;
    out->aspect_ratio     = (double)out->width / out->height * out->pixel_aspect_ratio;
    const uint8_t *matrix = side_data(s, AV_PKT_DATA_DISPLAYMATRIX, MATRIX_BYTES);
    if (!matrix)
        matrix = frame_data(first, AV_FRAME_DATA_DISPLAYMATRIX, MATRIX_BYTES);
    if (!matrix)
        return;
    int32_t shown[9];
    memcpy(shown, matrix, sizeof shown);
    // A rotation, or a rotation and then a mirror image.
    const bool mirrored = (int64_t)shown[0] * shown[4] < (int64_t)shown[1] * shown[3];
    if (mirrored)
        av_display_matrix_flip(shown, 1, 0);
    const double turn = -av_display_rotation_get(shown);  // clockwise
    if (!isfinite(turn))
        return;
    out->mirrored = mirrored;
    out->rotation = (uint32_t)((lround(turn / 90) % 4 + 4) % 4 * 90);
    if (out->rotation % 180)
        out->aspect_ratio = 1 / out->aspect_ratio;
}

static void
fill_pixels(kt_media_info_t *out, const AVCodecParameters *par, const AVFrame *first)
{
    int                       format = first ? first->format : par->format;
    const AVPixFmtDescriptor *pixel  = av_pix_fmt_desc_get(format);
    enum AVColorRange         range  = first ? first->color_range : par->color_range;
    set_name(out->pixel_format, sizeof out->pixel_format, pixel ? pixel->name : NULL);
    out->bit_depth = pixel ? positive_size(pixel->comp[0].depth) : positive_size(par->bits_per_raw_sample);
    set_name(out->color_space, sizeof out->color_space,
             av_color_space_name(first ? first->colorspace : par->color_space));
    set_name(out->color_primaries, sizeof out->color_primaries,
             av_color_primaries_name(first ? first->color_primaries : par->color_primaries));
    set_name(out->color_transfer, sizeof out->color_transfer,
             av_color_transfer_name(first ? first->color_trc : par->color_trc));
    bool old_jpeg     = !strncmp(out->pixel_format, "yuvj", 4);
    out->range_stated = old_jpeg || range == AVCOL_RANGE_JPEG || range == AVCOL_RANGE_MPEG;
    out->full_range   = old_jpeg || range == AVCOL_RANGE_JPEG;
    if (pixel && pixel->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) {
        out->range_stated = out->full_range = true;  // of RGB there is no other
        set_name(out->color_space, sizeof out->color_space, av_color_space_name(AVCOL_SPC_RGB));
    }
}

static void
add_hdr(kt_media_info_t *out, const char *name)
{
    size_t n = strlen(out->hdr);
    (void)snprintf(out->hdr + n, sizeof out->hdr - n, "%s%s", n ? ", " : "", name);
}

// HDR10 is SMPTE ST 2084 with static metadata or none; what is stated beside it is added.
static void
fill_hdr(kt_media_info_t *out, const AVStream *s, const AVFrame *first)
{
    const AVDOVIDecoderConfigurationRecord *dovi =
        (const void *)side_data(s, AV_PKT_DATA_DOVI_CONF, sizeof(AVDOVIDecoderConfigurationRecord));
    const AVMasteringDisplayMetadata *display =
        (const void *)side_data(s, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, sizeof(AVMasteringDisplayMetadata));
    const AVContentLightMetadata *light =
        (const void *)side_data(s, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, sizeof(AVContentLightMetadata));
    if (!display)
        display = (const void *)frame_data(first, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, sizeof *display);
    if (!light)
        light = (const void *)frame_data(first, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, sizeof *light);
    if (display && display->has_luminance) {
        out->mastering_min_nits = positive_ratio(display->min_luminance);
        out->mastering_max_nits = positive_ratio(display->max_luminance);
    }
    if (light) {
        out->content_max_nits     = light->MaxCLL;
        out->content_average_nits = light->MaxFALL;
    }
    if (!strcmp(out->color_transfer, "smpte2084"))
        add_hdr(out, frame_data(first, AV_FRAME_DATA_DYNAMIC_HDR_PLUS, 1) ? "hdr10+" : "hdr10");
    if (!strcmp(out->color_transfer, "arib-std-b67"))
        add_hdr(out, "hlg");
    if (dovi) {
        add_hdr(out, "dolby vision");
        out->dolby_vision_profile = dovi->dv_profile;
        out->dolby_vision_level   = dovi->dv_level;
    }
}

static const char *
field_order_name(enum AVFieldOrder order)
{
    switch (order) {
    case AV_FIELD_PROGRESSIVE: return "progressive";
    case AV_FIELD_TT:
    case AV_FIELD_BT: return "top";  // shown first
    case AV_FIELD_BB:
    case AV_FIELD_TB: return "bottom";
    default: return "";
    }
}

void
kt_picture_info_fill(kt_media_info_t *out, AVFormatContext *format, AVStream *stream, const AVFrame *first)
{
    const AVCodecParameters *par = stream->codecpar;
    out->has_video               = true;
    out->from_picture            = first != NULL;
    out->width                   = positive_size(first ? first->width : par->width);
    out->height                  = positive_size(first ? first->height : par->height);
    out->frame_rate_hz           = positive_ratio(stream->avg_frame_rate);
    if (!out->frame_rate_hz)
        out->frame_rate_hz = positive_ratio(stream->r_frame_rate);
    out->video_bit_rate_bps = par->bit_rate > 0 ? (uint64_t)par->bit_rate : 0;
    set_name(out->video_codec, sizeof out->video_codec, avcodec_get_name(par->codec_id));
    set_name(out->profile, sizeof out->profile, avcodec_profile_name(par->codec_id, par->profile));
    set_level(out->level, sizeof out->level, par->codec_id, par->level);
    set_name(out->field_order, sizeof out->field_order, field_order_name(par->field_order));
    fill_pixels(out, par, first);
    fill_shape(out, format, stream, first);
    fill_hdr(out, stream, first);
}
