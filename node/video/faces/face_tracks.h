// kt_face_tracks -- which detections are the same face, within a shot, and which count. Pure; any thread.
//
// A detection continues the track whose last box is the nearest, where their centres are closer than NEAR face sizes
// and their sizes differ by less than a factor of two: people move between two samples, which may be seconds apart. A
// face counts when it was seen in two samples of its shot, or in one with a confidence of SURE; a detection below LEAST
// is none. Both thresholds: realvideo of the collection, where .5 alone boxes dogs and toys, and .7 alone loses faces.
#pragma once

#include "node/video/faces/centerface.h"

#include <stdbool.h>
#include <stdint.h>

#define KT_FACE_LEAST 0.5F
#define KT_FACE_SURE 0.7F

typedef struct kt_sighting {
    kt_face_t face;    // pixels of the picture as shown
    uint32_t  sample;  // number of the sampled picture
    uint32_t  shot;    // of it
    uint32_t  track;   // set by kt_face_tracks
    bool      counts;
} kt_sighting_t;

// Sightings in the order of samples. Sets track and counts of each; returns the number of tracks that count: at most
// one per face and shot. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_face_tracks(kt_sighting_t *sightings, size_t n, size_t *faces);
