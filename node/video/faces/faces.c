#include "node/video/faces/faces.h"

#include "common/json.h"
#include "common/text.h"
#include "models/input/image_resize.h"
#include "node/video/faces/face_tracks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "centerface"

// Larger pictures are reduced, as means of the covered areas: a run's time and memory grow with the area. Large and
// blurred faces are found more surely in a small picture, each at some sizes and missed at others (tests/truth/fit/
// face_sizes.py): of 108 coarse faces of face_counts.py (seeds 1000 to 1011), and of 108 others (3000 to 3011) that
// chose nothing, the picture alone has 91 and 97 at .5, with .25 of its size 98 and 103, with .2 102 and 105, with .3
// and .2 104 and 106, with .4 and .2, which take half as long again, 104 and 107. What is smaller than LEAST_IN_SMALL
// pixels there is seen in the picture itself, if it is a face. In the real clips without faces the small pictures have
// none. What is FAINT at several sizes counts with TOGETHER: 105 and 107 faces, of 54 more (7000 to 7005) as many as
// without. With .5 for that 106 and 107, but a drawn rabbit has a face in 8 of 55 pictures instead of 6 (5 without):
// at every size its confidence is like that of a coarse face.
enum { MOST_SIDE = 1280, MOST_AREA = 1280 * 736, SIGHTINGS = 20000, SIZES_OF_PICTURE = 3, LEAST_SMALL_SIDE = 64 };
static const double SIZES[SIZES_OF_PICTURE] = {1, 0.3, 0.2};
#define LEAST_IN_SMALL 24
#define FAINT 0.2F
#define TOGETHER 0.65F

enum { HEAT, SIZE, OFFSET, OUTPUTS };
static const char *const NAMES[] = {[HEAT] = "heat", [SIZE] = "size", [OFFSET] = "offset", [OUTPUTS] = NULL};

struct kt_faces {
    kt_picture_model_t *model;
    kt_sighting_t      *seen;
    size_t              n, capacity;
    uint8_t            *reduced;
    size_t              reduced_bytes;
    char                failed[KT_PICTURE_WHY];  // "": no run has
};

kt_err_t
kt_faces_new(kt_faces_t **self_p, const kt_model_set_t *set, char why[KT_PICTURE_WHY])
{
    kt_faces_t *self = calloc(1, sizeof *self);
    kt_err_t    err  = self ? kt_picture_model_new(&self->model, set, MODEL, NAMES, why) : KT_ENOMEM;
    if (err || !self->model) {
        kt_faces_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_faces_destroy(kt_faces_t **self_p)
{
    kt_faces_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    kt_picture_model_destroy(&self->model);
    free(self->seen);
    free(self->reduced);
    free(self);
}

// Sides of the picture that the model gets.
static void
reduced_size(uint32_t width, uint32_t height, uint32_t *w, uint32_t *h)
{
    const double longer = width > height ? width : height, area = (double)width * height;
    const double factor = fmin(fmin(1, MOST_SIDE / longer), sqrt(MOST_AREA / area));
    *w                  = (uint32_t)fmax(1, round(width * factor));
    *h                  = (uint32_t)fmax(1, round(height * factor));
}

static kt_err_t
reduce(kt_faces_t *self, const kt_picture_t *picture, double factor, kt_picture_t *out)
{
    uint32_t w, h;
    reduced_size(picture->width, picture->height, &w, &h);
    w    = (uint32_t)fmax(1, round(w * factor));
    h    = (uint32_t)fmax(1, round(h * factor));
    *out = *picture;
    if (w == picture->width && h == picture->height)
        return KT_OK;
    const size_t need = 3 * (size_t)w * h;
    if (need > self->reduced_bytes) {
        free(self->reduced);
        self->reduced_bytes = 0;
        if (!(self->reduced = malloc(need)))
            return KT_ENOMEM;
        self->reduced_bytes = need;
    }
    *out = (kt_picture_t){self->reduced, w, h, 3 * (size_t)w};
    return kt_image_resize(KT_FILTER_AREA, picture, w, h, self->reduced);
}

static kt_err_t
add(kt_faces_t *self, const kt_sighting_t *sighting)
{
    if (self->n == SIGHTINGS)
        return KT_OK;
    if (self->n == self->capacity) {
        const size_t   capacity = self->capacity ? 2 * self->capacity : 64;
        kt_sighting_t *seen     = realloc(self->seen, capacity * sizeof *seen);
        if (!seen)
            return KT_ENOMEM;
        self->seen     = seen;
        self->capacity = capacity;
    }
    self->seen[self->n++] = *sighting;
    return KT_OK;
}

// The maps of the outputs; false: they do not have CenterFace's shapes.
static bool
read_maps(const kt_picture_output_t outputs[OUTPUTS], kt_centerface_maps_t *out)
{
    const int64_t *heat = outputs[HEAT].shape.dims;
    for (int i = 0; i < OUTPUTS; i++) {
        const kt_shape_of_t *shape = &outputs[i].shape;
        if (shape->rank != 4 || shape->dims[1] != (i == HEAT ? 1 : 2) || shape->dims[2] != heat[2] ||
            shape->dims[3] != heat[3])
            return false;
    }
    *out = (kt_centerface_maps_t){outputs[HEAT].values, outputs[SIZE].values, outputs[OFFSET].values, (size_t)heat[2],
                                  (size_t)heat[3]};
    return true;
}

static kt_err_t
fail(kt_faces_t *self, const char *why)
{
    snprintf(self->failed, sizeof self->failed, "model " MODEL ": %s", why);
    return KT_OK;
}

// Faces of the picture at one of its sizes, in pixels of the picture.
static kt_err_t
find_at(kt_faces_t *self, const kt_picture_t *picture, double factor, kt_face_t faces[KT_FACES_MOST], size_t *n)
{
    kt_picture_output_t  outputs[OUTPUTS];
    kt_centerface_maps_t maps;
    kt_picture_t         reduced;
    int64_t              h, w;
    kt_err_t             err = reduce(self, picture, factor, &reduced);
    *n                       = 0;
    if (factor < 1 && (reduced.width < LEAST_SMALL_SIDE || reduced.height < LEAST_SMALL_SIDE))
        return err;
    if (!err)
        err = kt_picture_model_run(self->model, &reduced, outputs);
    if (err)
        return err == KT_ENOMEM ? err : fail(self, kt_err_text(err));
    if (!read_maps(outputs, &maps))
        return fail(self, "its outputs are not the maps of CenterFace");
    kt_picture_model_size(self->model, &reduced, &h, &w);
    const float right = (float)picture->width / (float)w, down = (float)picture->height / (float)h;
    *n = kt_centerface_faces(&maps, FAINT, faces);
    for (size_t i = 0; i < *n; i++) {
        faces[i].x *= right;
        faces[i].y *= down;
        faces[i].width *= right;
        faces[i].height *= down;
    }
    if (factor < 1)
        *n = kt_faces_large(faces, *n, (float)(LEAST_IN_SMALL * picture->width) / (float)reduced.width);
    return KT_OK;
}

kt_err_t
kt_faces_find(kt_faces_t *self, const kt_picture_t *picture, uint32_t factor, uint32_t sample)
{
    kt_face_t   faces[SIZES_OF_PICTURE * KT_FACES_MOST];
    size_t      n   = 0, more;
    kt_err_t    err = KT_OK;
    const float f   = (float)factor;
    for (size_t s = 0; s < SIZES_OF_PICTURE && !err && !self->failed[0]; s++, n += more)
        err = find_at(self, picture, SIZES[s], faces + n, &more);
    n = kt_faces_join(faces, n, KT_FACE_LEAST, TOGETHER);
    for (size_t i = 0; i < n && i < KT_FACES_MOST && !err; i++) {
        const kt_face_t *face  = &faces[i];
        const kt_face_t  coded = {face->x * f, face->y * f, face->width * f, face->height * f, face->confidence};
        err                    = add(self, &(kt_sighting_t){.face = coded, .sample = sample});
    }
    return err;
}

void
kt_faces_null(kt_document_t *document, const char *reason)
{
    kt_document_null(document, KT_FEATURE_VISUAL_faces, reason);
    kt_document_null(document, KT_FEATURE_VISUAL_faces_detected, reason);
}

static double
rounded(double x)
{
    return round(x * 10) / 10;
}

static bool
append(json_t *list, const kt_sighting_t *seen, const kt_sampled_t *sample)
{
    json_t         *object = kt_json_object(), *box = kt_json_array();
    const kt_face_t face = seen->face;
    bool            good = object && box && kt_json_append(box, kt_json_real(rounded(face.x))) &&
                kt_json_append(box, kt_json_real(rounded(face.y))) &&
                kt_json_append(box, kt_json_real(rounded(face.width))) &&
                kt_json_append(box, kt_json_real(rounded(face.height)));
    good = good && kt_json_set(object, "time", kt_json_real(sample->time_s));
    good = kt_json_set(object, "box", box) && good;  // takes box in any case
    good = good && kt_json_set(object, "confidence", kt_json_real(round((double)face.confidence * 1000) / 1000));
    return kt_json_append(list, object) && good;
}

static int
by_confidence(const void *a, const void *b)
{
    const kt_sighting_t *const *x = a, *const *y = b;
    if ((*x)->face.confidence != (*y)->face.confidence)
        return (*x)->face.confidence > (*y)->face.confidence ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static int
by_place(const void *a, const void *b)
{
    const kt_sighting_t *const *x = a, *const *y = b;
    return *x < *y ? -1 : *x > *y;
}

// The detections that count, in the order of time; of more than the table's row allows the most confident ones.
static kt_err_t
write_faces(const kt_faces_t *self, const kt_sampled_t *samples, kt_document_t *document)
{
    const size_t          most = kt_feature_desc(KT_FEATURE_VISUAL_faces)->max_count;
    const kt_sighting_t **kept = calloc(self->n + 1, sizeof *kept);
    json_t               *list = kt_json_array();
    size_t                n    = 0;
    bool                  good = kept && list;
    for (size_t i = 0; good && i < self->n; i++)
        if (self->seen[i].counts)
            kept[n++] = &self->seen[i];
    if (good && n > most) {
        qsort(kept, n, sizeof *kept, by_confidence);
        n = most;
        qsort(kept, n, sizeof *kept, by_place);
    }
    for (size_t i = 0; good && i < n; i++)
        good = append(list, kept[i], &samples[kept[i]->sample]);
    free(kept);
    if (good)
        kt_document_objects(document, KT_FEATURE_VISUAL_faces, list);
    else
        kt_json_free(&list);
    return good ? KT_OK : KT_ENOMEM;
}

kt_err_t
kt_faces_write(kt_faces_t *self, const kt_sampled_t *samples, kt_document_t *document)
{
    const kt_model_entry_t *entry = kt_picture_model_entry(self->model);
    char                    method[KT_DOCUMENT_REASON];
    size_t                  count = 0;
    if (self->failed[0]) {
        kt_faces_null(document, self->failed);
        return KT_OK;
    }
    for (size_t i = 0; i < self->n; i++)
        self->seen[i].shot = samples[self->seen[i].sample].shot;
    kt_err_t err = kt_face_tracks(self->seen, self->n, &count);
    if (err || (err = write_faces(self, samples, document)))
        return err;
    kt_document_int(document, KT_FEATURE_VISUAL_faces_detected, (int64_t)count);
    snprintf(method, sizeof method, "model:%s %s", entry->name, entry->version);
    kt_document_method(document, KT_FEATURE_VISUAL_faces, method);
    kt_document_method(document, KT_FEATURE_VISUAL_faces_detected, method);
    kt_document_model(document, entry->name, entry->version);
    return KT_OK;
}

uint64_t
kt_faces_bytes(uint32_t width, uint32_t height)
{
    // The arena measured for 736 x 1,280 is 123 bytes per pixel; input, outputs and the reduced picture come to it.
    enum { PER_PIXEL = 160, BASE = 4 << 20 };
    uint32_t w, h;
    reduced_size(width ? width : 1, height ? height : 1, &w, &h);
    return BASE + PER_PIXEL * (uint64_t)(w + 31) * (h + 31) + SIGHTINGS * 4 * sizeof(kt_sighting_t);
}
