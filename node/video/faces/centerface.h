// kt_centerface -- faces from the maps of CenterFace (Xu et al. 2020, arXiv 1911.03599; models.md of the converters).
// Each cell of 4 x 4 points holds the probability that the centre of a face lies in it, the logarithm of the face's
// height and width in cells, and where in the cell the centre is. Overlapping faces are one. Pure; any thread.
#pragma once

#include "common/err.h"

#include <stddef.h>

enum { KT_FACES_MOST = 128 };  // of one picture: those with the highest confidence

typedef struct kt_face {
    float x, y, width, height;  // pixels; upper left corner
    float confidence;           // 0 to 1
} kt_face_t;

// Maps of one picture: heat [rows][cols], size and offset [2][rows][cols], vertical first.
typedef struct kt_centerface_maps {
    const float *heat, *size, *offset;
    size_t       rows, cols;
} kt_centerface_maps_t;

// Faces of at least this confidence in points of the model's input, the most confident first. Returns how many.
size_t kt_centerface_faces(const kt_centerface_maps_t *maps, float least, kt_face_t out[KT_FACES_MOST]);
// Faces of several sizes of one picture: of those that overlap the most confident is kept, if it has the confidence
// `least`, or if they have `together`: that not all of them are mistaken, 1 - (1 - a) (1 - b) ..., as if they were
// independent. The most confident first; returns how many are left.
size_t kt_faces_join(kt_face_t *faces, size_t n, float least, float together);
// Drops those of less than the area of a square with this side; the order stays. Returns how many are left.
size_t kt_faces_large(kt_face_t *faces, size_t n, float side);
