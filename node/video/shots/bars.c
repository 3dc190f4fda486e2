#include "node/video/shots/bars.h"

#include <stdlib.h>

// A line that begins a bar has at most the first share of its pixels outside the level: a logo in it. A bar ends where
// a line has more than the second: captions have less. Behind a bar is a line with at least the third.
#define PLAIN_SHARE 0.1
#define TEXT_SHARE 0.33
#define SHARP_SHARE 0.5
// Of the picture on each side: 9:16 in 16:9 has .34.
#define MOST_SHARE 0.36
// Bars that come or change later have been there for so long.
static const double wait_s = 10;
// Lines of the reduced planes. Thinner bars are less than one line of what is compared; opposite ones differ by
// rounding and by how a film was framed. The picture between them has the third at least.
enum { LEAST = 5, UNEQUAL_MOST = 4, PART_LEAST = 32 };
// Of luma from picture to picture: bars fade with the film. A cut from black to white is 219.
enum { FADE_MOST = 64 };

static void
restart(kt_shot_bars_axis_t *axis, double time_s)
{
    axis->since_s  = time_s;
    axis->plain[0] = axis->plain[1] = UINT32_MAX;
    axis->sharp[0] = axis->sharp[1] = false;
}

void
kt_shot_bars_init(kt_shot_bars_t *self, const kt_block_ops_t *ops, bool full_range)
{
    *self = (kt_shot_bars_t){.ops = ops, .black = kt_edge_black(full_range)};
}

// Whether the first or second line behind so many plain ones is none: the first may be partly bar.
static bool
is_sharp(const kt_shot_bars_t *self, const kt_yuv_t *yuv, kt_side_t side, uint32_t lines, kt_edge_band_t level)
{
    return kt_edge_outside(self->ops, yuv, side, lines, level) >= SHARP_SHARE ||
           kt_edge_outside(self->ops, yuv, side, lines + 1, level) >= SHARP_SHARE;
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
    const uint32_t a = axis->plain[0], b = axis->plain[1], most = (uint32_t)(MOST_SHARE * length);
    return axis->sharp[0] && axis->sharp[1] && a >= LEAST && b >= LEAST && a <= most && b <= most && !differ(a, b) &&
           a + b + 4 + PART_LEAST <= length;
}

// The level of the lines at both ends of the axis, if they have one.
static bool
find_level(const kt_shot_bars_t *self, const kt_yuv_t *yuv, kt_side_t first, kt_edge_band_t *out)
{
    const kt_side_t      last      = (kt_side_t)(first + 1);
    const kt_edge_band_t levels[2] = {self->black, kt_edge_level(yuv, first)};
    for (int i = 0; i < 2; i++)
        if (kt_edge_outside(self->ops, yuv, first, 0, levels[i]) <= PLAIN_SHARE &&
            kt_edge_outside(self->ops, yuv, last, 0, levels[i]) <= PLAIN_SHARE) {
            *out = levels[i];
            return true;
        }
    return false;
}

// Whether this picture is plain, of the axis' level, where bars are or, without any, at its very edge.
static bool
is_plain(const kt_shot_bars_t *self, const kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, kt_side_t first,
         uint32_t lines[2])
{
    const uint32_t length = first == KT_TOP ? yuv->height : yuv->width;
    bool           plain  = true;
    for (int i = 0; i < 2; i++) {
        const kt_side_t side = (kt_side_t)(first + (kt_side_t)i);
        // The last lines of the margin may be picture that was plain when it was found.
        const uint32_t sure = axis->margin[i] > LEAST ? axis->margin[i] - LEAST : 0;
        lines[i]            = kt_edge_lines(self->ops, yuv, side, length, axis->level, PLAIN_SHARE);
        plain               = plain && (axis->margin[i] > 0 || lines[i] >= LEAST) &&
                (lines[i] >= sure || kt_edge_lines(self->ops, yuv, side, sure, axis->level, TEXT_SHARE) >= sure);
    }
    return plain;
}

// The least of the plain lines of all pictures, and whether one of them ends there.
static void
take_lines(const kt_shot_bars_t *self, kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, kt_side_t first,
           const uint32_t lines[2])
{
    const uint32_t length = first == KT_TOP ? yuv->height : yuv->width;
    for (int i = 0; i < 2; i++) {
        if (lines[i] < axis->plain[i]) {
            axis->plain[i] = lines[i];
            axis->sharp[i] = false;
        }
        // The half of a picture that is plain has no line behind it that could be another.
        if (!axis->sharp[i] && axis->plain[i] >= LEAST && axis->plain[i] < length / 2)
            axis->sharp[i] = is_sharp(self, yuv, (kt_side_t)(first + (kt_side_t)i), axis->plain[i], axis->level);
    }
}

// Whether the picture has what may be bars, of the level of those before or of another.
static bool
axis_look(const kt_shot_bars_t *self, kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, kt_side_t first, double time_s)
{
    uint32_t             lines[2];
    bool                 plain  = is_plain(self, axis, yuv, first, lines);
    const kt_edge_band_t before = axis->level;
    if (!plain && find_level(self, yuv, first, &axis->level)) {
        restart(axis, time_s);
        // Bars that fade with the film go on; at once there is another picture.
        if (abs(axis->level.low - before.low) > FADE_MOST)
            axis->margin[0] = axis->margin[1] = 0;
        plain = is_plain(self, axis, yuv, first, lines);
    }
    if (plain)
        take_lines(self, axis, yuv, first, lines);
    return plain;
}

static bool
axis_add(const kt_shot_bars_t *self, kt_shot_bars_axis_t *axis, const kt_yuv_t *yuv, double time_s, kt_side_t first)
{
    const uint32_t length = first == KT_TOP ? yuv->height : yuv->width, before[2] = {axis->margin[0], axis->margin[1]};
    const bool     plain = axis_look(self, axis, yuv, first, time_s), over = time_s - axis->since_s >= wait_s;
    if (!plain)
        axis->margin[0] = axis->margin[1] = 0;
    else if ((over || (!axis->refuted && before[0] == 0)) && are_bars(axis, length) &&
             (differ(axis->plain[0], before[0]) || differ(axis->plain[1], before[1])))
        for (int i = 0; i < 2; i++)  // the line that may be partly bar is left out; even, for chroma
            axis->margin[i] = (axis->plain[i] + 2) / 2 * 2;
    axis->refuted = axis->refuted || !plain;
    if (!plain || over)
        restart(axis, time_s);
    return axis->margin[0] != before[0] || axis->margin[1] != before[1];
}

// What the bars look like.
static void
measure_border(kt_shot_bars_t *self, const kt_yuv_t *yuv, const uint8_t *rgb)
{
    const uint32_t *rows = self->axis[0].margin, *columns = self->axis[1].margin;
    const uint32_t  width = (yuv->width + 1) / 2, height = (yuv->height + 1) / 2, top = rows[0] / 2,
                   bottom = height - rows[1] / 2, left = columns[0] / 2, right = width - columns[1] / 2;
    uint32_t sum[3] = {0}, colour[KT_IMAGE_COLOURS] = {0}, n = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const uint8_t *pixel = rgb + 3 * ((size_t)y * width + x);
            if (y >= top && y < bottom && x >= left && x < right)
                continue;
            sum[0] += yuv->y[2 * y * yuv->y_stride + 2 * (size_t)x];
            sum[1] += yuv->u[y * yuv->c_stride + x];
            sum[2] += yuv->v[y * yuv->c_stride + x];
            colour[pixel[0] / 32 * 64 + pixel[1] / 32 * 8 + pixel[2] / 32]++;
            n++;
        }
    self->border.share = (double)n / (width * height);
    for (int i = 0; i < 3 && n; i++)
        self->border.level[i] = (uint8_t)((sum[i] + n / 2) / n);
    for (int c = 0; c < KT_IMAGE_COLOURS && n; c++)
        self->border.colour[c] = (uint16_t)(colour[c] * 65535 / n);
}

bool
kt_shot_bars_add(kt_shot_bars_t *self, const kt_yuv_t *yuv, const uint8_t *rgb, double time_s)
{
    for (int i = 0; i < 2 && !self->started; i++) {
        self->axis[i].level = self->black;
        restart(&self->axis[i], time_s);
    }
    self->started      = true;
    const bool rows    = axis_add(self, &self->axis[0], yuv, time_s, KT_TOP);
    const bool changed = axis_add(self, &self->axis[1], yuv, time_s, KT_LEFT) || rows;
    if (changed)
        measure_border(self, yuv, rgb);
    return changed;
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
