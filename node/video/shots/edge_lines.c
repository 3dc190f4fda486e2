#include "node/video/shots/edge_lines.h"

#define BLACK_LEVEL 0.07
enum { GROUP = 16 };  // columns

uint8_t
kt_edge_limit(bool full_range)
{
    return (uint8_t)(full_range ? 255 * BLACK_LEVEL : 16 + 219 * BLACK_LEVEL);
}

// Pixels above the limit of the line at a distance from a side.
static size_t
count_above(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance, uint8_t limit)
{
    size_t n = 0;
    if (side == KT_TOP || side == KT_BOTTOM) {
        const uint32_t row = side == KT_TOP ? distance : yuv->height - 1 - distance;
        return ops->above(yuv->y + row * yuv->y_stride, yuv->width, limit);
    }
    const uint32_t x = side == KT_LEFT ? distance : yuv->width - 1 - distance;
    for (uint32_t y = 0; y < yuv->height; y++)
        n += yuv->y[y * yuv->y_stride + x] > limit;
    return n;
}

// How many of the GROUP columns from x on, or before it, are black before the first that is not. Columns side by side
// are counted together, by rows.
static uint32_t
black_columns(const kt_yuv_t *yuv, kt_side_t side, uint32_t x, uint8_t limit, size_t bright_most)
{
    const uint8_t *at           = yuv->y + (side == KT_LEFT ? x : x - GROUP);
    uint16_t       above[GROUP] = {0};
    for (uint32_t y = 0; y < yuv->height; y++, at += yuv->y_stride)
        for (uint32_t i = 0; i < GROUP; i++)
            above[i] = (uint16_t)(above[i] + (at[i] > limit));
    uint32_t n = 0;
    while (n < GROUP && above[side == KT_LEFT ? n : GROUP - 1 - n] <= bright_most)
        n++;
    return n;
}

uint32_t
kt_edge_black_lines(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t most, uint8_t limit,
                    double share)
{
    const bool     rows        = side == KT_TOP || side == KT_BOTTOM;
    const uint32_t half        = (rows ? yuv->height : yuv->width) / 2;
    const size_t   bright_most = (size_t)(share * (rows ? yuv->width : yuv->height));
    uint32_t       n = 0, more = GROUP;
    most = half < most ? half : most;
    if (most == 0 || count_above(ops, yuv, side, 0, limit) > bright_most)
        return 0;
    // Most columns are bright, or all of a group are black.
    for (; !rows && more == GROUP && n + GROUP <= most; n += more)
        more = black_columns(yuv, side, side == KT_LEFT ? n : yuv->width - n, limit, bright_most);
    while (more == GROUP && n < most && count_above(ops, yuv, side, n, limit) <= bright_most)
        n++;
    return n;
}

double
kt_edge_bright_share(const kt_block_ops_t *ops, const kt_yuv_t *yuv, kt_side_t side, uint32_t distance, uint8_t limit)
{
    const uint32_t length = side == KT_TOP || side == KT_BOTTOM ? yuv->width : yuv->height;
    return (double)count_above(ops, yuv, side, distance, limit) / length;
}
