#include "node/video/faces/centerface.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define SAME 0.3F  // overlap from which two boxes are one face, as in the original

enum { STRIDE = 4, CANDIDATES = 1024 };

typedef struct candidate {
    float  heat;
    size_t cell;
} candidate_t;

// The higher heat first, then the earlier cell.
static int
compare(const void *a, const void *b)
{
    const candidate_t *x = a, *y = b;
    if (x->heat != y->heat)
        return x->heat > y->heat ? -1 : 1;
    return x->cell < y->cell ? -1 : x->cell > y->cell;
}

// The cells above the threshold; of more than CANDIDATES the first ones, the threshold being raised until they fit.
static size_t
collect(const kt_centerface_maps_t *maps, float least, candidate_t *out)
{
    const size_t cells = maps->rows * maps->cols;
    for (;; least += (1 - least) / 4) {
        size_t n = 0;
        for (size_t i = 0; i < cells && n <= CANDIDATES; i++)
            if (maps->heat[i] >= least && n++ < CANDIDATES)
                out[n - 1] = (candidate_t){maps->heat[i], i};
        if (n <= CANDIDATES || least > 0.9999F)
            return n < CANDIDATES ? n : CANDIDATES;
    }
}

static float
limit(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;  // a NaN stays one, and is refused later
}

static kt_face_t
face_at(const kt_centerface_maps_t *maps, const candidate_t *candidate)
{
    const size_t cells = maps->rows * maps->cols, i = candidate->cell;
    const float  right = (float)(STRIDE * maps->cols), bottom = (float)(STRIDE * maps->rows);
    const float  height = STRIDE * expf(maps->size[i]), width = STRIDE * expf(maps->size[cells + i]);
    const float  cy = STRIDE * ((float)(i / maps->cols) + maps->offset[i] + 0.5F);
    const float  cx = STRIDE * ((float)(i % maps->cols) + maps->offset[cells + i] + 0.5F);
    const float  x = limit(cx - width / 2, 0, right), y = limit(cy - height / 2, 0, bottom);
    return (kt_face_t){x, y, limit(x + width, 0, right) - x, limit(y + height, 0, bottom) - y, candidate->heat};
}

// Intersection over union; 0 where a box is empty.
static float
face_overlap(const kt_face_t *a, const kt_face_t *b)
{
    const float left = fmaxf(a->x, b->x), right = fminf(a->x + a->width, b->x + b->width);
    const float top = fmaxf(a->y, b->y), bottom = fminf(a->y + a->height, b->y + b->height);
    const float common = fmaxf(0, right - left) * fmaxf(0, bottom - top);
    const float both   = a->width * a->height + b->width * b->height - common;
    return both > 0 ? common / both : 0;
}

static int
compare_faces(const void *a, const void *b)
{
    const kt_face_t *x = a, *y = b;
    if (x->confidence != y->confidence)
        return x->confidence > y->confidence ? -1 : 1;
    if (x->y != y->y)
        return x->y < y->y ? -1 : 1;
    return x->x < y->x ? -1 : x->x > y->x;
}

size_t
kt_faces_join(kt_face_t *faces, size_t n, float least, float together)
{
    size_t count = 0;
    if (n > 0)
        qsort(faces, n, sizeof *faces, compare_faces);
    for (size_t i = 0; i < n; i++) {
        bool new    = true;
        float doubt = 1 - faces[i].confidence;
        for (size_t k = 0; k < count && new; k++)
            new = face_overlap(&faces[i], &faces[k]) < SAME;
        for (size_t k = i + 1; k < n && new; k++)
            doubt *= face_overlap(&faces[i], &faces[k]) < SAME ? 1 : 1 - faces[k].confidence;
        if (new && (faces[i].confidence >= least || 1 - doubt >= together))
            faces[count++] = faces[i];
    }
    return count;
}

size_t
kt_faces_large(kt_face_t *faces, size_t n, float side)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (faces[i].width * faces[i].height >= side * side)
            faces[count++] = faces[i];
    return count;
}

size_t
kt_centerface_faces(const kt_centerface_maps_t *maps, float least, kt_face_t out[KT_FACES_MOST])
{
    candidate_t  candidates[CANDIDATES];
    const size_t n     = collect(maps, least, candidates);
    size_t       count = 0;
    qsort(candidates, n, sizeof *candidates, compare);
    for (size_t i = 0; i < n && count < KT_FACES_MOST; i++) {
        const kt_face_t face = face_at(maps, &candidates[i]);
        bool new             = face.width > 0 && face.height > 0;  // false of a NaN
        for (size_t k = 0; k < count && new; k++)
            new = face_overlap(&face, &out[k]) < SAME;
        if (new)
            out[count++] = face;
    }
    return count;
}
