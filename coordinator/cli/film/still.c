#include "coordinator/cli/film/still.h"

#include <cairo.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

kt_still_shape_t
kt_still_shape(const kt_media_info_t *media_info)
{
    kt_still_shape_t self = {.rotation     = media_info->rotation,
                             .mirrored     = media_info->mirrored,
                             .pixel_aspect = media_info->pixel_aspect_ratio};
    if (!(self.pixel_aspect >= 0.1 && self.pixel_aspect <= 10))
        self.pixel_aspect = 1;
    kt_rgb_init(&self.matrix, media_info->color_space, media_info->height, media_info->full_range);
    return self;
}

// Rounded means of factor x factor blocks, those at the right and lower edge of what there is.
static void
reduce_plane(const uint8_t *from, size_t stride, uint32_t width, uint32_t height, uint32_t factor, uint8_t *to)
{
    for (uint32_t y = 0; y < height; y += factor)
        for (uint32_t x = 0; x < width; x += factor) {
            const uint32_t right = x + factor < width ? x + factor : width;
            const uint32_t below = y + factor < height ? y + factor : height;
            const uint32_t n     = (right - x) * (below - y);
            uint32_t       sum   = n / 2;
            for (uint32_t r = y; r < below; r++)
                for (uint32_t c = x; c < right; c++)
                    sum += from[r * stride + c];
            *to++ = (uint8_t)(n > 0 ? sum / n : 0);
        }
}

static uint32_t
divide_up(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

kt_err_t
kt_planes_copy(kt_planes_t *self, const kt_yuv_t *yuv, uint32_t side)
{
    const uint32_t longer = yuv->width > yuv->height ? yuv->width : yuv->height,
                   factor = longer > side ? divide_up(longer, side) : 1;
    const uint32_t width = divide_up(yuv->width, factor), height = divide_up(yuv->height, factor);
    // ceil(ceil(w / 2) / f) = ceil(ceil(w / f) / 2): chroma has the size that belongs to the reduced Y.
    const uint32_t half = (width + 1) / 2, rows = (height + 1) / 2;
    uint8_t       *bytes = malloc(kt_yuv_bytes(width, height));
    *self                = (kt_planes_t){0};
    if (!bytes)
        return KT_ENOMEM;
    uint8_t *u = bytes + (size_t)width * height, *v = u + (size_t)half * rows;
    reduce_plane(yuv->y, yuv->y_stride, yuv->width, yuv->height, factor, bytes);
    reduce_plane(yuv->u, yuv->c_stride, (yuv->width + 1) / 2, (yuv->height + 1) / 2, factor, u);
    reduce_plane(yuv->v, yuv->c_stride, (yuv->width + 1) / 2, (yuv->height + 1) / 2, factor, v);
    *self = (kt_planes_t){
        .yuv   = {.width = width, .height = height, .y = bytes, .u = u, .v = v, .y_stride = width, .c_stride = half},
        .bytes = bytes};
    return KT_OK;
}

void
kt_planes_fini(kt_planes_t *self)
{
    free(self->bytes);
    *self = (kt_planes_t){0};
}

static kt_err_t
error_of_cairo(cairo_status_t status)
{
    if (status == CAIRO_STATUS_SUCCESS)
        return KT_OK;
    if (status == CAIRO_STATUS_NO_MEMORY)
        return KT_ENOMEM;
    return errno == ENOSPC ? KT_EDISK : KT_EIO;
}

static cairo_surface_t *
surface_of(const kt_still_t *picture)
{
    return cairo_image_surface_create_for_data((unsigned char *)picture->pixels, CAIRO_FORMAT_RGB24,
                                               (int)picture->width, (int)picture->height, (int)picture->width * 4);
}

static kt_err_t
still_init(kt_still_t *self, uint32_t width, uint32_t height)
{
    *self = (kt_still_t){width, height, calloc((size_t)width * height, sizeof *self->pixels)};
    return self->pixels ? KT_OK : KT_ENOMEM;
}

// As coded.
static kt_err_t
still_convert(kt_still_t *self, const kt_rgb_t *matrix, const kt_yuv_t *yuv)
{
    if (still_init(self, yuv->width, yuv->height))
        return KT_ENOMEM;
    for (uint32_t y = 0; y < yuv->height; y++)
        for (uint32_t x = 0; x < yuv->width; x++) {
            const size_t at = y / 2 * yuv->c_stride + x / 2;
            uint8_t      rgb[3];
            kt_rgb_pixel(matrix, yuv->y[y * yuv->y_stride + x], yuv->u[at], yuv->v[at], rgb);
            self->pixels[(size_t)y * yuv->width + x] =
                0xff000000U | (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
        }
    return KT_OK;
}

// Turns and stretches.
static kt_err_t
still_draw(const kt_still_t *coded, const kt_still_shape_t *shape, kt_still_t *out)
{
    cairo_surface_t *from = surface_of(coded), *to = surface_of(out);
    cairo_t         *cr      = cairo_create(to);
    const bool       upright = shape->rotation % 180 == 0;
    cairo_translate(cr, out->width / 2.0, out->height / 2.0);
    cairo_scale(cr, shape->mirrored ? -1 : 1, 1);
    cairo_rotate(cr, shape->rotation / 180.0 * M_PI);
    cairo_scale(cr, (upright ? out->width : out->height) / (double)coded->width,
                (upright ? out->height : out->width) / (double)coded->height);
    cairo_set_source_surface(cr, from, -(double)coded->width / 2, -(double)coded->height / 2);
    cairo_pattern_set_filter(cairo_get_source(cr), CAIRO_FILTER_GOOD);
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_paint(cr);
    cairo_surface_flush(to);
    kt_err_t err = error_of_cairo(cairo_status(cr));
    cairo_destroy(cr);
    cairo_surface_destroy(from);
    cairo_surface_destroy(to);
    return err;
}

kt_err_t
kt_still_make(kt_still_t *self, const kt_still_shape_t *shape, const kt_yuv_t *yuv, uint32_t most_width,
              uint32_t most_height)
{
    const bool   upright = shape->rotation % 180 == 0;
    const double wide = yuv->width * shape->pixel_aspect, high = yuv->height;
    const double width = upright ? wide : high, height = upright ? high : wide;
    const double scale = fmin(1, fmin(most_width / width, most_height / height));
    kt_still_t   coded = {0};
    *self              = (kt_still_t){0};
    kt_err_t err       = still_convert(&coded, &shape->matrix, yuv);
    if (!err)
        err = still_init(self, (uint32_t)fmax(1, round(scale * width)), (uint32_t)fmax(1, round(scale * height)));
    if (!err)
        err = still_draw(&coded, shape, self);
    kt_still_fini(&coded);
    if (err)
        kt_still_fini(self);
    return err;
}

void
kt_still_fini(kt_still_t *self)
{
    free(self->pixels);
    *self = (kt_still_t){0};
}

kt_err_t
kt_still_write(const kt_still_t *self, const char *path)
{
    cairo_surface_t *surface = surface_of(self);
    errno                    = 0;
    kt_err_t err             = error_of_cairo(cairo_surface_write_to_png(surface, path));
    cairo_surface_destroy(surface);
    return err;
}
