#include "node/video/shots/bars.h"

// A line that begins a bar has at most the first share of its pixels above the limit: a logo in it. A bar ends where a
// line has more than the second: captions have less. Behind a bar is a line with at least the third.
#define BLACK_SHARE 0.1
#define TEXT_SHARE 0.33
#define SHARP_SHARE 0.5
// Of the picture on each side: 9:16 in 16:9 has .34.
#define MOST_SHARE 0.36
// Bars that come or change later have been there for so long.
static const double wait_s = 10;
// Lines of the reduced planes. Thinner bars are less than one line of what is compared; opposite ones differ by
// rounding and by how a film was framed. The picture between them has the third at least.
enum { LEAST = 5, UNEQUAL_MOST = 4, PART_LEAST = 32 };

static void
restart(kt_shot_bars_axis_t *axis, double time_s)
{
    axis->since_s  = time_s;
    axis->black[0] = axis->black[1] = UINT32_MAX;
    axis->sharp[0] = axis->sharp[1] = false;
}

void
kt_shot_bars_init(kt_shot_bars_t *self, const kt_block_ops_t *ops, bool full_range)
{
    *self = (kt_shot_bars_t){.ops = ops, .limit = kt_edge_limit(full_range)};
}

// Whether the first or second line behind so many black ones is bright: the first may be partly bar.
static bool
is_sharp(const kt_shot_bars_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t lines)
{
    return kt_edge_bright_share(self->ops, yuv, side, lines, self->limit) >= SHARP_SHARE ||
           kt_edge_bright_share(self->ops, yuv, side, lines + 1, self->limit) >= SHARP_SHARE;
}

static bool
differ(uint32_t a, uint32_t b)
{
    return (a > b ? a - b : b - a) > UNEQUAL_MOST;
}

// Whether there are bars in the time since `since_s`.
static bool
are_bars(const kt_shot_bars_axis_t *axis, uint32_t length)
{
    const uint32_t a = axis->black[0], b = axis->black[1], most = (uint32_t)(MOST_SHARE * length);
    return axis->sharp[0] && axis->sharp[1] && a >= LEAST && b >= LEAST && a <= most && b <= most && !differ(a, b) &&
           a + b + 4 + PART_LEAST <= length;
}

// Returns whether this picture has no bars: a line in the margins, or at the very edge, is bright.
static bool
axis_look(const kt_shot_bars_t *self, kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, kt_side_t first, uint32_t length)
{
    bool broken = false;
    for (int i = 0; i < 2; i++) {
        const kt_side_t side  = (kt_side_t)(first + (kt_side_t)i);
        const uint32_t  black = kt_edge_black_lines(self->ops, yuv, side, length, self->limit, BLACK_SHARE);
        if (black < axis->black[i]) {
            axis->black[i] = black;
            axis->sharp[i] = false;
        }
        // The half of a picture that is black has no line behind it that could be bright.
        if (!axis->sharp[i] && axis->black[i] >= LEAST && axis->black[i] < length / 2)
            axis->sharp[i] = is_sharp(self, yuv, side, axis->black[i]);
        // The last lines of the margin may be picture that was dark when it was found.
        const uint32_t sure = axis->margin[i] > LEAST ? axis->margin[i] - LEAST : 0;
        broken              = broken || (axis->margin[i] == 0 && black < LEAST) ||
                 (black < sure && kt_edge_black_lines(self->ops, yuv, side, sure, self->limit, TEXT_SHARE) < sure);
    }
    return broken;
}

static bool
axis_add(const kt_shot_bars_t *self, kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, double time_s, kt_side_t first)
{
    const uint32_t length = first == KT_TOP ? yuv->height : yuv->width, before[2] = {axis->margin[0], axis->margin[1]};
    const bool     broken = axis_look(self, axis, yuv, first, length), over = time_s - axis->since_s >= wait_s;
    if (broken)
        axis->margin[0] = axis->margin[1] = 0;
    else if ((over || (!axis->refuted && before[0] == 0)) && are_bars(axis, length) &&
             (differ(axis->black[0], before[0]) || differ(axis->black[1], before[1])))
        for (int i = 0; i < 2; i++)  // the line that may be partly bar is left out; even, for chroma
            axis->margin[i] = (axis->black[i] + 2) / 2 * 2;
    axis->refuted = axis->refuted || broken;
    if (broken || over)
        restart(axis, time_s);
    return axis->margin[0] != before[0] || axis->margin[1] != before[1];
}

bool
kt_shot_bars_add(kt_shot_bars_t *self, const kt_yuv_t *yuv, double time_s)
{
    for (int i = 0; i < 2 && !self->started; i++)
        restart(&self->axis[i], time_s);
    self->started   = true;
    const bool rows = axis_add(self, &self->axis[0], yuv, time_s, KT_TOP);
    return axis_add(self, &self->axis[1], yuv, time_s, KT_LEFT) || rows;
}

kt_yuv_t
kt_shot_bars_part(const kt_shot_bars_t *self, const kt_yuv_t *yuv, uint32_t *left, uint32_t *top)
{
    const uint32_t *rows = self->axis[0].margin, *columns = self->axis[1].margin;
    kt_yuv_t        part = *yuv;
    *top                 = rows[0];
    *left                = columns[0];
    part.height -= rows[0] + rows[1];
    part.width -= columns[0] + columns[1];
    part.y += *top * yuv->y_stride + *left;
    part.u += *top / 2 * yuv->c_stride + *left / 2;
    part.v += *top / 2 * yuv->c_stride + *left / 2;
    return part;
}
