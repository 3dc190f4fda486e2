#include "node/video/rgb.h"

#include <math.h>
#include <string.h>

void
kt_rgb_init(kt_rgb_t *self, const char *color_space, uint32_t height, bool full_range)
{
    static const struct {
        const char *name;
        double      kr, kb;
    } MATRICES[] = {{"bt709", 0.2126, 0.0722},   {"bt470bg", 0.299, 0.114}, {"smpte170m", 0.299, 0.114},
                    {"smpte240m", 0.212, 0.087}, {"fcc", 0.30, 0.11},       {"bt2020nc", 0.2627, 0.0593},
                    {"bt2020c", 0.2627, 0.0593}, {"gbr", 0.299, 0.114}};  // as node/decode/video_frame.h says
    size_t at    = height >= 720 ? 0 : 1;
    for (size_t i = 0; i < sizeof MATRICES / sizeof *MATRICES; i++)
        if (!strcmp(MATRICES[i].name, color_space))
            at = i;
    const double kr = MATRICES[at].kr, kb = MATRICES[at].kb, kg = 1 - kr - kb;
    const double one = 1 << KT_RGB_FRACTION, chroma = full_range ? one : one * 255 / 224;
    *self = (kt_rgb_t){.y        = (int32_t)lround(full_range ? one : one * 255 / 219),
                       .y_offset = full_range ? 0 : 16,
                       .rv       = (int32_t)lround(2 * (1 - kr) * chroma),
                       .gu       = (int32_t)lround(-2 * (1 - kb) * kb / kg * chroma),
                       .gv       = (int32_t)lround(-2 * (1 - kr) * kr / kg * chroma),
                       .bu       = (int32_t)lround(2 * (1 - kb) * chroma)};
}

void
kt_rgb_half(const kt_rgb_t *self, const kt_rgb_ops_t *ops, const kt_yuv_t *yuv, uint8_t *rgb)
{
    const size_t width = (yuv->width + 1) / 2, height = (yuv->height + 1) / 2;
    for (size_t row = 0; row < height; row++) {
        const uint8_t *y0 = yuv->y + 2 * row * yuv->y_stride;
        const uint8_t *y1 = 2 * row + 1 < yuv->height ? y0 + yuv->y_stride : y0;
        ops->half_row(self, y0, y1, yuv->u + row * yuv->c_stride, yuv->v + row * yuv->c_stride, yuv->width,
                      rgb + 3 * width * row);
    }
}
