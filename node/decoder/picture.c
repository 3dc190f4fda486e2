#include "node/decoder/picture.h"

#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <string.h>

// A picture as up to three components. Of YUV the second and third have fewer samples by these shifts.
typedef struct components {
    kt_plane_t plane[3];
    uint32_t   count;  // 1: gray
    uint32_t   x_shift, y_shift;
    bool       rgb;
} components_t;

// 16 bits in an order that is not the machine's, bit fields, palettes: read sample by sample.
static bool
is_packed(const AVPixFmtDescriptor *d)
{
    const uint64_t odd = AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_PAL;
    bool           yes = (d->flags & odd) != 0;
    for (int i = 0; i < d->nb_components; i++) {
        const AVComponentDescriptor *c = &d->comp[i];
        yes |= c->depth < 8 || (c->depth == 8 ? c->shift != 0 || c->step > KT_REDUCE_STEPS
                                              : c->step % 2 != 0 || c->step > 2 * KT_REDUCE_STEPS);
    }
    return yes;
}

bool
kt_picture_format(int format)
{
    const AVPixFmtDescriptor *d    = av_pix_fmt_desc_get(format);
    const uint64_t            none = AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;
    return d && !(d->flags & none) && d->nb_components >= 1 && d->log2_chroma_w <= 2 && d->log2_chroma_h <= 2 &&
           d->comp[0].depth <= 16 && format != AV_PIX_FMT_XYZ12LE && format != AV_PIX_FMT_XYZ12BE;
}

void
kt_picture_init(kt_picture_t *self, uint32_t width, uint32_t height)
{
    self->width  = width;
    self->height = height;
}

static uint32_t
shift_up(uint32_t value, uint32_t shift)
{
    return (value + (1u << shift) - 1) >> shift;
}

// One row of one component, as bytes.
static void
unpack_row(const AVFrame *frame, const AVPixFmtDescriptor *d, uint32_t i, int y, uint32_t width, uint8_t *out)
{
    uint16_t row[KT_VIDEO_SIDE_MAX];
    if (d->flags & AV_PIX_FMT_FLAG_PAL) {  // B, G, R, alpha of each colour
        const uint8_t *index = frame->data[0] + (ptrdiff_t)y * frame->linesize[0], *colours = frame->data[1] + 2 - i;
        for (uint32_t x = 0; x < width; x++)
            out[x] = colours[4 * (size_t)index[x]];
        return;
    }
    const uint32_t most = (1u << d->comp[i].depth) - 1, white = frame->format == AV_PIX_FMT_MONOWHITE ? 255 : 0;
    av_read_image_line2(row, (const uint8_t **)frame->data, frame->linesize, d, 0, y, (int)i, (int)width, 0,
                        sizeof *row);
    for (uint32_t x = 0; x < width; x++)
        out[x] = (uint8_t)(((row[x] * 255u + most / 2) / most) ^ white);
}

// Each component as a plane of bytes of its own.
static kt_err_t
unpack(kt_picture_t *self, const AVFrame *frame, const AVPixFmtDescriptor *d, components_t *c)
{
    const size_t bytes = (size_t)frame->width * (size_t)frame->height;
    if (self->unpacked_bytes < bytes * c->count) {
        av_freep(&self->unpacked);
        self->unpacked       = av_malloc(bytes * c->count);
        self->unpacked_bytes = self->unpacked ? bytes * c->count : 0;
        if (!self->unpacked)
            return KT_EDECMEM;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        kt_plane_t *p   = &c->plane[i];
        uint8_t    *out = self->unpacked + bytes * i;
        for (uint32_t y = 0; y < p->height; y++)
            unpack_row(frame, d, i, (int)y, p->width, out + (size_t)y * p->width);
        p->data   = out;
        p->stride = p->width;
        p->step   = 1;
        p->bytes  = 1;
        p->depth  = 8;
    }
    return KT_OK;
}

static kt_err_t
find_components(kt_picture_t *self, const AVFrame *frame, components_t *c)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(frame->format);
    if (!kt_picture_format(frame->format) || frame->width < 1 || frame->height < 1 ||
        frame->width > KT_VIDEO_SIDE_MAX || frame->height > KT_VIDEO_SIDE_MAX)
        return KT_ECODEC;
    const bool palette = (d->flags & AV_PIX_FMT_FLAG_PAL) != 0;
    *c                 = (components_t){.count   = palette || d->nb_components >= 3 ? 3 : 1,
                                        .x_shift = d->log2_chroma_w,
                                        .y_shift = d->log2_chroma_h,
                                        .rgb     = palette || (d->flags & AV_PIX_FMT_FLAG_RGB) != 0};
    for (uint32_t i = 0; i < c->count; i++) {
        const bool chroma  = i > 0 && !c->rgb;
        c->plane[i].width  = shift_up((uint32_t)frame->width, chroma ? c->x_shift : 0);
        c->plane[i].height = shift_up((uint32_t)frame->height, chroma ? c->y_shift : 0);
    }
    if (is_packed(d))
        return unpack(self, frame, d, c);
    for (uint32_t i = 0; i < c->count; i++) {
        const AVComponentDescriptor *from  = &d->comp[i];
        const uint32_t               bytes = from->depth > 8 ? 2 : 1;
        c->plane[i].data                   = frame->data[from->plane] + from->offset;
        c->plane[i].stride                 = frame->linesize[from->plane];
        c->plane[i].bytes                  = bytes;
        c->plane[i].step                   = (uint32_t)from->step / bytes;
        c->plane[i].depth                  = (uint32_t)(from->depth + from->shift);
    }
    return KT_OK;
}

// Where the pixels of a row or column begin and end in a plane: `step` coded pixels each, of `base` in all, which the
// plane's picture has as `size`. At least one sample each.
static void
find_spans(uint32_t step, uint32_t base, uint32_t size, uint32_t shift, uint32_t samples, uint32_t first,
           uint32_t count, uint32_t *begin, uint32_t *end)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t low = (uint64_t)(first + i) * step, high = low + step < base ? low + step : base;
        uint32_t       from = (uint32_t)(low * size / base) >> shift;
        uint32_t       to   = shift_up((uint32_t)(high * size / base), shift);
        from                = from < samples ? from : samples - 1;
        to                  = to > from + 1 ? to : from + 1;
        begin[i]            = from;
        end[i]              = to < samples ? to : samples;
    }
}

// One row of the result from one plane. step: coded pixels per pixel of the result.
static void
make_row(kt_picture_t *self, const AVFrame *frame, const components_t *c, uint32_t i, uint32_t step, uint32_t y,
         uint8_t *out, uint32_t width)
{
    const kt_plane_t *plane   = &c->plane[i];
    const bool        chroma  = i > 0 && !c->rgb;
    const uint32_t    x_shift = chroma ? c->x_shift : 0, y_shift = chroma ? c->y_shift : 0;
    const bool        same = (uint32_t)frame->width == self->width && (uint32_t)frame->height == self->height;
    uint32_t          from, to;
    find_spans(step, self->height, (uint32_t)frame->height, y_shift, plane->height, y, 1, &from, &to);
    if (same && step % (1u << x_shift) == 0) {
        kt_reduce_row(&self->reduce, plane, step >> x_shift, from, to, out, width);
        return;
    }
    find_spans(step, self->width, (uint32_t)frame->width, x_shift, plane->width, 0, width, self->begin, self->end);
    kt_reduce_spans(&self->reduce, plane, self->begin, self->end, from, to, out, width);
}

// Two rows of luma and one of chroma.
static void
rgb_to_yuv(uint8_t rgb[3][2][KT_WHOLE_MOST], uint32_t width, uint32_t rows, uint8_t *y, uint8_t *u, uint8_t *v)
{
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t x = 0; x < width; x++)
            y[(size_t)r * width + x] =
                (uint8_t)((19595u * rgb[0][r][x] + 38470u * rgb[1][r][x] + 7471u * rgb[2][r][x] + 32768u) >> 16);
    for (uint32_t x = 0; x < width; x += 2) {
        const uint32_t columns = x + 1 < width ? 2 : 1, n = rows * columns;
        int32_t        mean[3];
        for (int i = 0; i < 3; i++) {
            uint32_t sum = 0;
            for (uint32_t r = 0; r < rows; r++)
                for (uint32_t k = 0; k < columns; k++)
                    sum += rgb[i][r][x + k];
            mean[i] = (int32_t)((sum + n / 2) / n);
        }
        u[x / 2] = (uint8_t)((-11059 * mean[0] - 21709 * mean[1] + 32768 * mean[2] + (128 << 16) + 32767) >> 16);
        v[x / 2] = (uint8_t)((32768 * mean[0] - 27439 * mean[1] - 5329 * mean[2] + (128 << 16) + 32767) >> 16);
    }
}

kt_err_t
kt_picture_planes(kt_picture_t *self, const AVFrame *frame, uint32_t factor, uint8_t *out)
{
    const uint32_t width = self->width / factor, height = self->height / factor;
    const uint32_t c_width = (width + 1) / 2, c_height = (height + 1) / 2;
    uint8_t       *y = out, *u = y + (size_t)width * height, *v = u + (size_t)c_width * c_height;
    components_t   c;
    kt_err_t       err = find_components(self, frame, &c);
    if (err)
        return err;
    if (c.rgb && c.count == 3) {
        for (uint32_t row = 0; row < height; row += 2) {
            const uint32_t rows = row + 1 < height ? 2 : 1;
            for (uint32_t i = 0; i < 3; i++)
                for (uint32_t r = 0; r < rows; r++)
                    make_row(self, frame, &c, i, factor, row + r, self->rgb[i][r], width);
            rgb_to_yuv(self->rgb, width, rows, y + (size_t)row * width, u + (size_t)row / 2 * c_width,
                       v + (size_t)row / 2 * c_width);
        }
        return KT_OK;
    }
    for (uint32_t row = 0; row < height; row++)
        make_row(self, frame, &c, 0, factor, row, y + (size_t)row * width, width);
    if (c.count == 1)
        memset(u, 128, (size_t)2 * c_width * c_height);
    for (uint32_t row = 0; c.count == 3 && row < c_height; row++) {
        make_row(self, frame, &c, 1, 2 * factor, row, u + (size_t)row * c_width, c_width);
        make_row(self, frame, &c, 2, 2 * factor, row, v + (size_t)row * c_width, c_width);
    }
    return KT_OK;
}
