#include "node/video/shots/edge_lines.h"

#define BLACK_LEVEL 0.07
enum {
    GROUP  = 16,  // columns
    SPREAD = 4,   // steps of Y that a plain line differs from its mean: coding
};

kt_edge_band_t
kt_edge_black(bool full_range)
{
    return (kt_edge_band_t){0, (uint8_t)(full_range ? 255 * BLACK_LEVEL : 16 + 219 * BLACK_LEVEL)};
}

// A line of the picture: its first pixel, the distance between two and their number.
typedef struct line {
    const uint8_t *at;
    size_t         step;
    uint32_t       n;
} line_t;

static line_t
line_of(const kt_yuv_t *yuv, kt_side_t side, uint32_t distance)
{
    if (side == KT_TOP || side == KT_BOTTOM)
        return (line_t){yuv->y + (side == KT_TOP ? distance : yuv->height - 1 - distance) * yuv->y_stride, 1,
                        yuv->width};
    return (line_t){yuv->y + (side == KT_LEFT ? distance : yuv->width - 1 - distance), yuv->y_stride, yuv->height};
}

kt_edge_band_t
kt_edge_level(const kt_yuv_t *yuv, kt_side_t side)
{
    const line_t line = line_of(yuv, side, 0);
    uint32_t     sum  = line.n / 2;
    for (uint32_t i = 0; i < line.n; i++)
        sum += line.at[i * line.step];
    const uint32_t level = line.n ? sum / line.n : 0;
    return (kt_edge_band_t){(uint8_t)(level > SPREAD ? level - SPREAD : 0),
                            (uint8_t)(level < 255 - SPREAD ? level + SPREAD : 255)};
}

// Pixels outside the band of the line at a distance from a side.
static size_t
count_outside(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance, kt_edge_band_t band)
{
    const line_t line = line_of(yuv, side, distance);
    size_t       n    = 0;
    if (line.step == 1)
        return ops->above(line.at, line.n, band.high) +
               (band.low ? line.n - ops->above(line.at, line.n, (uint8_t)(band.low - 1)) : 0);
    for (uint32_t i = 0; i < line.n; i++)
        n += (uint8_t)(line.at[i * line.step] - band.low) > band.high - band.low;
    return n;
}

// How many of the GROUP columns from x on, or before it, are plain before the first that is not. Columns side by side
// are counted together, by rows.
static uint32_t
plain_columns(const kt_yuv_t *yuv, kt_side_t side, uint32_t x, kt_edge_band_t band, size_t outside_most)
{
    const uint8_t *at             = yuv->y + (side == KT_LEFT ? x : x - GROUP);
    const uint8_t  width          = (uint8_t)(band.high - band.low);
    uint16_t       outside[GROUP] = {0};
    for (uint32_t y = 0; y < yuv->height; y++, at += yuv->y_stride)
        for (uint32_t i = 0; i < GROUP; i++)
            outside[i] = (uint16_t)(outside[i] + ((uint8_t)(at[i] - band.low) > width));
    uint32_t n = 0;
    while (n < GROUP && outside[side == KT_LEFT ? n : GROUP - 1 - n] <= outside_most)
        n++;
    return n;
}

uint32_t
kt_edge_lines(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t most, kt_edge_band_t band,
              double share)
{
    const bool     rows         = side == KT_TOP || side == KT_BOTTOM;
    const uint32_t half         = (rows ? yuv->height : yuv->width) / 2;
    const size_t   outside_most = (size_t)(share * (rows ? yuv->width : yuv->height));
    uint32_t       n = 0, more = GROUP;
    most = half < most ? half : most;
    if (most == 0 || count_outside(ops, yuv, side, 0, band) > outside_most)
        return 0;
    // Most columns are bright, or all of a group are plain.
    for (; !rows && more == GROUP && n + GROUP <= most; n += more)
        more = plain_columns(yuv, side, side == KT_LEFT ? n : yuv->width - n, band, outside_most);
    while (more == GROUP && n < most && count_outside(ops, yuv, side, n, band) <= outside_most)
        n++;
    return n;
}

double
kt_edge_outside(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance, kt_edge_band_t band)
{
    const uint32_t length = side == KT_TOP || side == KT_BOTTOM ? yuv->width : yuv->height;
    return (double)count_outside(ops, yuv, side, distance, band) / length;
}
