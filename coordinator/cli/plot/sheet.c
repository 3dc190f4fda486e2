#include "coordinator/cli/plot/sheet.h"

#include "coordinator/cli/plot/page.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIDE_BY_SIDE = 2, COLUMNS_MOST = 6, GAP = 12 };
static const double REDUCED = 1.0 / 3;

struct kt_sheet {
    double           scale;
    size_t           n;
    cairo_surface_t *pages[KT_SHEET_MOST];  // drawings, or pictures of reduced pages
    double           height[KT_SHEET_MOST];
};

bool
kt_sheet_kind_of(const char *name, kt_sheet_kind_t *out)
{
    static const char *const EXTENSIONS[] = {".png", ".svg", ".pdf"};
    const char              *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    for (size_t i = 0; dot && i < sizeof EXTENSIONS / sizeof *EXTENSIONS; i++)
        if (strcasecmp(dot, EXTENSIONS[i]) == 0) {
            *out = (kt_sheet_kind_t)i;
            return true;
        }
    *out = KT_SHEET_PNG;
    return strcmp(name, "-") == 0;
}

kt_err_t
kt_sheet_new(kt_sheet_t **self_p, size_t pages)
{
    kt_sheet_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->scale = pages > SIDE_BY_SIDE ? REDUCED : 1;
    *self_p     = self;
    return KT_OK;
}

void
kt_sheet_destroy(kt_sheet_t **self_p)
{
    for (size_t i = 0; *self_p && i < (*self_p)->n; i++)
        cairo_surface_destroy((*self_p)->pages[i]);
    free(*self_p);
    *self_p = NULL;
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

kt_err_t
kt_sheet_add(kt_sheet_t *self, const kt_plot_data_t *data, const json_t *document)
{
    if (self->n == KT_SHEET_MOST)
        return KT_EFULL;
    const double            height = kt_plot_height(data);
    const cairo_rectangle_t extent = {0, 0, KT_PAGE_WIDTH, height};
    cairo_surface_t        *surface =
        self->scale < 1 ? cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(KT_PAGE_WIDTH * self->scale),
                                                            (int)ceil(height * self->scale))
                               : cairo_recording_surface_create(CAIRO_CONTENT_COLOR, &extent);
    cairo_t *cr = cairo_create(surface);
    cairo_scale(cr, self->scale, self->scale);
    errno        = 0;
    kt_err_t err = kt_plot_page(data, document, cr);
    if (!err)
        err = error_of_cairo(cairo_status(cr));
    cairo_destroy(cr);
    if (err) {
        cairo_surface_destroy(surface);
        return err;
    }
    self->pages[self->n]    = surface;
    self->height[self->n++] = height * self->scale;
    return KT_OK;
}

// Where the pages lie: rows of `columns`, each as high as its highest page.
static size_t
lay_out(const kt_sheet_t *self, double x[KT_SHEET_MOST], double y[KT_SHEET_MOST], double *width, double *height)
{
    size_t columns    = self->n <= SIDE_BY_SIDE ? self->n : (size_t)ceil(sqrt((double)self->n));
    columns           = columns < COLUMNS_MOST ? columns : COLUMNS_MOST;
    const double page = KT_PAGE_WIDTH * self->scale, gap = self->n > 1 ? GAP : 0;
    double       top = 0, highest = 0;
    for (size_t i = 0; i < self->n; i++) {
        if (i > 0 && i % columns == 0) {
            top += highest + gap;
            highest = 0;
        }
        x[i]    = (double)(i % columns) * (page + gap);
        y[i]    = top;
        highest = fmax(highest, self->height[i]);
    }
    *width  = (double)columns * page + (double)(columns - 1) * gap;
    *height = top + highest;
    return columns;
}

static cairo_status_t
write_bytes(void *context, const unsigned char *bytes, unsigned length)
{
    return fwrite(bytes, 1, length, context) == length ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

kt_err_t
kt_sheet_write(const kt_sheet_t *self, kt_sheet_kind_t kind, FILE *out)
{
    double           x[KT_SHEET_MOST], y[KT_SHEET_MOST], width, height;
    cairo_surface_t *surface;
    if (self->n == 0)
        return KT_EEMPTY;
    lay_out(self, x, y, &width, &height);
    errno = 0;
    if (kind == KT_SHEET_PDF)
        surface = cairo_pdf_surface_create_for_stream(write_bytes, out, width, height);
    else if (kind == KT_SHEET_SVG)
        surface = cairo_svg_surface_create_for_stream(write_bytes, out, width, height);
    else
        surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width), (int)ceil(height));
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    for (size_t i = 0; i < self->n; i++) {
        cairo_set_source_surface(cr, self->pages[i], x[i], y[i]);
        cairo_rectangle(cr, x[i], y[i], KT_PAGE_WIDTH * self->scale, self->height[i]);
        cairo_fill(cr);
    }
    kt_err_t err = error_of_cairo(cairo_status(cr));
    cairo_destroy(cr);
    if (!err && kind == KT_SHEET_PNG)
        err = error_of_cairo(cairo_surface_write_to_png_stream(surface, write_bytes, out));
    cairo_surface_finish(surface);
    if (!err)
        err = error_of_cairo(cairo_surface_status(surface));
    cairo_surface_destroy(surface);
    if (!err && fflush(out) != 0)
        err = errno == ENOSPC ? KT_EDISK : KT_EIO;
    return err;
}
