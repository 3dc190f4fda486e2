#include "node/video/text/text.h"

#include "common/json.h"
#include "node/video/text/boxes.h"
#include "node/video/text/crop.h"
#include "node/video/text/known.h"
#include "node/video/text/regions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDER "ppocr_det"
#define READER "ppocr_rec"

#define SURE 0.5F  // least confidence of a long line,
#define SURE_FEW                                                                                                       \
    0.25F  // and this over the number of letters more: a mean of few says less. "CC" as a logo reads at .65,
           // fences and windows at .51 to .55 ("111", "M3")

enum { LINES = 20000, LEAST_LETTERS = 2, LEAST_SIDE = 4 };

struct kt_texts {
    kt_picture_model_t *finder, *reader;
    kt_known_t          known;
    kt_text_line_t     *lines;
    size_t              n, capacity;
    char                failed[KT_PICTURE_WHY];  // "": no run has
};

kt_err_t
kt_texts_new(kt_texts_t **self_p, const kt_model_set_t *set, char why[KT_PICTURE_WHY])
{
    static const char *const MAP[] = {"map", NULL}, *const TEXT[] = {"text", NULL};
    kt_texts_t *self = calloc(1, sizeof *self);
    kt_err_t    err  = self ? kt_picture_model_new(&self->finder, set, FINDER, MAP, why) : KT_ENOMEM;
    if (!err && self->finder)
        err = kt_picture_model_new(&self->reader, set, READER, TEXT, why);
    if (!err && self->reader)
        err = kt_known_init(&self->known);
    if (!err && self->reader && kt_picture_model_output(self->reader, 0)->classes == 0) {
        snprintf(why, KT_PICTURE_WHY, "model " READER ": its classes have no names");
        kt_picture_model_destroy(&self->reader);
    }
    if (err || !self->reader) {
        kt_texts_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_texts_destroy(kt_texts_t **self_p)
{
    kt_texts_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->n; i++)
        free(self->lines[i].text);
    kt_picture_model_destroy(&self->finder);
    kt_picture_model_destroy(&self->reader);
    kt_known_fini(&self->known);
    free(self->lines);
    free(self);
}

static kt_err_t
fail(kt_texts_t *self, const char *model, const char *why)
{
    snprintf(self->failed, sizeof self->failed, "model %s: %s", model, why);
    return KT_OK;
}

// A run's error: what is not KT_ENOMEM makes the feature null.
static kt_err_t
run_failed(kt_texts_t *self, const char *model, kt_err_t err)
{
    return err == KT_ENOMEM ? err : fail(self, model, kt_err_text(err));
}

static kt_err_t
add(kt_texts_t *self, kt_text_line_t line, const char *text)
{
    if (self->n == LINES)
        return KT_OK;
    if (self->n == self->capacity) {
        const size_t    capacity = self->capacity ? 2 * self->capacity : 32;
        kt_text_line_t *lines    = realloc(self->lines, capacity * sizeof *lines);
        if (!lines)
            return KT_ENOMEM;
        self->lines    = lines;
        self->capacity = capacity;
    }
    if (!(line.text = strdup(text)))
        return KT_ENOMEM;
    self->lines[self->n++] = line;
    return KT_OK;
}

// Distance between the dark and the light tenth of the pixels of a crop.
static float
contrast_of(const kt_picture_t *crop)
{
    size_t       count[256] = {0}, below = 0;
    const size_t pixels = (size_t)crop->width * crop->height, tenth = (pixels + 9) / 10;
    int          dark = -1, light = 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = crop->rgb + 3 * i;
        count[(299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000]++;
    }
    for (int v = 0; v < 256; v++) {
        if (count[v] && below <= pixels - tenth)
            light = v;
        below += count[v];
        if (dark < 0 && below >= tenth)
            dark = v;
    }
    return (float)(light - dark) / 255;
}

// The upright box of a quadrangle within the picture, in coded pixels, and its slope.
static kt_text_line_t
line_of(const kt_point_t corner[4], uint32_t factor)
{
    float left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
    for (int i = 0; i < 4; i++) {
        left   = fminf(left, corner[i].x);
        right  = fmaxf(right, corner[i].x);
        top    = fminf(top, corner[i].y);
        bottom = fmaxf(bottom, corner[i].y);
    }
    const float dx = corner[1].x - corner[0].x, dy = corner[1].y - corner[0].y, length = hypotf(dx, dy);
    const float f = (float)factor;
    return (kt_text_line_t){.x      = left * f,
                            .y      = top * f,
                            .width  = (right - left) * f,
                            .height = (bottom - top) * f,
                            .slope  = length > 0 ? fabsf(dy) / length : 1};
}

// The recogniser's reading of a crop.
static kt_err_t
read_crop(kt_texts_t *self, const kt_picture_t *crop, kt_reading_t *out)
{
    const kt_model_output_t *output = kt_picture_model_output(self->reader, 0);
    kt_picture_output_t      rows;
    *out         = (kt_reading_t){0};
    kt_err_t err = kt_picture_model_run(self->reader, crop, &rows);
    if (err)
        return run_failed(self, READER, err);
    if (rows.shape.rank != 3 || rows.shape.dims[2] != (int64_t)output->classes)
        return fail(self, READER, "its output is not one row of classes per step");
    kt_ctc_read(rows.values, (size_t)rows.shape.dims[1], output->classes, output->class_names, out);
    return KT_OK;
}

// Reads one box of the detector. Its corners are whole pixels inside the picture, as in the original.
static kt_err_t
read_box(kt_texts_t *self, const kt_picture_t *picture, const kt_point_t corner[4], uint32_t factor, uint32_t sample)
{
    kt_text_line_t line = line_of(corner, factor);
    kt_picture_t   crop;
    kt_reading_t  *reading;
    uint8_t       *rgb = NULL;
    bool           read;
    kt_err_t       err = kt_crop_new(picture, corner, &rgb, &crop);
    if (err)
        return err == KT_ENOMEM ? err : KT_OK;  // KT_EINVAL: the box is too small
    err = kt_known_line(&self->known, corner, &crop, &reading, &read);
    if (!err && reading && !read)
        err = read_crop(self, &crop, reading);
    line.contrast = contrast_of(&crop);
    free(rgb);
    if (err || !reading || reading->letters < LEAST_LETTERS ||
        !(reading->confidence >= SURE + SURE_FEW / (float)reading->letters))
        return err;
    line.confidence = reading->confidence;
    line.sample     = sample;
    return add(self, line, reading->text);
}

static float
limit(float x, float high)
{
    return x < 0 ? 0 : x > high ? high : x;
}

kt_err_t
kt_texts_find(kt_texts_t *self, const kt_picture_t *picture, uint32_t factor, uint32_t sample)
{
    kt_text_box_t       boxes[KT_TEXT_BOXES];
    kt_picture_output_t map;
    size_t              n = 0;
    if (self->failed[0])
        return KT_OK;
    kt_err_t err = kt_picture_model_run(self->finder, picture, &map);
    if (err)
        return run_failed(self, FINDER, err);
    if (map.shape.rank != 4 || map.shape.dims[1] != 1)
        return fail(self, FINDER, "its output is not a map");
    kt_known_begin(&self->known);
    const size_t rows = (size_t)map.shape.dims[2], cols = (size_t)map.shape.dims[3];
    err           = kt_text_boxes(map.values, rows, cols, boxes, &n);
    const float w = (float)picture->width, h = (float)picture->height;
    for (size_t i = 0; i < n && !err && !self->failed[0]; i++) {
        kt_point_t *corner = boxes[i].corner;
        for (int k = 0; k < 4; k++)
            corner[k] = (kt_point_t){limit(rintf(corner[k].x * w / (float)cols), w),
                                     limit(rintf(corner[k].y * h / (float)rows), h)};
        if (hypotf(corner[1].x - corner[0].x, corner[1].y - corner[0].y) >= LEAST_SIDE &&
            hypotf(corner[3].x - corner[0].x, corner[3].y - corner[0].y) >= LEAST_SIDE)
            err = read_box(self, picture, corner, factor, sample);
    }
    return err;
}

static bool
append(json_t *list, const kt_text_region_t *region, const kt_sampled_t *samples)
{
    const kt_text_line_t *line   = region->best;
    const float           box[4] = {line->x, line->y, line->width, line->height};
    json_t               *object = kt_json_object(), *corners = kt_json_array();
    bool                  good = object && corners;
    for (int i = 0; i < 4 && good; i++)
        good = kt_json_append(corners, kt_json_real((double)box[i]));
    good = good && kt_json_set(object, "start", kt_json_real(samples[region->first].time_s));
    good = good && kt_json_set(object, "end", kt_json_real(samples[region->last].time_s));
    good = kt_json_set(object, "box", corners) && good;  // takes it in any case
    good = good && kt_json_set(object, "text", kt_json_text(line->text));
    good = good && kt_json_set(object, "confidence", kt_json_real(round((double)line->confidence * 1000) / 1000));
    good = good && kt_json_set(object, "kind", kt_json_text(region->caption ? "caption" : "scene"));
    return kt_json_append(list, object) && good;
}

static int
by_confidence(const void *a, const void *b)
{
    const kt_text_region_t *x = a, *y = b;
    if (x->best->confidence != y->best->confidence)
        return x->best->confidence > y->best->confidence ? -1 : 1;
    return x->best < y->best ? -1 : x->best > y->best;
}

static int
by_first(const void *a, const void *b)
{
    const kt_text_region_t *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->best < y->best ? -1 : x->best > y->best;
}

// In the order of time; of more than the table's row allows the most confident ones.
static kt_err_t
write_regions(const kt_texts_t *self, const kt_sampled_t *samples, kt_document_t *document)
{
    const size_t      most    = kt_feature_desc(KT_FEATURE_VISUAL_text_regions)->max_count;
    kt_text_region_t *regions = NULL;
    size_t            n       = 0;
    json_t           *list    = kt_json_array();
    kt_err_t          err     = list ? kt_text_regions(self->lines, self->n, samples, &regions, &n) : KT_ENOMEM;
    if (!err && n > most) {
        qsort(regions, n, sizeof *regions, by_confidence);
        n = most;
        qsort(regions, n, sizeof *regions, by_first);
    }
    for (size_t i = 0; i < n && !err; i++)
        err = append(list, &regions[i], samples) ? KT_OK : KT_ENOMEM;
    free(regions);
    if (err)
        kt_json_free(&list);
    else
        kt_document_objects(document, KT_FEATURE_VISUAL_text_regions, list);
    return err;
}

kt_err_t
kt_texts_write(const kt_texts_t *self, const kt_sampled_t *samples, kt_document_t *document)
{
    const kt_model_entry_t *finder = kt_picture_model_entry(self->finder),
                           *reader = kt_picture_model_entry(self->reader);
    char method[KT_DOCUMENT_REASON];
    if (self->failed[0]) {
        kt_document_null(document, KT_FEATURE_VISUAL_text_regions, self->failed);
        return KT_OK;
    }
    const kt_err_t err = write_regions(self, samples, document);
    snprintf(method, sizeof method, "model:%s %s, %s %s", finder->name, finder->version, reader->name, reader->version);
    kt_document_method(document, KT_FEATURE_VISUAL_text_regions, method);
    kt_document_model(document, finder->name, finder->version);
    kt_document_model(document, reader->name, reader->version);
    return err;
}

uint64_t
kt_texts_bytes(uint32_t width, uint32_t height)
{
    // The detector's arena measured for 736 x 1,312 is 56 bytes per point; input, map and a crop come to it. Small
    // pictures are enlarged. Runs of points that the map has at most, and lines that are kept.
    enum { PER_POINT = 80, SMALL_SIDE = 736, LARGE_SIDE = 2000, READER_BYTES = 32 << 20, LINE_BYTES = 100 };
    const double shorter = fmax(1, width < height ? width : height), longer = fmax(1, width > height ? width : height);
    const double factor = fmin(fmax(1, SMALL_SIDE / shorter), LARGE_SIDE / longer);
    const double points = (shorter * factor + 32) * (longer * factor + 32);
    return READER_BYTES + (uint64_t)(PER_POINT * points) + LINES * (uint64_t)(2 * sizeof(kt_text_line_t) + LINE_BYTES);
}
