#include "node/video/faces/face_tracks.h"

#include <math.h>
#include <stdlib.h>

#define NEAR 1.5F

enum { OPEN_TRACKS = 256 };  // that a detection is compared with: the youngest of the shot

typedef struct track {
    kt_face_t last;
    float     best;  // confidence
    uint32_t  samples, sample;
} track_t;

typedef struct tracks {
    track_t *tracks;
    size_t   n, first;  // of the present shot
} tracks_t;

// Distance of the centres in face sizes; INFINITY: not the same face.
static float
distance(const kt_face_t *a, const kt_face_t *b)
{
    const float size_a = sqrtf(a->width * a->height), size_b = sqrtf(b->width * b->height);
    const float dx = a->x + a->width / 2 - b->x - b->width / 2, dy = a->y + a->height / 2 - b->y - b->height / 2;
    if (size_a >= 2 * size_b || size_b >= 2 * size_a)
        return INFINITY;
    const float near = 2 * sqrtf(dx * dx + dy * dy) / (size_a + size_b);
    return near < NEAR ? near : INFINITY;
}

// The nearest pair of a track and a detection of one sample that are both free; false: none is near.
static bool
nearest(const tracks_t *self, const kt_sighting_t *seen, size_t n, const bool *taken, size_t *track, size_t *sighting)
{
    float best = INFINITY;
    for (size_t t = self->first; t < self->n; t++)
        for (size_t s = 0; s < n && self->tracks[t].sample != seen->sample; s++) {
            const float near = taken[s] ? INFINITY : distance(&self->tracks[t].last, &seen[s].face);
            if (near < best) {
                best      = near;
                *track    = t;
                *sighting = s;
            }
        }
    return best < INFINITY;
}

static void
join(tracks_t *self, size_t track, kt_sighting_t *seen)
{
    track_t *to = &self->tracks[track];
    to->last    = seen->face;
    to->best    = fmaxf(to->best, seen->face.confidence);
    to->sample  = seen->sample;
    to->samples++;
    seen->track = (uint32_t)track;
}

// The detections of one sample.
static void
take_sample(tracks_t *self, kt_sighting_t *seen, size_t n)
{
    bool   taken[KT_FACES_MOST] = {false};
    size_t track = 0, sighting = 0;
    n           = n < KT_FACES_MOST ? n : KT_FACES_MOST;
    self->first = self->n > self->first + OPEN_TRACKS ? self->n - OPEN_TRACKS : self->first;
    while (nearest(self, seen, n, taken, &track, &sighting)) {
        join(self, track, &seen[sighting]);
        taken[sighting] = true;
    }
    for (size_t s = 0; s < n; s++)
        if (!taken[s]) {
            self->tracks[self->n] = (track_t){0};
            join(self, self->n++, &seen[s]);
        }
}

kt_err_t
kt_face_tracks(kt_sighting_t *sightings, size_t n, size_t *faces)
{
    tracks_t self = {.tracks = calloc(n + 1, sizeof *self.tracks)};
    if (!self.tracks)
        return KT_ENOMEM;
    for (size_t i = 0, end = 0; i < n; i = end) {
        while (end < n && sightings[end].sample == sightings[i].sample)
            end++;
        if (i == 0 || sightings[i].shot != sightings[i - 1].shot)
            self.first = self.n;
        take_sample(&self, sightings + i, end - i);
    }
    *faces = 0;
    for (size_t t = 0; t < self.n; t++)
        *faces += self.tracks[t].samples > 1 || self.tracks[t].best >= KT_FACE_SURE;
    for (size_t i = 0; i < n; i++) {
        const track_t *track = &self.tracks[sightings[i].track];
        sightings[i].counts  = track->samples > 1 || track->best >= KT_FACE_SURE;
    }
    free(self.tracks);
    return KT_OK;
}
